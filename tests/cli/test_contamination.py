from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cli.test_build import ggt
from tests.making import encoded
from tests.quality.test_contamination import scene


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test set of scenes 0-3, pairs to train on of scenes 3 and 9, and the index."""
    root = tmp_path_factory.mktemp("contamination")
    for folder, seeds in (("test", range(4)), ("train/LQ", (3, 9)), ("train/GT", (3, 9))):
        (root / folder).mkdir(parents=True)
        for seed in seeds:
            pixels = scene(seed) // 2 if folder.endswith("LQ") else scene(seed)
            (root / folder / f"s{seed}.png").write_bytes(encoded(pixels))
    done = ggt("contamination", "index", root / "test", root / "index.parquet", "--json")
    assert json.loads(done.stdout)["num_pictures"] == 4
    return root


def build(root: Path, *words: object) -> subprocess.CompletedProcess[str]:
    src, out = root / "train", root / "out"
    return ggt("build", src, out, "--category", "haze", "--license", "CC0-1.0", *words)


def test_check_lists_hits_and_fails(folders: Path) -> None:
    done = ggt("contamination", "check", folders / "train", folders / "index.parquet", "--json")
    assert done.returncode == 1
    assert [(row["picture"], row["is"]) for row in json.loads(done.stdout)] == [
        ("GT/s3.png", "s3.png"),
        ("LQ/s3.png", "s3.png"),
    ]
    assert "2 of 4 pictures are in the test set" in done.stderr
    clean = folders / "train/GT/s9.png"
    done = ggt("contamination", "check", clean, folders / "index.parquet")
    assert (done.returncode, done.stdout) == (0, "")


def test_build_and_push_refuse_what_overlaps(folders: Path) -> None:
    refused = build(folders, "--refuse-overlap", folders / "index.parquet")
    assert refused.returncode == 1 and "s3" in refused.stderr
    assert "leave their pairs out" in refused.stderr
    assert not (folders / "out").exists()
    assert build(folders).returncode == 0
    words = "push", "dataset", folders / "out", "org/name", "--dry-run"
    refused = ggt(*words, "--refuse-overlap", folders / "index.parquet")
    assert refused.returncode == 1 and "are in the test set" in refused.stderr


def test_training_refuses_what_overlaps_in_the_split_that_it_reads(folders: Path) -> None:
    photos, recipe = folders / "photos", folders / "mine.yaml"
    photos.mkdir()
    (photos / "s3.png").write_bytes(encoded(scene(3)))
    assert build(folders).returncode == 0  # its pairs are all of the split "train"
    text = ggt("train", "one-step", "--print").stdout
    for sources, split, refused in (
        (f"photographs: {photos}", "", True),
        (f"pairs: {folders / 'out'}", "train", True),
        (f"pairs: {folders / 'out'}", "test", False),
    ):
        changed = yaml.safe_load(text)
        word, _, path = sources.partition(": ")
        changed["data"]["sources"] = [{word: path} | ({"split": split} if split else {})]
        changed["data"].pop("ratio", None)
        recipe.write_text(yaml.safe_dump(changed))
        words = "train", recipe, "--output", folders / "run", "--steps", "1"
        done = ggt(*words, "--refuse-overlap", folders / "index.parquet")
        assert done.returncode == 1
        assert ("are in the test set" in done.stderr) == refused
        assert not (folders / "run/model").exists()


def test_a_file_that_is_no_index_is_named(folders: Path) -> None:
    done = ggt("contamination", "check", folders / "train", folders / "test/s1.png")
    assert done.returncode == 1
    assert "s1.png is no index" in done.stderr and "next: Make it again" in done.stderr

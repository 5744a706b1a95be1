"""``seekable=True``: other bytes, the same pixels; built, stopped and resumed like any dataset."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ggt_hf import build_dataset, images, validate
from ggt_hf.data.building.build import build, list_pairs
from ggt_hf.data.building.planning import BuildOptions
from ggt_hf.data.building.rewriting import SEEKABLE_PATH
from ggt_hf.data.building.seekable import find_jpegtran
from ggt_hf.data.building.sources import Labels
from ggt_hf.data.format.attribution import attribution, pixel_change
from ggt_hf.data.format.schema import MANIFEST_PATH
from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.data.regions import Region, decode_region
from ggt_hf.errors import MissingExtraError
from tests.data.building.sources_making import tree_bytes, write_files
from tests.data.building.test_build_killed import RECORDED, records
from tests.halting import killed_after
from tests.making import encoded, picture

SHARD = 60_000
SIZE = (160, 128)
NUM_PAIRS = 20


def side(seed: int, form: str, **options: object) -> bytes:
    return encoded(picture(seed, *SIZE), form, **options)


@pytest.fixture(scope="module")
def src(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JPEG beside PNG, and one pair of kinds that have no parts: progressive, WebP."""
    files = {}
    for i in range(NUM_PAIRS):
        files[f"rain/LQ/{i:02d}.jpg"] = side(i, "JPEG", quality=90, subsampling=2 * (i % 2))
        files[f"rain/GT/{i:02d}.png"] = side(i + 100, "PNG")
    files["rain/LQ/whole.jpg"] = side(50, "JPEG", progressive=True)
    files["rain/GT/whole.webp"] = side(51, "WEBP", lossless=True)
    return write_files(tmp_path_factory.mktemp("seekable") / "src", files)


@pytest.fixture(scope="module")
def built(src: Path) -> Path:
    out = src.parent / "built"
    build_dataset(src, out, shard_size=SHARD, license="CC0-1.0", seekable=True)
    return out


def test_bytes_change_and_pixels_do_not(src: Path, built: Path) -> None:
    region = Region(x=33, y=17, width=64, height=48)
    with open_dataset(built) as store:
        assert len(store.manifest) == NUM_PAIRS + 1
        for row in store.manifest:
            pair = store.pair(row, verify=True)
            for data, index, suffix in (
                (pair.lq, row.lq_index, "LQ"),
                (pair.gt, row.gt_index, "GT"),
            ):
                (original,) = (src / "rain" / suffix).glob(f"{row.key.rpartition('-')[2]}.*")
                pixels = images.decode(original.read_bytes(), "the original")
                assert np.array_equal(images.decode(data, row.key), pixels)
                part = decode_region(data, region, index=index)
                assert np.array_equal(part, region.crop(pixels))
                if "whole" in row.key:
                    assert data == original.read_bytes()
                    assert index is None
                else:
                    assert data != original.read_bytes()
                    assert index is not None


def test_it_is_said_of_each_pair_and_counted_for_all(built: Path) -> None:
    with open_dataset(built) as store:
        said = {row.key: pixel_change(store.pair(row).info) for row in store.manifest}
        assert attribution(store.pair(store.manifest.row(0)).info).pixels == "lossless"
    assert {key for key, word in said.items() if word == "unchanged"} == {"rain-whole"}
    assert sorted(said.values()).count("lossless") == NUM_PAIRS
    left = [json.loads(line) for line in (built / SEEKABLE_PATH).read_text().splitlines()]
    assert {line["member"]: line["reason"] for line in left} == {
        "rain-whole.gt": "webp has no parts that decode alone",
        "rain-whole.lq": "not a baseline JPEG of one scan, grey or three components",
    }


def test_what_a_record_says_of_its_pixels_is_kept(tmp_path: Path) -> None:
    write_files(tmp_path / "p", {"a.jpg": side(1, "JPEG"), "b.png": side(2, "PNG")})
    lines = [
        {"key": word, "lq": "a.jpg", "gt": "b.png", "category": "rain", "origin": "generated",
         "provenance": {"settings": {"steps": 4, "pixels": word}}}
        for word in ("lossy", "unchanged")
    ]  # fmt: skip
    (tmp_path / "p/pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    build_dataset(tmp_path / "p/pairs.jsonl", tmp_path / "out", seekable=True)
    with open_dataset(tmp_path / "out") as store:
        settings = [json.loads(store.pair(row).info.provenance.settings) for row in store.manifest]
    assert sorted(s["pixels"] for s in settings) == ["lossless", "lossy"]
    assert all(s["steps"] == 4 for s in settings)


def test_it_is_a_dataset_like_any_other(built: Path, tmp_path: Path) -> None:
    import webdataset
    from datasets import Image, load_dataset

    assert validate(built).ok
    table = load_dataset(str(built), split="train", cache_dir=str(tmp_path))
    assert len(table) == NUM_PAIRS + 1
    assert table[0]["lq"].size == SIZE
    assert table.cast_column("gt", Image(decode=False))[0]["gt"]["bytes"][:4] == b"\x89PNG"
    shards = sorted(str(path) for path in built.rglob("*.tar"))
    assert len(shards) > 1
    samples = list(webdataset.WebDataset(shards, shardshuffle=False))
    assert len(samples) == NUM_PAIRS + 1


@pytest.mark.parametrize("num_workers", [1, 5])
def test_the_number_of_workers_changes_nothing(
    src: Path, built: Path, tmp_path: Path, num_workers: int
) -> None:
    build_dataset(
        src, tmp_path / "out", shard_size=SHARD, license="CC0-1.0", seekable=True,
        num_workers=num_workers,
    )  # fmt: skip
    assert tree_bytes(tmp_path / "out") == tree_bytes(built)


def test_killed_and_resumed_it_is_the_same(src: Path, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["build", str(src), str(out), "--seekable", f"--shard-size={SHARD}"]
    command += ["--license=CC0-1.0", "--num-workers=1"]
    for num_shards in (1, 2):
        killed_after(RECORDED, 1, *command)
        assert records(out) == num_shards
        assert not out.exists()
    labels = Labels(license="CC0-1.0")
    options = BuildOptions(shard_size=SHARD, seekable=True)
    report = build(list_pairs(src, out, labels), out, options)
    assert report.num_reused_shards >= 2
    assert len(report.left) == 2
    assert tree_bytes(out) == tree_bytes(built)


def test_the_same_again_is_found_to_be_there(src: Path, built: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*.tar")}
    labels, options = Labels(license="CC0-1.0"), BuildOptions(shard_size=SHARD, seekable=True)
    report = build(list_pairs(src, built, labels), built, options)
    assert report.unchanged
    assert len(report.left) == 2
    assert {path: path.stat().st_mtime_ns for path in built.rglob("*.tar")} == before
    plain = tmp_path / "plain"
    build_dataset(src, plain, shard_size=SHARD, license="CC0-1.0")
    assert not (plain / SEEKABLE_PATH).exists()
    options = BuildOptions(shard_size=SHARD, seekable=True, overwrite=True)
    report = build(list_pairs(src, plain, labels), plain, options)
    assert not report.unchanged
    assert tree_bytes(plain) == tree_bytes(built)


def test_without_jpegtran_nothing_starts(
    src: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_jpegtran()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match=r"jpegtran, which is not on the PATH.*install"):
        build_dataset(src, tmp_path / "out", seekable=True)
    assert list(tmp_path.iterdir()) == []
    files = {f"rain/{s}/1.png": side(i, "PNG") for i, s in enumerate(("LQ", "GT"))}
    write_files(tmp_path / "pngs", files)
    build_dataset(tmp_path / "pngs", tmp_path / "out", seekable=True)
    assert (tmp_path / "out" / MANIFEST_PATH).is_file()


def test_a_cut_picture_is_refused_by_name(tmp_path: Path) -> None:
    files = {"rain/LQ/1.jpg": side(1, "JPEG")[:-900], "rain/GT/1.png": side(2, "PNG")}
    write_files(tmp_path / "src", files)
    ran = subprocess.run(
        [sys.executable, "-m", "ggt_hf", "build", str(tmp_path / "src"), str(tmp_path / "out"),
         "--seekable"], capture_output=True, text=True
    )  # fmt: skip
    assert ran.returncode == 1
    assert "rain/LQ/1.jpg cannot be decoded" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_was_left(src: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "ggt_hf", "build", str(src), str(tmp_path / "out"), "--seekable",
         "--json"], capture_output=True, text=True, check=True
    )  # fmt: skip
    assert json.loads(ran.stdout)["num_not_seekable"] == 2
    assert "40 of 42 pictures are seekable" in ran.stderr
    assert "webp has no parts" in ran.stderr

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.building.sources_making import pair_files, png, tree_bytes, write_files


def ggt(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ggt_hf", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def src(tmp_path: Path) -> Path:
    return write_files(tmp_path / "src", pair_files("{}/1", "{}/2"))


def test_a_rehearsal_says_the_plan_and_touches_nothing(src: Path) -> None:
    before = tree_bytes(src.parent)
    done = ggt("build", src, src.parent / "out", "--category", "rain", "--dry-run", "--json")
    plan = json.loads(done.stdout)
    assert (done.returncode, plan["num_pairs"], plan["problems"]) == (0, 2, [])
    assert [shard["shard"] for shard in plan["shards"]] == ["data/rain/train-00000-of-00001.tar"]
    assert "Nothing was touched" in done.stderr and "no known licence" in done.stderr
    assert tree_bytes(src.parent) == before


def test_a_rehearsal_lists_problems_and_fails(src: Path) -> None:
    (src / "LQ/3.png").write_bytes(png(3))
    (src / "GT/2.png").write_bytes(b"")
    words = "build", src, src.parent / "out", "--category", "rain", "--dry-run"
    done = ggt(*words)
    assert done.returncode == 1
    assert "LQ/3.png has no ground truth" in done.stderr
    assert "GT/2.png is empty" in done.stderr
    assert "1 pair, " in done.stderr
    assert ggt(*words, "--drop-bad").returncode == 0


def test_build_says_what_it_did_and_what_is_there_already(src: Path) -> None:
    words = "build", src, src.parent / "out", "--category", "old photo", "--license", "CC0-1.0"
    first, second = ggt(*words, "--json"), ggt(*words)
    fields = json.loads(first.stdout)
    assert fields["counts"] == {"train": {"old_photo": 2}}
    assert first.stderr == ""
    assert "is there already, unchanged, 2 pairs in 1 shard" in second.stdout


def test_errors_name_the_file_and_the_next_step(src: Path) -> None:
    done = ggt("build", src, src.parent / "out")
    assert done.returncode == 1
    assert "error: Nothing was built, because of 1 problem" in done.stderr
    assert "--category" in done.stderr and "next: " in done.stderr
    assert "Traceback" not in done.stderr


def test_map_says_what_a_name_means(tmp_path: Path) -> None:
    src = write_files(tmp_path / "src", pair_files("odd/{}/1", lq="before", gt="after"))
    flags = ["--map", "odd=haze", "--map", "before=lq", "--map", "after=gt"]
    done = ggt("build", src, tmp_path / "out", *flags, "--json")
    assert json.loads(done.stdout)["counts"] == {"train": {"haze": 1}}
    assert "is no NAME=WORD" in ggt("build", src, tmp_path / "out", "--map", "odd").stderr


def test_help_shows_examples() -> None:
    assert "ggt build GGT-100K/ ggt-100k" in ggt("build", "--help").stdout


def test_a_name_cannot_speak_to_the_terminal(src: Path) -> None:
    (src / "LQ/\x1b[31mred\nline.png").write_bytes(png(3))
    (src / os.fsdecode(b"LQ/\xff.png")).write_bytes(png(3))
    done = ggt("build", src, src.parent / "out", "--category", "rain")
    assert done.returncode == 1
    assert "\x1b" not in done.stderr
    assert r"LQ/\x1b[31mred" in done.stderr and r"LQ/\udcff.png has no ground truth" in done.stderr
    assert list(src.parent.iterdir()) == [src]

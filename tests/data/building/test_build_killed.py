"""kill -9 at random moments: what is seen is the old state or the new one, and nothing else."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ggt_hf import build_dataset
from tests.data.building.sources_making import pair_files, tree_bytes, write_files
from tests.halting import killed_after
from tests.making import encoded, picture

SHARD = 60_000
NUM_PAIRS = 160
KILLS = 10
RECORDED = "ggt_hf.data.building.staging:Staging.record"
MOMENTS = {
    RECORDED: 2,
    "ggt_hf.data.building.shards:ShardWriter.finish": 2,
    "ggt_hf.data.building.shards:ShardWriter._write": 20,  # many a pair: in the middle of a shard
}
"""Where a build is killed, and the most times that it comes so far."""


@pytest.fixture(scope="module")
def src(tmp_path_factory: pytest.TempPathFactory) -> Path:
    some = list(pair_files(*(f"{{}}/{i}" for i in range(8)), size=(64, 64)).values())
    files = {}
    for i in range(NUM_PAIRS):
        files[f"rain/LQ/{i:04d}.jpg"] = some[2 * (i % 8)]
        files[f"rain/GT/{i:04d}.png"] = some[2 * (i % 8) + 1]
    return write_files(tmp_path_factory.mktemp("killed") / "src", files)


@pytest.fixture(scope="module")
def expected(src: Path) -> dict[str, bytes]:
    out = src.parent / "undisturbed"
    build_dataset(src, out, shard_size=SHARD)
    return tree_bytes(out)


def words(src: Path, out: Path, *flags: str) -> list[str]:
    return ["build", str(src), str(out), "--quiet", f"--shard-size={SHARD}", *flags]


def start(src: Path, out: Path, *flags: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ggt_hf", *words(src, out, *flags)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def records(out: Path) -> int:
    done = out.with_name(f".{out.name}.building") / "done"
    return sum(1 for _ in done.glob("[!.]*")) if done.is_dir() else 0  # not what is half written


@pytest.mark.slow
def test_killed_ten_times_then_identical(
    src: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    chance = random.Random(2605)
    assert sum(path.endswith(".tar") for path in expected) > KILLS * MOMENTS[RECORDED]
    for _ in range(KILLS):
        moment = chance.choice(list(MOMENTS))
        times, before = chance.randint(1, MOMENTS[moment]), records(out)
        killed_after(moment, times, *words(src, out))
        assert not out.exists()
        assert records(out) >= before + (times if moment == RECORDED else 0)
    assert start(src, out).wait() == 0
    assert tree_bytes(out) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
def test_the_old_dataset_stays_whole_until_the_new_one_is(
    src: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    old_src = write_files(
        tmp_path / "old",
        {
            "snow/LQ/1.png": encoded(picture(1)),
            "snow/GT/1.png": encoded(picture(2)),
        },
    )
    out = tmp_path / "out"
    build_dataset(old_src, out)
    old = tree_bytes(out)
    num_shards = sum(path.endswith(".tar") for path in expected)
    for moment in MOMENTS:
        killed_after(moment, 1, *words(src, out, "--overwrite"))
        assert tree_bytes(out) == old
    for wait in (0, 0.01, 0.03):  # somewhere beside the swap, or after it
        process = start(src, out, "--overwrite")
        while process.poll() is None and records(out) < num_shards:
            time.sleep(0.0005)
        time.sleep(wait)
        process.kill()
        process.wait()
        assert tree_bytes(out) in (old, expected)
    assert start(src, out, "--overwrite").wait() == 0
    assert tree_bytes(out) == expected
    assert not (tmp_path / ".out.building").exists()


@pytest.mark.parametrize("after_swap", [True, False])
def test_killed_beside_the_swap(
    src: Path, expected: dict[str, bytes], tmp_path: Path, after_swap: bool
) -> None:
    """The one moment that chance rarely hits: just before, or just after OUT is exchanged."""
    out = tmp_path / "out"
    build_dataset(src, out, shard_size=SHARD, license="CC0-1.0")
    when = "discard" if after_swap else "publish"
    code = (
        "import os, signal, sys\n"
        "from ggt_hf import build_dataset\n"
        "from ggt_hf.data.building.staging import Staging\n"
        f"Staging.{when} = lambda self: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"build_dataset(sys.argv[1], sys.argv[2], shard_size={SHARD}, overwrite=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(src), str(out)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tree_bytes(out) == expected) is after_swap
    build_dataset(src, out, shard_size=SHARD, overwrite=True)
    assert tree_bytes(out) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["out"]

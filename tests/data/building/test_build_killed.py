"""kill -9 at random moments: what is seen is the old state or the new one, and nothing else."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ggt_hf import build_dataset
from tests.data.building.sources_making import pair_files, tree_bytes, write_files
from tests.making import encoded, picture

SHARD = 60_000
NUM_PAIRS = 160


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


def start(src: Path, out: Path, *flags: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ggt_hf", "build", str(src), str(out), "--quiet"]
    return subprocess.Popen([*command, f"--shard-size={SHARD}", *flags], stdout=subprocess.DEVNULL)


def kill_when(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> bool:
    """Send SIGKILL as soon as `ready`; say whether the process was still at work."""
    while process.poll() is None and not ready():
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def records(out: Path) -> int:
    done = out.with_name(f".{out.name}.building") / "done"
    return sum(1 for _ in done.glob("[!.]*")) if done.is_dir() else 0  # not what is half written


@pytest.mark.slow
def test_killed_ten_times_then_identical(
    src: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    chance = random.Random(2605)
    num_shards = sum(path.endswith(".tar") for path in expected)
    assert num_shards > 20
    moments = sorted(chance.sample(range(num_shards), 10))
    for moment in moments:
        delay = time.monotonic() + 60

        def ready(least: int = moment, limit: float = delay) -> bool:
            return records(out) >= least or time.monotonic() > limit

        assert kill_when(start(src, out), ready)
        assert not out.exists()
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
    seen = set()
    staged = tmp_path / ".out.building"
    for least, wait in ((3, 0), (num_shards, 0), (num_shards, 0.01), (num_shards, 0.03)):
        process = start(src, out, "--overwrite")

        def ready(least: int = least, wait: float = wait) -> bool:
            done = records(out) >= least
            time.sleep(wait if done else 0)
            return done

        kill_when(process, ready)
        now = tree_bytes(out)
        assert now in (old, expected)
        seen.add(now == old)
    assert True in seen
    assert start(src, out, "--overwrite").wait() == 0
    assert tree_bytes(out) == expected
    assert not staged.exists()


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

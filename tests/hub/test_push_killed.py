"""kill -9 at any moment of a push, then the same command: as if nothing had happened."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ggt_hf.hub.push import push_dataset
from tests.hub.datasets_here import REPO, commits, dataset_at, is_whole, tree
from tests.hub_server.loopback import Hub
from tests.making import make_pair

UNDISTURBED = "ggt/undisturbed"

MOMENTS = {
    "hello": {"path": "/whoami"},
    "create": {"path": "/repos/create"},
    "modes": {"path": "/preupload/"},
    "first-bytes": {"method": "PUT", "path": "/upload/"},
    "later-bytes": {"method": "PUT", "path": "/upload/", "skip": 3},
    "last-bytes": {"method": "PUT", "path": "/upload/", "skip": 6},
    "commit": {"method": "POST", "path": "/commit/main"},
    "late-commit": {"method": "POST", "path": "/commit/main"},
    "proof": {"path": "/resolve/", "skip": 2},
    "tag": {"method": "POST", "path": "/tag/"},
}
XET_MOMENTS = {
    "token": {"path": "/xet-write-token/"},
    "xorb": {"path": "/v1/xorbs/"},
    "shard": {"path": "/v1/shards"},
    "commit": MOMENTS["commit"],
    "tag": MOMENTS["tag"],
}


def kill_at(hub: Hub, root: Path, moment: dict[str, object]) -> threading.Event:
    """Start a push and kill it while the server is busy with the request of that moment.

    The event lets the server go on with that request.
    """
    held = threading.Event()
    rule = hub.fault(held=held, **moment)
    process = subprocess.Popen(
        [sys.executable, "-m", "ggt_hf", "push", "dataset", str(root), REPO, "--yes", "--quiet"],
        # The same HF_HOME as ours: it is where Xet remembers what it has sent.
        env=hub.env(home=hub.home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 200
    while not rule.fired and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    fired = rule.fired
    process.kill()
    said = process.communicate()[1].decode()
    assert (fired, process.returncode) == (1, -signal.SIGKILL), said
    return held


def carried_out(hub: Hub, held: threading.Event) -> None:
    """Let the request that nobody waits for any more be carried out, or found to be torn."""
    held.set()
    deadline = time.monotonic() + 200
    while not all(entry.status or entry.error for entry in hub.log):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def as_undisturbed(hub: Hub, root: Path) -> None:
    assert is_whole(hub, root)
    assert len(commits(hub)) == 2
    assert tree(hub, "format-v1") == tree(hub)
    push_dataset(root, UNDISTURBED)
    here, there = tree(hub), tree(hub, repo=UNDISTURBED)
    # The card names its repository; everything else is the same to the byte.
    assert here.pop("README.md") != there.pop("README.md")
    assert here == there


@pytest.mark.hub_mode("lfs")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_push_goes_on(hub: Hub, tmp_path: Path, moment: str) -> None:
    root = dataset_at(tmp_path / "new", [make_pair(i, size=(128, 96)) for i in range(24)])
    held = kill_at(hub, root, MOMENTS[moment])
    if moment != "late-commit":
        carried_out(hub, held)
    push_dataset(root, REPO)
    carried_out(hub, held)
    puts = [e for e in hub.log.select("/upload/", method="PUT") if e.status == 200]
    large = [p for p in root.rglob("*") if p.suffix in (".tar", ".parquet")]
    # The killed request may arrive whole after all; nothing else is sent twice.
    again = sum(entry.received for entry in puts) - sum(p.stat().st_size for p in large)
    assert again <= max(p.stat().st_size for p in large)
    as_undisturbed(hub, root)


@pytest.mark.parametrize("moment", XET_MOMENTS)
def test_a_killed_xet_push_goes_on(hub: Hub, tmp_path: Path, moment: str) -> None:
    seed = 5000 + 100 * list(XET_MOMENTS).index(moment)
    pairs = [make_pair(seed + i, size=(128, 96)) for i in range(8)]
    root = dataset_at(tmp_path / "new", pairs)
    carried_out(hub, kill_at(hub, root, XET_MOMENTS[moment]))
    push_dataset(root, REPO)
    as_undisturbed(hub, root)

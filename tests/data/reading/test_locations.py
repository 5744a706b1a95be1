"""A machine's processes ask the Hub once where a shard lies, and keep it to themselves."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ggt_hf.data.reading.reader import DiskCache, RetryPolicy, open_dataset
from ggt_hf.data.streaming.pairs import DatasetPairs
from ggt_hf.data.streaming.stream import PairStream
from ggt_hf.data.streaming.transforms import RandomGeometry
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair

REPO = "ggt/pairs"
QUICK = RetryPolicy(attempts=4, first_delay=0.01, read_timeout=10)
NUM_PAIRS = 12


@pytest.fixture
def pushed(hub: Hub, tmp_path: Path) -> Hub:
    pairs = [make_pair(i, size=(96, 64)) for i in range(NUM_PAIRS)]
    folder = make_dataset(tmp_path / "pairs", pairs, pairs_a_shard=4)
    hub.api().create_repo(REPO, repo_type="dataset")
    hub.api().upload_folder(repo_id=REPO, repo_type="dataset", folder_path=folder)
    hub.log.clear()
    return hub


def resolved(hub: Hub) -> list[int]:
    """Requests for the place of each shard."""
    shards = {entry.path for entry in hub.log.select(r"resolve.*\.tar", server="hub")}
    return [len(hub.log.select(f"{path}$", server="hub")) for path in sorted(shards)]


def read_all(base: Path, workers: int = 0) -> int:
    store = open_dataset(REPO, cache=DiskCache(base), retry=QUICK)
    stream = PairStream(DatasetPairs(store, geometry=RandomGeometry(crop=48)), batch_size=2)
    return sum(len(batch) for batch in stream.loader(num_workers=workers))


@pytest.mark.parametrize("workers", [0, 3])
def test_workers_ask_once_for_each_shard(pushed: Hub, tmp_path: Path, workers: int) -> None:
    assert read_all(tmp_path / "cache", workers) == NUM_PAIRS
    assert resolved(pushed) == [1, 1, 1]


def test_without_a_cache_each_store_asks(pushed: Hub) -> None:
    for _ in range(2):
        with open_dataset(REPO, cache=False) as store:
            store.pair(store.manifest.row(0))
    assert resolved(pushed) == [2]


def test_what_is_shared_is_the_users_alone_and_holds_no_token(pushed: Hub, tmp_path: Path) -> None:
    read_all(tmp_path / "cache")
    files = list((tmp_path / "cache").rglob("*.location"))
    assert len(files) == 5  # three shards, and the two files of meta
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "hf_" not in file.read_text()
        assert "Bearer" not in file.read_text()


@pytest.mark.parametrize("spoilt", [b"", b"[1]", b'{"url": "http://127.0.0.1:1/", "size": 1}'])
def test_a_damaged_file_is_asked_for_again(pushed: Hub, tmp_path: Path, spoilt: bytes) -> None:
    cache = DiskCache(tmp_path / "cache")
    with open_dataset(REPO, cache=cache) as store:
        row = store.manifest.row(0)
        pair = store.pair(row)
        store._shards.forget(row)
    for file in (tmp_path / "cache").rglob("*.location"):
        file.write_bytes(spoilt)
    with open_dataset(REPO, cache=cache) as store:
        assert store.pair(row) == pair
    assert resolved(pushed) == [2]


def test_a_shared_url_that_is_refused_is_replaced_once(pushed: Hub, tmp_path: Path) -> None:
    base = tmp_path / "cache"
    stores = [open_dataset(REPO, cache=DiskCache(base), retry=QUICK) for _ in range(6)]
    rows = [row for row in stores[0].manifest if "00000-of" in row.shard]
    stores[0].pair(rows[0])
    for file in base.rglob("*.tar.location"):
        file.write_text(file.read_text().replace("sig=", "sig=0"))
    pushed.log.clear()
    with ThreadPoolExecutor(6) as pool:
        pairs = list(pool.map(lambda k: stores[k].pair(rows[k % 3 + 1]), range(6)))
    assert len(pairs) == 6
    # Store 0 has a good URL in memory; of the others, few may meet the bad one before it is gone.
    assert sum(resolved(pushed)) <= 3


def test_a_cache_that_cannot_be_written_shares_nothing(pushed: Hub) -> None:
    with open_dataset(REPO, cache=DiskCache("/proc/nowhere")) as store:
        assert store.pair(store.manifest.row(0)).info.key
    assert resolved(pushed) == [1]

"""What was read stays on disk: bounded, proven, found again by other processes."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from ggt_hf.data.reading.reader import DiskCache, PairStore, open_dataset
from ggt_hf.errors import (
    UsageError,
)
from tests.data.reading.pushed import EXPECTED, PAIRS, REPO, SHARD, contents
from tests.hub_server.loopback import Hub


def test_offline_reads_what_is_cached_and_names_what_is_not(pushed: Hub, tmp_path: Path) -> None:
    code = (
        "import json, sys; from ggt_hf.data.reading.reader import *\n"
        "store = open_dataset('ggt/pairs', cache=DiskCache(sys.argv[1]))\n"
        "store.pair(store.manifest.row(0))\n"
        "print(store.revision)\n"
        "if len(sys.argv) > 2: store.pair(store.manifest.row(1))"
    )
    env = pushed.env()
    online = pushed.run_python("-c", code, str(tmp_path), env=env)
    assert online.returncode == 0, online.stderr
    pushed.log.clear()
    offline = pushed.run_python("-c", code, str(tmp_path), env=env | {"HF_HUB_OFFLINE": "1"})
    assert offline.stdout == online.stdout
    more = pushed.run_python("-c", code, str(tmp_path), "x", env=env | {"HF_HUB_OFFLINE": "1"})
    assert "is not in the cache, and HF_HUB_OFFLINE is set" in more.stderr
    empty = pushed.run_python("-c", code, "/nowhere", env=env | {"HF_HUB_OFFLINE": "1"})
    assert "ggt/pairs@main is not in the cache" in empty.stderr
    assert len(pushed.log) == 0


def _cached(cache: DiskCache, pattern: str) -> list[Path]:
    return sorted(path for path in cache.folder.rglob(pattern) if path.is_file())


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
def test_a_damaged_cache_is_fetched_again(pushed: Hub, cache: DiskCache, damage: str) -> None:
    contents(open_dataset(REPO, cache=cache))
    files = [*_cached(cache, "*-*[0-9]"), *_cached(cache, "*.parquet"), *_cached(cache, "*.json")]
    assert len(files) == len(PAIRS) + 2
    for file in files:
        data = file.read_bytes()
        changed = {"cut": data[:-9], "flip": bytes([data[0] ^ 1]) + data[1:], "empty": b""}
        file.unlink() if damage == "gone" else file.write_bytes(changed[damage])
    again = DiskCache(cache.base)
    assert contents(open_dataset(REPO, cache=again)) == EXPECTED
    pushed.log.clear()
    assert contents(open_dataset(REPO, cache=DiskCache(cache.base))) == EXPECTED
    assert len(pushed.log.select(server="cdn")) == 0


def test_a_part_that_shrinks_while_it_is_open_is_fetched_again(
    pushed: Hub, cache: DiskCache
) -> None:
    store = open_dataset(REPO, cache=cache)
    contents(store)
    for file in _cached(cache, "*-*[0-9]"):
        os.truncate(file, 100)
    assert contents(store) == EXPECTED


def test_verify_heals_what_only_the_manifest_can_tell(pushed: Hub, cache: DiskCache) -> None:
    store = open_dataset(REPO, cache=cache)
    row = store.manifest.row(0)
    store.pair(row)
    (file,) = _cached(cache, "*-*[0-9]")
    data = file.read_bytes()
    file.write_bytes(bytes([data[0] ^ 1]) + data[1:])  # after this process proved it
    assert store.pair(row) != EXPECTED[row.key]
    assert store.pair(row, verify=True) == EXPECTED[row.key]
    assert store.pair(row) == EXPECTED[row.key]


def test_the_cache_stays_within_its_bound(pushed: Hub, tmp_path: Path) -> None:
    one = sum(len(m) for m in (PAIRS[0].lq, PAIRS[0].gt)) + 3000
    meta = 40_000
    bound = meta + 4 * one
    cache = DiskCache(tmp_path / "small", max_bytes=bound)
    store = open_dataset(REPO, cache=cache)
    for _ in range(3):
        for row in store.manifest:
            assert store.pair(row) == EXPECTED[row.key]
            assert sum(f.stat().st_size for f in _cached(cache, "*")) <= bound
    assert 0 < len(_cached(cache, "*-*[0-9]")) < len(PAIRS)


def test_the_longest_unused_goes_first(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, max_bytes=1000)
    for name in ("a", "b", "c"):
        cache.put(name, bytes(250))
    again = DiskCache(tmp_path, max_bytes=1000)
    assert again.get("a") == bytes(250)  # used now: b is the oldest
    again.put("d", bytes(250))
    assert [name for name in "abcd" if again.get(name) is None] == ["b"]


def test_eviction_touches_nothing_but_what_was_read(tmp_path: Path) -> None:
    stub = tmp_path / "link/ggt-100k/README.md"
    stub.parent.mkdir(parents=True)
    stub.write_bytes(bytes(5000))
    cache = DiskCache(tmp_path, max_bytes=1000)
    for name in ("a", "b", "c", "d", "e"):
        cache.put(name, bytes(250))
    assert stub.is_file() and cache.get("a") is None and cache.get("e") is not None


def test_a_cache_that_cannot_be_written_costs_nothing_but_speed(pushed: Hub) -> None:
    cache = DiskCache("/proc/no/such/place", max_bytes=1 << 30)
    assert contents(open_dataset(REPO, cache=cache)) == EXPECTED


def test_a_prefetched_shard_costs_no_further_request(
    pushed: Hub, cache: DiskCache, folder: Path
) -> None:
    with open_dataset(REPO, cache=cache) as store:
        for shard in store.info.shards:
            store.prefetch(shard.path)
        assert len(pushed.log.select(r"/lfs/", server="cdn")) == len(store.info.shards) + 1
        pushed.log.clear()
        assert contents(store, verify=True) == EXPECTED
        whole = (folder / SHARD).read_bytes()
        assert store.read(SHARD, 1, len(whole) - 1) == whole[1:]
        store.prefetch(SHARD)
    assert len(pushed.log) == 0
    assert (cache.folder / _name(store, SHARD)).read_bytes() == whole


def _name(store: PairStore, path: str) -> str:
    return f"datasets--ggt--pairs/{store.revision}/{path}"


def test_processes_that_prefetch_one_shard_download_it_once(
    pushed: Hub, cache: DiskCache, tmp_path: Path
) -> None:
    store = open_dataset(REPO, cache=cache)
    pushed.log.clear()
    with ThreadPoolExecutor(4) as threads, get_context("spawn").Pool(2) as pool:
        done = pool.map_async(store.prefetch, [SHARD] * 4)
        list(threads.map(store.prefetch, [SHARD] * 4))
        done.get(240)
    assert len(pushed.log.select(server="cdn")) == 1


@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_an_altered_whole_shard_is_not_used(pushed: Hub, cache: DiskCache, damage: str) -> None:
    store = open_dataset(REPO, cache=cache)
    store.prefetch(SHARD)
    file = cache.folder / _name(store, SHARD)
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        os.truncate(file, 3000)
    else:
        data = bytearray(file.read_bytes())
        data[600] ^= 1
        file.write_bytes(data)
    fresh = open_dataset(REPO, cache=DiskCache(cache.base))
    assert contents(fresh) == EXPECTED
    fresh.prefetch(SHARD)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == next(
        shard.sha256 for shard in store.info.shards if shard.path == SHARD
    )


def test_an_evicted_shard_is_read_from_the_hub(pushed: Hub, cache: DiskCache) -> None:
    store = open_dataset(REPO, cache=cache)
    store.prefetch(SHARD)
    contents(store)
    store.close()
    (cache.folder / _name(store, SHARD)).unlink()
    assert contents(store) == EXPECTED


def test_a_shard_larger_than_the_cache_is_refused(pushed: Hub, tmp_path: Path) -> None:
    for cache in (DiskCache(tmp_path, max_bytes=20_000), False):
        store = open_dataset(REPO, cache=cache)
        with pytest.raises(UsageError, match="may not grow so far"):
            store.prefetch(SHARD)

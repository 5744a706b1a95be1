from __future__ import annotations

import hashlib
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from ggt_hf.data.format.schema import INFO_PATH, MANIFEST_PATH
from ggt_hf.data.reading.reader import DiskCache, PairStore, RetryPolicy, open_dataset
from ggt_hf.errors import (
    FormatError,
    HubError,
    IncompleteError,
    IntegrityError,
    ReadError,
    UsageError,
)
from ggt_hf.records import Pair
from tests.hub_server.accounts import BOB
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair

REPO = "ggt/pairs"
SHARD = "data/rain/train-00000-of-00002.tar"
QUICK = RetryPolicy(attempts=4, first_delay=0.01, read_timeout=0.5)
PAIRS = [make_pair(i, d, size=(96, 64)) for d in ("rain", "snow") for i in range(6)]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pairs in four shards."""
    return make_dataset(tmp_path_factory.mktemp("made") / "pairs", PAIRS)


@pytest.fixture
def pushed(hub: Hub, folder: Path) -> Hub:
    """`folder` as the dataset REPO; the log is empty."""
    hub.api().create_repo(REPO, repo_type="dataset")
    hub.api().upload_folder(repo_id=REPO, repo_type="dataset", folder_path=folder)
    hub.log.clear()
    return hub


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "cache")


def contents(store: PairStore, **options: bool) -> dict[str, Pair]:
    return {row.key: store.pair(row, **options) for row in store.manifest}


EXPECTED = {pair.info.key: pair for pair in PAIRS}


# ---------------------------------------------------------------------------------- folders


def test_a_folder_gives_every_pair(folder: Path) -> None:
    with open_dataset(folder) as store:
        assert contents(store) == contents(store, verify=True) == EXPECTED
        assert store.revision is None
        assert store.read_file("README.md").startswith(b"---")


def test_a_folder_gives_every_range(folder: Path) -> None:
    whole = (folder / SHARD).read_bytes()
    with open_dataset(str(folder)) as store:
        assert store.read(SHARD, 0, len(whole)) == whole
        assert store.read(SHARD, 513, 7) == whole[513:520]
        assert store.read(SHARD, len(whole), 0) == b""


@pytest.mark.parametrize(("offset", "length"), [(-1, 4), (0, 1 << 40), (1 << 40, 1), (0, -1)])
def test_a_range_outside_the_shard_is_refused(folder: Path, offset: int, length: int) -> None:
    with open_dataset(folder) as store, pytest.raises(UsageError, match="leave"):
        store.read(SHARD, offset, length)


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "meta/../../x"])
def test_no_path_leads_out_of_the_dataset(folder: Path, path: str) -> None:
    with open_dataset(folder) as store:
        with pytest.raises(UsageError, match="no path inside"):
            store.read_file(path)
        with pytest.raises(UsageError, match="no shard"):
            store.read(path, 0, 1)


def test_an_unfinished_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "x", PAIRS[:1])
    (root / INFO_PATH).unlink()
    with pytest.raises(IncompleteError, match="no finished dataset"):
        open_dataset(root)


def test_another_manifest_is_refused(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "x", PAIRS[:1])
    other = make_dataset(tmp_path / "y", PAIRS[1:2])
    (root / MANIFEST_PATH).write_bytes((other / MANIFEST_PATH).read_bytes())
    with pytest.raises(IntegrityError, match="sha256"):
        open_dataset(root)


def test_a_manifest_with_fewer_rows_than_recorded_is_refused(tmp_path: Path) -> None:
    from ggt_hf.data.format.manifest import DatasetInfo, Manifest, dataset_info

    root = make_dataset(tmp_path / "x", PAIRS[:4])
    info = DatasetInfo.from_json((root / INFO_PATH).read_bytes())
    rows = list(Manifest.from_parquet((root / MANIFEST_PATH).read_bytes()))[:-1]
    fewer = Manifest.from_rows(rows).to_parquet()
    (root / MANIFEST_PATH).write_bytes(fewer)
    (root / INFO_PATH).write_bytes(dataset_info(fewer, info.shards).to_json())
    with pytest.raises(FormatError, match="3 pairs in data/rain"):
        open_dataset(root)


def test_a_shard_path_of_a_stranger_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    from ggt_hf.data.format.manifest import DatasetInfo

    root = make_dataset(tmp_path / "x", PAIRS[:1])
    info = DatasetInfo.from_json((root / INFO_PATH).read_bytes())
    evil = replace(info, shards=(replace(info.shards[0], path="../../etc/passwd"),))
    (root / INFO_PATH).write_bytes(evil.to_json())
    with pytest.raises(FormatError, match="passwd is no shard path"):
        open_dataset(root)


def test_a_cut_an_absent_and_an_altered_shard_are_named(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "x", PAIRS[:6], pairs_a_shard=2)
    first, second, third = sorted((root / "data/rain").iterdir())
    os.truncate(first, 5000)
    second.unlink()
    data = bytearray(third.read_bytes())
    data[700] ^= 1
    third.write_bytes(data)
    with open_dataset(root) as store:
        rows = list(store.manifest)
        with pytest.raises(IntegrityError, match=first.name):
            store.pair(rows[0])
        with pytest.raises(ReadError, match=f"{second.name} is absent"):
            store.pair(rows[2])
        with pytest.raises(IntegrityError, match=r"0004\.lq has the sha256"):
            store.pair(rows[4], verify=True)


@pytest.mark.parametrize("where", ["nowhere", "./absent/folder", "a/b/c", "hf://models/x", ""])
def test_a_name_that_is_nothing_is_refused(where: str) -> None:
    with pytest.raises(UsageError, match="no folder here, and no dataset"):
        open_dataset(where)


def test_a_folder_has_no_revision(folder: Path) -> None:
    with pytest.raises(UsageError, match="has no revision"):
        open_dataset(folder, revision="main")


# ---------------------------------------------------------------------------------- the Hub


@pytest.mark.usefixtures("hub_mode")
def test_a_repository_gives_every_pair(pushed: Hub, cache: DiskCache) -> None:
    with open_dataset(REPO, cache=cache) as store:
        assert contents(store) == EXPECTED
        assert store.revision == pushed.api().dataset_info(REPO).sha


def test_one_pair_costs_one_resolve_and_one_exact_range(pushed: Hub, cache: DiskCache) -> None:
    with open_dataset(REPO, cache=cache) as store:
        row = store.manifest.row(2)
        pushed.log.clear()
        assert store.pair(row) == EXPECTED[row.key]
    assert [(e.server, e.method) for e in pushed.log] == [("hub", "HEAD"), ("cdn", "GET")]
    stop = row.json.offset + row.json.num_bytes
    (fetched,) = pushed.log.select(server="cdn")
    assert fetched.range == f"bytes={row.lq.offset}-{stop - 1}"
    assert fetched.sent == stop - row.lq.offset


def test_members_and_parts_of_a_pair_are_one_request(pushed: Hub, cache: DiskCache) -> None:
    with open_dataset(REPO, cache=cache) as store:
        row = store.manifest.row(1)
        pushed.log.clear()
        pair = EXPECTED[row.key]
        assert store.read(row.shard, row.lq.offset + 10, 20) == pair.lq[10:30]
        assert store.read(row.shard, row.gt.offset, row.gt.num_bytes) == pair.gt
        assert store.pair(row) == pair
    assert len(pushed.log.select(server="cdn")) == 1


def test_ranges_across_pairs_are_exact(pushed: Hub, cache: DiskCache, folder: Path) -> None:
    whole = (folder / SHARD).read_bytes()
    with open_dataset(REPO, cache=cache) as store:
        assert store.read(SHARD, 0, 512) == whole[:512]
        assert store.read(SHARD, 100, len(whole) - 100) == whole[100:]


def test_sixteen_threads_resolve_a_shard_once(pushed: Hub, cache: DiskCache) -> None:
    with open_dataset(REPO, cache=cache) as store:
        rows = list(store.manifest)
        pushed.log.clear()
        with ThreadPoolExecutor(16) as pool:
            pairs = list(pool.map(store.pair, rows * 4))
    assert pairs == [EXPECTED[row.key] for row in rows] * 4
    for shard in store.info.shards:
        assert len(pushed.log.select(shard.path, server="hub")) == 1
    assert len(pushed.log.select(server="cdn")) == len(rows)


def test_the_second_time_costs_no_request_but_the_revision(pushed: Hub, cache: DiskCache) -> None:
    for _ in range(2):
        pushed.log.clear()
        with open_dataset(REPO, cache=cache) as store:
            contents(store)
    assert [entry.path for entry in pushed.log] == ["/api/datasets/ggt/pairs/revision/main"]


def test_a_store_stays_at_its_revision(pushed: Hub, cache: DiskCache, tmp_path: Path) -> None:
    store = open_dataset(REPO, cache=cache)
    other = make_dataset(tmp_path / "other", [make_pair(50)])
    pushed.api().upload_folder(
        repo_id=REPO, repo_type="dataset", folder_path=other, delete_patterns="*"
    )
    assert contents(store) == EXPECTED
    assert list(contents(open_dataset(REPO, cache=cache))) == ["train-rain-0050"]
    old = open_dataset(f"hf://datasets/{REPO}@{store.revision}", cache=False)
    assert contents(old) == EXPECTED


def test_a_pickled_store_opens_at_its_revision(pushed: Hub, cache: DiskCache) -> None:
    store = open_dataset(REPO, cache=cache, retry=QUICK)
    pushed.log.clear()
    again = pickle.loads(pickle.dumps(store))
    assert again.revision == store.revision
    assert len(pushed.log) == 0
    assert contents(again) == EXPECTED


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_read_what_the_parent_opened(pushed: Hub, cache: DiskCache, start: str) -> None:
    store = open_dataset(REPO, cache=cache)
    store.pair(store.manifest.row(0))
    with get_context(start).Pool(2) as pool:
        pairs = pool.map(_Reads(store), range(len(store.manifest)))
    assert {pair.info.key: pair for pair in pairs} == EXPECTED


class _Reads:
    def __init__(self, store: PairStore) -> None:
        self.store = store

    def __call__(self, index: int) -> Pair:
        return self.store.pair(self.store.manifest.row(index))


# ---------------------------------------------------------------------------- who may read


def test_a_private_dataset_needs_the_token(pushed: Hub, cache: DiskCache) -> None:
    pushed.api().update_repo_settings(REPO, repo_type="dataset", private=True)
    assert contents(open_dataset(REPO, cache=cache)) == EXPECTED
    with pytest.raises(HubError, match="or it is private") as caught:
        open_dataset(REPO, cache=False, token=BOB)
    assert "HF_TOKEN" in caught.value.hint


def test_a_gated_dataset_says_what_to_do(pushed: Hub) -> None:
    pushed.api().update_repo_settings(REPO, repo_type="dataset", gated="manual")
    with pytest.raises(HubError, match="gated") as caught:
        open_dataset(REPO, cache=False, token=BOB)
    assert "Accept its conditions" in caught.value.hint


def test_a_wrong_token_a_wrong_name_and_a_wrong_revision_differ(pushed: Hub) -> None:
    with pytest.raises(HubError, match="does not know this token"):
        open_dataset(REPO, cache=False, token="hf_wrong")
    with pytest.raises(HubError, match="no such dataset"):
        open_dataset("ggt/absent", cache=False)
    with pytest.raises(HubError, match="no such revision"):
        open_dataset(REPO, cache=False, revision="v9")


def test_an_unfinished_repository_is_refused(pushed: Hub) -> None:
    pushed.api().delete_file(INFO_PATH, REPO, repo_type="dataset")
    with pytest.raises(IncompleteError, match="no finished dataset"):
        open_dataset(REPO, cache=False)


def test_a_regular_file_behind_a_redirect_is_read(pushed: Hub) -> None:
    pushed.configure(resolve_cache=True)
    assert contents(open_dataset(REPO, cache=False)) == EXPECTED


# --------------------------------------------------------------------------------- the cache


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


# ------------------------------------------------------------------------------ whole shards


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
        done.get(60)
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

"""Reading from the Hub: how many requests a pair costs, who may read, at which revision."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from ggt_hf.data.format.schema import INFO_PATH
from ggt_hf.data.reading.reader import DiskCache, PairStore, open_dataset
from ggt_hf.errors import (
    HubError,
    IncompleteError,
)
from ggt_hf.records import Pair
from tests.data.reading.pushed import EXPECTED, QUICK, REPO, SHARD, contents
from tests.hub_server.accounts import BOB
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair


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

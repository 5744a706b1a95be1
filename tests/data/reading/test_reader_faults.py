"""Every fault that a network and an object store can commit, and that none costs a pair.

Each run either gives all pairs bit-exact, or an error that names the shard, the byte and the
cause. There is no third outcome.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ggt_hf.data.reading.reader import DiskCache, PairStore, RetryPolicy, open_dataset
from ggt_hf.data.reading.remote.retrying import Patience, SetbackError
from ggt_hf.errors import HubError, IntegrityError, ReadError
from tests.data.reading.pushed import REPO
from tests.hub_server.faults import FOREVER
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair

QUICK = RetryPolicy(attempts=5, first_delay=0.01, longest_delay=0.05, read_timeout=10)
HASTY = replace(QUICK, read_timeout=0.4)
"""For stalls alone: any answer may take that long on a busy machine."""
PAIRS = [make_pair(i, d, size=(160, 128)) for d in ("rain", "haze", "snow") for i in range(4)]
EXPECTED = {pair.info.key: pair for pair in PAIRS}
STORAGE = {"server": "cdn", "path": r"/lfs/"}
RESOLVE = {"server": "hub", "path": r"/resolve/.*\.tar"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pairs of about 60 KB, in three shards."""
    return make_dataset(tmp_path_factory.mktemp("made") / "pairs", PAIRS)


@pytest.fixture
def store(pushed: Hub) -> Iterator[PairStore]:
    """The pushed dataset, opened before anything fails; nothing cached, so every read is asked."""
    with open_dataset(REPO, cache=False, retry=QUICK) as store:
        pushed.log.clear()
        yield store


def read_all(store: PairStore, threads: int) -> dict[str, Any]:
    with ThreadPoolExecutor(threads) as pool:
        rows = list(store.manifest)
        return dict(zip((row.key for row in rows), pool.map(store.pair, rows), strict=True))


@dataclass(frozen=True)
class Case:
    """A fault, and the cause that an error must name where it does not pass."""

    name: str
    rule: dict[str, Any]
    cause: str | None = None
    where: dict[str, str] = field(default_factory=lambda: STORAGE)

    @property
    def retry(self) -> RetryPolicy:
        return HASTY if "stall" in self.name else QUICK


def truncated_at(offset: int) -> dict[str, Any]:
    return {"truncate": offset}


BOUNDARY = 20 * 512
"""A place between tar blocks, where a short body looks like the end of an archive."""

PASSING = [
    Case("FIN mid-body", {"drop_after": 5000}),
    Case("RST mid-body", {"drop_after": 5000, "reset": True}),
    Case("FIN at a block boundary", {"drop_after": BOUNDARY}),
    Case("FIN, then another at byte 0", {"drop_after": 0, "times": 2, "skip": 1}),
    Case("chunked body cut", {"chunked_cut": 5000}),
    Case("chunked body ends early and clean", {"chunked_cut": BOUNDARY, "clean_end": True}),
    Case("short body, consistent length", truncated_at(5001)),
    Case("short body at a block boundary", truncated_at(BOUNDARY)),
    Case("empty body", truncated_at(0)),
    Case("closed without an answer", {"close": True, "times": 3}),
    Case("reset without an answer", {"close": True, "reset": True, "times": 3}),
    Case("range ignored", {"ignore_range": True}),
    Case("range of other bytes", {"set_headers": {"Content-Range": "bytes 0-9/10"}}),
    Case("no Content-Range", {"set_headers": {"Content-Range": None}}),
    Case("compressed on the way", {"set_headers": {"Content-Encoding": "gzip"}}),
    Case("stall", {"stall_after": 3000, "stall_s": 1.0}),
    Case("slow", {"slow": 400_000}),
    Case("503", {"status": 503, "times": 3}),
    Case("500", {"status": 500, "times": 3}),
    Case("429 with Retry-After", {"status": 429, "headers": {"Retry-After": "1"}}),
    Case("expired URL", {"status": 403, "times": 2}),
    Case("URL refused with 401", {"status": 401}),
    Case("URL gone", {"status": 410}),
    Case("resolving: closed", {"close": True, "times": 3}, where=RESOLVE),
    Case("resolving: 503", {"status": 503, "times": 3}, where=RESOLVE),
    Case("resolving: 429", {"status": 429, "headers": {"Retry-After": "1"}}, where=RESOLVE),
    Case("resolving: stall", {"delay": 1.0}, where=RESOLVE),
    Case("resolving: a wrong size", {"set_headers": {"X-Linked-Size": "7"}}, where=RESOLVE),
    Case("resolving: no size", {"set_headers": {"X-Linked-Size": None}}, where=RESOLVE),
    Case("resolving: no commit", {"set_headers": {"X-Repo-Commit": None}}, where=RESOLVE),
]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", PASSING, ids=lambda case: case.name)
def test_what_passes_costs_no_pair(pushed: Hub, case: Case, threads: int) -> None:
    with open_dataset(REPO, cache=False, retry=case.retry) as store:
        fault = pushed.fault(**case.where, **case.rule)
        assert read_all(store, threads) == EXPECTED
    assert fault.fired == fault.times


LASTING = [
    Case("FIN mid-body", {"drop_after": 0}, "RemoteProtocolError"),
    Case("RST mid-body", {"drop_after": 0, "reset": True}, "(ReadError|RemoteProtocolError)"),
    Case("chunked clean end", {"chunked_cut": 0, "clean_end": True}, "bytes early"),
    Case("short body", truncated_at(0), "bytes early"),
    Case("closed without an answer", {"close": True}, "RemoteProtocolError"),
    Case("range ignored", {"ignore_range": True}, "status 200 instead of 206"),
    Case("other range", {"set_headers": {"Content-Range": "bytes 0-9/10"}}, "bytes 0-9/10"),
    Case("no Content-Range", {"set_headers": {"Content-Range": None}}, "no range"),
    Case("stall", {"stall_after": 0, "stall_s": 1.0}, "ReadTimeout"),
    Case("503", {"status": 503}, "status 503"),
    Case("429", {"status": 429}, "status 429"),
    Case("416", {"status": 416}, "status 416"),
    Case("expired URL", {"status": 403}, "refused with status 403"),
    Case("resolving: 503", {"status": 503}, "status 503", RESOLVE),
    Case("resolving: closed", {"close": True}, "RemoteProtocolError", RESOLVE),
    Case("wrong size", {"set_headers": {"X-Linked-Size": "7"}}, "7 bytes of it", RESOLVE),
    Case("wrong commit", {"set_headers": {"X-Repo-Commit": "f" * 40}}, "commit ffff", RESOLVE),
]


@pytest.mark.parametrize("case", LASTING, ids=lambda case: case.name)
def test_what_lasts_is_an_error_that_names_shard_byte_and_cause(pushed: Hub, case: Case) -> None:
    with open_dataset(REPO, cache=False, retry=case.retry) as store:
        pushed.fault(**case.where, **case.rule, times=FOREVER)
        row = store.manifest.row(5)
        where = rf"ggt/pairs@{store.revision[:8]}, {row.shard} at byte {row.lq.offset:,}: "
        with pytest.raises(ReadError, match=f"{where}.*{case.cause}"):
            store.pair(row)
        pushed.heal()
        assert store.pair(row) == EXPECTED[row.key]


def test_progress_is_never_given_up(pushed: Hub, folder: Path, hub: Hub, tmp_path: Path) -> None:
    """A connection that drops every 100 KB, far more often than `attempts`."""
    root = make_dataset(tmp_path / "large", [make_pair(0, size=(900, 700))])
    hub.api().create_repo("ggt/large", repo_type="dataset")
    hub.api().upload_folder(repo_id="ggt/large", repo_type="dataset", folder_path=root)
    store = open_dataset("ggt/large", cache=False, retry=QUICK)
    hub.log.clear()
    hub.fault(**STORAGE, drop_after=100_000, times=FOREVER)
    row = store.manifest.row(0)
    assert store.pair(row, verify=True).gt == make_pair(0, size=(900, 700)).gt
    starts = [int(e.range.split("=")[1].split("-")[0]) for e in hub.log.select(server="cdn")]
    assert len(starts) > QUICK.attempts
    assert all(b - a == 100_000 for a, b in pairwise(starts))


def test_what_is_missing_is_asked_for_from_the_exact_byte(pushed: Hub, store: PairStore) -> None:
    pushed.fault(**STORAGE, drop_after=4321)
    row = store.manifest.row(0)
    store.pair(row)
    stop = row.json.offset + row.json.num_bytes - 1
    assert [entry.range for entry in pushed.log.select(server="cdn")] == [
        f"bytes={row.lq.offset}-{stop}",
        f"bytes={row.lq.offset + 4321}-{stop}",
    ]


@pytest.mark.parametrize("place", ["data", "tar header"])
@pytest.mark.parametrize("cached", [True, False])
def test_a_flipped_byte_is_cured(pushed: Hub, tmp_path: Path, place: str, cached: bool) -> None:
    store = open_dataset(REPO, cache=DiskCache(tmp_path) if cached else False, retry=QUICK)
    row = store.manifest.row(0)
    at = row.gt.offset + 100 if place == "data" else row.gt.offset - 512 + 124
    fault = pushed.fault(**STORAGE, corrupt=at)
    assert read_all(store, 1) == EXPECTED
    assert fault.fired == 1
    assert read_all(store, 2) == EXPECTED


def test_bytes_that_are_always_wrong_are_an_error(pushed: Hub, store: PairStore) -> None:
    row = store.manifest.row(0)
    pushed.fault(**STORAGE, corrupt=row.gt.offset, times=FOREVER)
    with pytest.raises(IntegrityError, match=rf"{row.shard} at byte .*{row.key}\.gt has the sha"):
        store.pair(row)


def test_flipped_metadata_is_cured(pushed: Hub, tmp_path: Path) -> None:
    for path in ("/resolve/.*info.json", "/lfs/"):
        pushed.fault(path=path, method="GET", corrupt=900)
    store = open_dataset(REPO, cache=DiskCache(tmp_path), retry=QUICK)
    assert read_all(store, 1) == EXPECTED


@pytest.mark.parametrize("rule", [{"corrupt": 3000}, {"drop_after": 9000}, {"ignore_range": True}])
def test_a_faulty_download_of_a_whole_shard_is_cured(
    pushed: Hub, tmp_path: Path, rule: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ggt_hf.data.reading.remote.shards.PIECE", 50_000)  # several pieces a shard
    store = open_dataset(REPO, cache=DiskCache(tmp_path), retry=QUICK)
    pushed.fault(**STORAGE, **rule)
    for shard in store.info.shards:
        store.prefetch(shard.path)
    pushed.log.clear()
    assert read_all(store, 2) == EXPECTED
    assert len(pushed.log) == 0


def test_a_shard_that_is_always_wrong_is_not_kept(pushed: Hub, tmp_path: Path) -> None:
    store = open_dataset(REPO, cache=DiskCache(tmp_path), retry=QUICK)
    path = store.info.shards[0].path
    pushed.fault(**STORAGE, corrupt=3000, times=FOREVER)
    with pytest.raises(IntegrityError, match=f"{path}: fetched twice, its sha256 is"):
        store.prefetch(path)
    assert not [f for f in tmp_path.rglob("*") if f.suffix in (".tar", ".partial")]


def test_urls_that_expire_are_asked_for_again_and_only_then(pushed: Hub, store: PairStore) -> None:
    shard = store.manifest.row(0).shard
    rows = [row for row in store.manifest if row.shard == shard]
    store.pair(rows[0])
    store.pair(rows[1])
    pushed.state.expire_urls()
    store.pair(rows[2])
    assert len(pushed.log.select(shard, server="hub")) == 2
    assert [entry.status for entry in pushed.log.select(server="cdn")] == [206, 206, 403, 206]


def test_sixteen_threads_with_one_expired_url_resolve_once_more(
    pushed: Hub, store: PairStore
) -> None:
    shard = store.manifest.row(0).shard
    rows = [row for row in store.manifest if row.shard == shard]
    store.pair(rows[0])
    pushed.log.clear()
    pushed.fault(**STORAGE, status=403, times=4)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(store.pair, rows))
    assert 1 <= len(pushed.log.select(shard, server="hub")) <= 4
    assert len(pushed.log.select(server="cdn")) == 8


def test_a_wish_to_wait_is_obeyed_by_every_thread(
    pushed: Hub, store: PairStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = list(store.manifest)
    store.pair(rows[0])
    pushed.fault(**STORAGE, status=429, headers={"RateLimit": '"resolvers";r=0;t=1'})
    pushed.log.clear()
    heard = threading.Event()
    pause = Patience._pause

    def pausing(self: Patience, setback: SetbackError, failures: int) -> None:
        pause(self, setback, failures)
        heard.set()

    monkeypatch.setattr(Patience, "_pause", pausing)
    thread = threading.Thread(target=store.pair, args=(rows[0],))
    thread.start()
    assert heard.wait(60)
    read_all(store, 8)
    thread.join()
    first, second, *_ = sorted(entry.time for entry in pushed.log)
    assert second - first >= 0.9


def test_an_outage_is_outlasted(pushed: Hub) -> None:
    patient = RetryPolicy(attempts=1000, first_delay=0.05, longest_delay=0.2)
    store = open_dataset(REPO, cache=False, retry=patient)
    found: dict[str, Any] = {}
    reader = threading.Thread(target=lambda: found.update(read_all(store, 2)))
    with pushed.outage("cdn"):
        reader.start()
        time.sleep(0.6)
    reader.join()
    assert found == EXPECTED


@pytest.mark.parametrize("code", ["GatedRepo", "RepoNotFound", "EntryNotFound"])
def test_access_that_is_withdrawn_while_reading_is_an_error_at_once(
    pushed: Hub, store: PairStore, code: str
) -> None:
    pushed.fault(
        **RESOLVE,
        status=403 if code == "GatedRepo" else 404,
        headers={"X-Error-Code": code},
        times=FOREVER,
    )
    row = store.manifest.row(0)
    with pytest.raises(HubError, match=f"{row.shard} at byte {row.lq.offset:,}"):
        store.pair(row)
    assert len(pushed.log) == 1


@pytest.mark.parametrize(
    "rule", [{"status": 503}, {"close": True}, {"body": "<html>", "status": 200}]
)
def test_opening_outlasts_setbacks(pushed: Hub, rule: dict[str, Any]) -> None:
    fault = pushed.fault(server="hub", path="/api/datasets/", times=2, **rule)
    store = open_dataset(REPO, cache=False, retry=QUICK)
    assert fault.fired == 2
    assert read_all(store, 1) == EXPECTED

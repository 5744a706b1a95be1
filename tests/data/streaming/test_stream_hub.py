"""A stream from the Hub, with workers, while the network misbehaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ggt_hf.data.reading.reader import DiskCache, RetryPolicy, open_dataset
from ggt_hf.data.streaming.pairs import DatasetPairs
from ggt_hf.data.streaming.stream import PairStream
from ggt_hf.data.streaming.transforms import RandomGeometry
from ggt_hf.errors import ReadError
from ggt_hf.images import decode
from tests.data.streaming.numbered import keys
from tests.hub_server.faults import FOREVER
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair

REPO = "ggt/pairs"
QUICK = RetryPolicy(attempts=5, first_delay=0.01, longest_delay=0.05, read_timeout=10)
PAIRS = [make_pair(i, d, size=(96, 64)) for d in ("rain", "snow") for i in range(8)]
TRUTH = {pair.info.key: decode(pair.gt, pair.info.key) for pair in PAIRS}


@pytest.fixture
def pushed(hub: Hub, tmp_path: Path) -> Hub:
    make_dataset(tmp_path / "pairs", PAIRS)
    hub.api().create_repo(REPO, repo_type="dataset")
    hub.api().upload_folder(repo_id=REPO, repo_type="dataset", folder_path=tmp_path / "pairs")
    return hub


def open_stream(cache: Path | None = None) -> PairStream:
    store = open_dataset(REPO, cache=DiskCache(cache) if cache else False, retry=QUICK)
    pairs = DatasetPairs(store, geometry=RandomGeometry(crop=48))
    return PairStream(pairs, batch_size=3)


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize(
    "fault",
    [{"drop_after": 3000}, {"truncate": 5120}, {"corrupt": 2000}, {"ignore_range": True}],
    ids=lambda fault: next(iter(fault)),
)
def test_faults_cost_no_pair(pushed: Hub, fault: dict[str, Any], workers: int) -> None:
    stream = open_stream()
    rule = pushed.fault(server="cdn", path="/lfs/", times=3, **fault)
    batches = list(stream.loader(num_workers=workers))
    assert rule.fired == 3
    assert sorted(keys(batches)) == sorted(TRUTH)
    geometry = RandomGeometry(crop=48)
    for batch in batches:
        for key, gt in zip(batch.keys, batch.gt.permute(0, 2, 3, 1).numpy(), strict=True):
            drawn = geometry.draw(0, 0, key, 96, 64)
            assert np.array_equal(gt, TRUTH[key][drawn.y :, drawn.x :][:48, :48])


def test_a_lasting_fault_names_shard_byte_and_cause(pushed: Hub) -> None:
    stream = open_stream()
    pushed.fault(server="cdn", path="/lfs/", status=503, times=FOREVER)
    with pytest.raises(ReadError, match=r"data/\w+/train-0000\d-of-00002.tar.*byte.*503"):
        list(stream)


def test_a_worker_passes_the_words_of_the_error_on(pushed: Hub) -> None:
    stream = open_stream()
    pushed.fault(server="cdn", path="/lfs/", status=503, times=FOREVER)
    with pytest.raises(RuntimeError, match=r"data/\w+/train-0000\d-of-00002.tar.*byte.*503"):
        list(stream.loader(num_workers=1))


def test_a_second_epoch_comes_from_the_cache(pushed: Hub, tmp_path: Path) -> None:
    loader = open_stream(tmp_path / "cache").loader()
    first = sorted(keys(loader))
    pushed.log.clear()
    assert sorted(keys(loader)) == first
    assert pushed.log.select("/lfs/", server="cdn", method="GET") == []

"""Twelve pairs in four shards, in a folder or on the loopback Hub: what tests of reading open."""

from __future__ import annotations

from ggt_hf.data.reading.reader import PairStore, RetryPolicy
from ggt_hf.records import Pair
from tests.making import make_pair

REPO = "ggt/pairs"
SHARD = "data/rain/train-00000-of-00002.tar"
QUICK = RetryPolicy(attempts=4, first_delay=0.01, read_timeout=10)
PAIRS = [make_pair(i, d, size=(96, 64)) for d in ("rain", "snow") for i in range(6)]
EXPECTED = {pair.info.key: pair for pair in PAIRS}


def contents(store: PairStore, **options: bool) -> dict[str, Pair]:
    return {row.key: store.pair(row, **options) for row in store.manifest}

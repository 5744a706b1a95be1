"""When a stream says that training waits for it: on a clock that the test turns."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from ggt_hf import PairStream
from ggt_hf.data.streaming import throughput
from ggt_hf.data.streaming.batches import PairBatch
from ggt_hf.data.streaming.throughput import SlowLoaderWarning, Throughput
from tests.data.streaming.numbered import NumberedPairs


class Clock:
    """Stands still but for those who turn it: no test of a quarter of a minute has to last one."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throughput, "time", clock)
    return clock


def trained(clock: Clock, loading: float, working: float, batches: int = 30) -> Throughput:
    """Train on batches that take `loading` seconds to come and `working` seconds to use."""
    (batch,) = PairStream(NumberedPairs(2), batch_size=2)
    stats = Throughput()

    def made() -> Iterator[PairBatch]:
        for _ in range(batches):
            clock.now += loading
            yield batch

    for _ in stats.watch(made()):
        clock.now += working
    return stats


def test_training_that_waits_is_told_once(clock: Clock) -> None:
    with pytest.warns(
        SlowLoaderWarning, match=r"waits for data 5\d%.*num_workers.*--seekable"
    ) as told:
        stats = trained(clock, loading=0.5, working=0.5)
    assert len(told) == 1
    assert stats.waiting_share == pytest.approx(0.5, abs=0.02)
    assert stats.pairs_per_second == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(
    ("loading", "working", "batches"),
    [(0.1, 0.9, 30), (0.5, 0.0, 30), (0.9, 0.9, 10), (0.1, 0.1, 30)],
    ids=["little", "a bare loop", "too few batches", "too short a time"],
)
def test_nothing_is_said_without_reason(
    clock: Clock, loading: float, working: float, batches: int
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(clock, loading, working, batches)

"""How fast a stream is, and whether training waits for it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ggt_hf.data.streaming.batches import PairBatch

ENOUGH_BATCHES, ENOUGH_SECONDS, TOO_LONG = 20, 10.0, 0.3
"""Ours: warn once so much was seen, if more than this share of the time went into waiting."""


class SlowLoaderWarning(UserWarning):
    """Training waits for data."""


@dataclass(slots=True)
class Throughput:
    """Running totals of one iteration, or of several after another."""

    pairs: int = 0
    """Pairs handed out."""
    batches: int = 0
    """Batches handed out."""
    waited: float = 0.0
    """Seconds in which whoever iterates waited for a batch."""
    worked: float = 0.0
    """Seconds between receiving a batch and asking for the next."""
    warned: bool = False
    """Whether the warning has been given."""

    @property
    def pairs_per_second(self) -> float:
        """Pairs by wall time; 0 before the first batch."""
        seconds = self.waited + self.worked
        return self.pairs / seconds if seconds else 0.0

    @property
    def waiting_share(self) -> float:
        """Share of the wall time spent waiting for data, 0 to 1."""
        seconds = self.waited + self.worked
        return self.waited / seconds if seconds else 0.0

    def watch(self, batches: Iterable[PairBatch]) -> Iterator[PairBatch]:
        """Yield `batches` and keep time."""
        asked = time.perf_counter()
        for batch in batches:
            received = time.perf_counter()
            self.waited += received - asked
            self.batches += 1
            self.pairs += len(batch)
            self._warn_once()
            yield batch
            asked = time.perf_counter()
            self.worked += asked - received

    def _warn_once(self) -> None:
        seen = self.batches >= ENOUGH_BATCHES and self.waited + self.worked >= ENOUGH_SECONDS
        # Without work in between there is nobody to keep waiting: a bare loop, a benchmark.
        if self.warned or not seen or self.worked < 0.1 * self.waited:
            return
        if self.waiting_share > TOO_LONG:
            self.warned = True
            warnings.warn(
                f"Training waits for data {self.waiting_share:.0%} of the time "
                f"({self.pairs_per_second:.0f} pairs/s): use more workers "
                "(stream.loader(num_workers=...)), or shards built with ggt build --seekable.",
                SlowLoaderWarning,
                stacklevel=3,
            )

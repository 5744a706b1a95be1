"""What the tests of the stream share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ggt_hf.data.streaming.batches import PairBatch, PairSample, Slots
from ggt_hf.data.streaming.order import true_shuffle
from ggt_hf.errors import ReadError


@dataclass
class NumberedPairs:
    """Pairs of 2 x 2 pixels that are numbers: a source so cheap that thousands of cases can run."""

    count: int
    seed: int = 0
    name: str = "n"
    broken: frozenset[int] = frozenset()

    @property
    def sample_shape(self) -> tuple[int, int]:
        return 2, 2

    @property
    def fingerprint(self) -> str:
        return f"{self.name}-{self.count}-{self.seed}"

    def __len__(self) -> int:
        return self.count

    def sample(self, epoch: int, position: int, out: Slots | None = None) -> PairSample:
        number = int(true_shuffle(self.count, self.seed, epoch)[position])
        if number in self.broken:
            raise ReadError(f"pair {number} is broken.", hint="Mend it.")
        pixels = np.full((2, 2, 3), number % 256, dtype=np.uint8)
        return PairSample(key=f"{self.name}{number}", lq=pixels, gt=255 - pixels)


def keys(batches: Iterable[PairBatch]) -> list[str]:
    return [key for batch in batches for key in batch.keys]

"""A batch being filled, row by row; every pixel is written once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch.utils.data import get_worker_info

from ggt_hf.data.streaming.batches import PairBatch, PairSample, Skipped, Slots
from ggt_hf.data.streaming.lending import LentBatch, Loan, lender

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class BatchRows:
    """Rows of a batch; in a DataLoader's worker they lie in memory that the worker lends.

    Args:
        size: rows of a full batch.
        sample_shape: (height, width) of every sample; ``None`` = as the first one has it.
    """

    def __init__(self, size: int, sample_shape: tuple[int, int] | None) -> None:
        self._size = size
        self._keys: list[str] = []
        self._loan: Loan | None = None
        self._sides = torch.empty((2, 0, 0, 0, 3), dtype=torch.uint8)
        self._arrays: NDArray[np.uint8] | None = None
        if sample_shape is not None:
            self._allocate(sample_shape)

    def slots(self) -> Slots | None:
        """Return where the next sample may be written; ``None`` while its shape is unknown."""
        if self._arrays is None:
            return None
        row = len(self._keys)
        return self._arrays[0][row], self._arrays[1][row]

    def add(self, sample: PairSample, slots: Slots | None) -> None:
        """Append a sample, copied unless it lies in `slots` already."""
        slots = slots or self._allocate(sample.lq.shape[:2])
        for slot, pixels in zip(slots, (sample.lq, sample.gt), strict=True):
            if slot is not pixels:
                slot[...] = pixels
        self._keys.append(sample.key)

    def batch(self, state: dict[str, int | str], skipped: Sequence[Skipped]) -> PairBatch:
        """Return the rows that were added."""
        keys = tuple(self._keys)
        lq, gt = (side[: len(keys)].permute(0, 3, 1, 2) for side in self._sides)
        if self._loan is None:
            return PairBatch(keys=keys, lq=lq, gt=gt, state=state, skipped=tuple(skipped))
        batch = LentBatch(keys=keys, lq=lq, gt=gt, state=state, skipped=tuple(skipped))
        return batch.on(self._loan, self._sides)

    def _allocate(self, sample_shape: tuple[int, ...]) -> Slots:
        shape = (2, self._size, *sample_shape[:2], 3)
        if get_worker_info() is None:
            self._sides = torch.empty(shape, dtype=torch.uint8)
        else:
            self._loan, self._sides = lender().lend(shape)
        self._arrays = self._sides.numpy()
        return self._arrays[0][0], self._arrays[1][0]

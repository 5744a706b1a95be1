"""What comes out of a stream: samples and batches of aligned, decoded pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class PairSample:
    """One pair, decoded and cropped."""

    key: str
    """Its key in the source."""
    lq: NDArray[np.uint8]
    """RGB, ``uint8``, ``(H, W, 3)``."""
    gt: NDArray[np.uint8]
    """RGB, ``uint8``, ``(H, W, 3)``, aligned with `lq`."""


Slots = tuple["NDArray[np.uint8]", "NDArray[np.uint8]"]
"""Where an LQ and a GT are to be written: rows of a batch, each ``(H, W, 3)``."""


class PairSource(Protocol):
    """Pairs that can be asked for by their place in an epoch's order.

    A source holds no progress: the same (epoch, position) gives the same sample, in any process.
    """

    @property
    def sample_shape(self) -> tuple[int, int] | None:
        """(height, width) of every sample, or ``None`` where they differ."""
        ...

    @property
    def fingerprint(self) -> str:
        """Names the set, its filters, transforms and seed: two sources with one name are alike."""
        ...

    def __len__(self) -> int:
        """Return the number of pairs in an epoch."""
        ...

    def sample(self, epoch: int, position: int, out: Slots | None = None) -> PairSample:
        """Return the pair at `position` of the epoch's order.

        Args:
            epoch: which order.
            position: place in it.
            out: arrays of `sample_shape` to write to, which are then those of the sample. A
                source that makes arrays of its own may leave them alone: they are copied.

        Raises:
            GgtError: the pair cannot be read or decoded; the error names it.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """A pair that was left out, with ``on_error="skip"``."""

    epoch: int
    """The epoch in which it was asked for."""
    position: int
    """Its place in the epoch's order."""
    cause: str
    """The error, which names the pair."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairBatch:
    """Aligned pairs of one shape."""

    keys: tuple[str, ...]
    """Keys, in the order of the rows."""
    lq: torch.Tensor
    """RGB, ``uint8``, ``(B, 3, H, W)``, channels last in memory, on the CPU until moved."""
    gt: torch.Tensor
    """As `lq`."""
    state: dict[str, int | str] = field(default_factory=dict)
    """What `PairStream.load_state_dict` takes to go on after this batch."""
    skipped: tuple[Skipped, ...] = ()
    """Pairs left out of this batch."""

    def __len__(self) -> int:
        return len(self.keys)

    def to(self, device: Any, *, non_blocking: bool = False) -> PairBatch:
        """Return the batch with its pictures on `device`, still ``uint8``."""
        lq, gt = (side.to(device, non_blocking=non_blocking) for side in (self.lq, self.gt))
        return replace(self, lq=lq, gt=gt)

    def pin_memory(self) -> PairBatch:
        """Return the batch in page-locked memory; a DataLoader calls this where it is asked to."""
        return replace(self, lq=self.lq.pin_memory(), gt=self.gt.pin_memory())

    def floats(self, dtype: torch.dtype | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (lq, gt) as floats in [0, 1], ``(B, 3, H, W)``, converted where the batch lies.

        Args:
            dtype: ``torch.float32`` unless given.
        """
        import torch

        wanted = dtype or torch.float32
        return self.lq.to(wanted).div_(255), self.gt.to(wanted).div_(255)


class BatchRows:
    """A batch being filled, row by row; every pixel is written once.

    In a DataLoader's worker the batch is allocated in shared memory, so that it is not copied
    again on its way to the training process.

    Args:
        size: rows of a full batch.
        sample_shape: (height, width) of every sample; ``None`` = as the first one has it.
    """

    def __init__(self, size: int, sample_shape: tuple[int, int] | None) -> None:
        self._size = size
        self._keys: list[str] = []
        self._sides: tuple[torch.Tensor, torch.Tensor] | None = None
        self._arrays: Slots | None = None
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
        import torch

        sides = self._sides or (torch.empty((0, 0, 0, 3), dtype=torch.uint8),) * 2
        lq, gt = (side[: len(self._keys)].permute(0, 3, 1, 2) for side in sides)
        return PairBatch(keys=tuple(self._keys), lq=lq, gt=gt, state=state, skipped=tuple(skipped))

    def _allocate(self, sample_shape: tuple[int, ...]) -> Slots:
        from torch.utils.data import get_worker_info

        shape = (self._size, *sample_shape[:2], 3)
        new = _empty if get_worker_info() is None else _empty_shared
        lq, gt = new(shape), new(shape)
        self._sides = lq, gt
        self._arrays = lq.numpy(), gt.numpy()
        return self._arrays[0][0], self._arrays[1][0]


def _empty(shape: tuple[int, ...]) -> torch.Tensor:
    import torch

    return torch.empty(shape, dtype=torch.uint8)


def _empty_shared(shape: tuple[int, ...]) -> torch.Tensor:
    """Return bytes in shared memory that nobody has written to.

    Not ``torch.empty(...).share_memory_()``, which copies what was never written: that took as long
    as decoding a crop. Torch's own `default_collate` allocates in this way.
    """
    import torch

    storage: torch.UntypedStorage = torch.UntypedStorage._new_shared(math.prod(shape))
    return torch.empty(0, dtype=torch.uint8).set_(storage).view(shape)

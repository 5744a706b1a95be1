"""What comes out of a stream: samples and batches of aligned, decoded pairs."""

from __future__ import annotations

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

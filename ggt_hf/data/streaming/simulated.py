"""Endless new pairs from clean photographs: cropped, then degraded by the simulator."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.data.regions import Region, decode_region
from ggt_hf.data.streaming.batches import PairSample, Slots
from ggt_hf.data.streaming.order import salt, true_shuffle
from ggt_hf.data.streaming.transforms import RandomGeometry
from ggt_hf.degradation import MIN_SIDE, REVISION, degrade
from ggt_hf.errors import SourceError, UsageError
from ggt_hf.images import inspect
from ggt_hf.records import DEGRADATIONS, Degradation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Retouch = Callable[["NDArray[np.uint8]", int], "NDArray[np.uint8]"]
"""RGB ``uint8`` (H, W, 3) and a seed -> the same shape."""

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
"""What counts as a photograph in a folder."""


class SimulatedPairs:
    """Pairs whose GT is a crop of a photograph and whose LQ is simulated from it, anew each epoch.

    Args:
        photographs: a folder, searched with all below it, or paths.
        geometry: crop, flip and rotation; the crop is at least 32 px.
        degradations: what to simulate; each pair gets one of them.
        repeats: how often each photograph comes in an epoch, each time with another crop.
        seed: of the order, the crops and the degradations.
        retouch: changes a crop before it is degraded, (picture, seed) -> picture: for more kinds
            of ground truth than the photographs show. The same seed must give the same.

    Raises:
        UsageError: no photographs, or no crop.
    """

    def __init__(
        self,
        photographs: str | Path | Sequence[Path],
        geometry: RandomGeometry,
        *,
        degradations: Sequence[Degradation] = DEGRADATIONS,
        repeats: int = 1,
        seed: int = 0,
        retouch: Retouch | None = None,
    ) -> None:
        self._paths = _found(photographs)
        self._geometry = geometry
        self._degradations = tuple(degradations)
        self._repeats = repeats
        self._seed = seed
        self._retouch = retouch
        if geometry.crop is None or geometry.crop < MIN_SIDE or not degradations or repeats < 1:
            raise UsageError(
                f"Simulated pairs need a crop of at least {MIN_SIDE} px, a degradation and at "
                f"least one repeat; got {geometry.crop}, {list(degradations)}, {repeats}.",
                hint="Pass RandomGeometry(crop=256).",
            )

    def __len__(self) -> int:
        return len(self._paths) * self._repeats

    @property
    def sample_shape(self) -> tuple[int, int] | None:
        """(height, width) of every sample."""
        crop = self._geometry.crop
        return None if crop is None else (crop, crop)

    @property
    def fingerprint(self) -> str:
        """Names the photographs, the simulator and all that is drawn."""
        names = [(path.name, path.stat().st_size) for path in self._paths]
        words: tuple[object, ...] = (
            names,
            REVISION,
            self._geometry,
            self._degradations,
            self._repeats,
            self._seed,
        )
        if self._retouch is not None:
            words += (self._retouch.__qualname__,)
        return hashlib.blake2b(repr(words).encode(), digest_size=8).hexdigest()

    def sample(self, epoch: int, position: int, out: Slots | None = None) -> PairSample:
        """Return the pair at `position` of the epoch's order.

        Raises:
            SourceError: the photograph cannot be read, or is smaller than the crop.
            ImageError: it cannot be decoded.
        """
        number = int(true_shuffle(len(self), self._seed, epoch)[position])
        path = self._paths[number % len(self._paths)]
        key = f"{path.stem}-{number // len(self._paths)}"
        gt = self._crop(path, epoch, key)
        seed = salt("degrade", self._seed, epoch, key) >> 1  # the simulator takes 63 bits
        if self._retouch is not None:
            gt = self._retouch(gt, salt("retouch", seed) >> 1)
        kind = self._degradations[salt("kind", seed) % len(self._degradations)]
        return PairSample(key=key, lq=degrade(gt, kind, seed=seed).lq, gt=gt)

    def _crop(self, path: Path, epoch: int, key: str) -> NDArray[np.uint8]:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise SourceError(
                f"{path} cannot be read: {error.strerror}.", hint="Leave it out of the folder."
            ) from error
        info = inspect(data, str(path))
        if min(info.width, info.height) < (self._geometry.crop or 0):
            raise SourceError(
                f"{path} is {info.width} x {info.height}, smaller than the crop of "
                f"{self._geometry.crop} px.",
                hint="Lower crop, or leave it out of the folder.",
            )
        drawn = self._geometry.draw(self._seed, epoch, key, info.width, info.height)
        region = Region(x=drawn.x, y=drawn.y, width=drawn.width, height=drawn.height)
        # Turned before it is degraded: rain falls downwards in every crop.
        return drawn.turn(decode_region(data, region, name=str(path))).copy()


def _found(photographs: str | Path | Sequence[Path]) -> tuple[Path, ...]:
    if isinstance(photographs, (str, Path)):
        folder = Path(photographs)
        paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    else:
        folder, paths = Path(), list(photographs)
    if not paths:
        raise UsageError(
            f"There is no photograph in {folder}.",
            hint=f"Give a folder with {', '.join(sorted(SUFFIXES))} files.",
        )
    return tuple(paths)

"""The simulated pictures as the training reads them: views and labels, in batches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from ggt_hf.degradation import LABELS
from ggt_hf.records import DEGRADATIONS

LEAST = 0.08
"""Severities below this are not named: nobody sees them."""

WATCHED = 10
"""One photograph in so many is never trained on: what the training is judged by while it runs."""

UPSIDE_DOWN = 0.3
"""Share of cut pictures that are shown upside down: textures look alike both ways."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of the training set on the disk."""

    views: Path
    photograph: str
    category: int
    effects: np.ndarray
    """Severities of LABELS, float32 (L,)."""

    @property
    def watched(self) -> bool:
        """Whether it is kept from the training, by the name of its photograph."""
        return crc32(self.photograph.encode()) % WATCHED == 0


class Batch(NamedTuple):
    """What is shown at once."""

    pixels: Tensor
    """float (B, V, 3, S, S) in [-1, 1]; the whole picture first, then details."""
    category: Tensor
    """int (B,), of DEGRADATIONS."""
    effects: Tensor
    """float (B, L): severities of LABELS."""

    @property
    def there(self) -> Tensor:
        """Which effects can be seen, 0 or 1, float (B, L)."""
        return (self.effects >= LEAST).float()


def samples(folder: Path) -> tuple[list[Sample], list[Sample]]:
    """Read the labels of every finished picture: those to train on, and those to watch."""
    found = [_sample(views) for views in sorted(folder.glob("*.npy"))]
    return [s for s in found if not s.watched], [s for s in found if s.watched]


def _sample(views: Path) -> Sample:
    record = json.loads(views.with_suffix(".json").read_text())
    effects = np.array([record["effects"].get(name, 0.0) for name in LABELS], np.float32)
    return Sample(views, record["photograph"], DEGRADATIONS.index(record["category"]), effects)


def batches(
    found: list[Sample], size: int, rng: np.random.Generator, *, details: int, cut: int = 0
) -> Iterator[Batch]:
    """Yield every picture once, in order, with `details` of its details; half are mirrored.

    With a `cut`, a square of that side is shown of each view, and some are upside down.
    """
    for start in range(0, len(found), size):
        chosen = found[start : start + size]
        yield Batch(
            pixels=normalised(np.stack([_shown(sample, details, rng, cut) for sample in chosen])),
            category=torch.tensor([sample.category for sample in chosen]),
            effects=torch.from_numpy(np.stack([sample.effects for sample in chosen])),
        )


def _shown(sample: Sample, details: int, rng: np.random.Generator, cut: int) -> np.ndarray:
    """Return the whole picture and drawn details, all turned alike: uint8 (V, S, S, 3)."""
    views = np.load(sample.views, mmap_mode="r")
    chosen = [0, *(1 + rng.permutation(len(views) - 1)[:details])]
    side = cut or views.shape[1]
    top, left = rng.integers(views.shape[1] - side + 1, size=2)
    drawn = views[chosen, top : top + side, left : left + side]
    upright = drawn[:, ::-1] if cut and rng.random() < UPSIDE_DOWN else drawn
    return upright[:, :, ::-1] if rng.random() < 0.5 else upright


def normalised(views: np.ndarray) -> Tensor:
    """Turn uint8 (..., S, S, 3) into what the image processor gives: float (..., 3, S, S)."""
    return torch.from_numpy(np.ascontiguousarray(views)).movedim(-1, -3).float().div(127.5).sub(1)

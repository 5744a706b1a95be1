"""Where the embedded restorer's training pairs come from: each category in turn, and clean ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from restorer_tones import retouch, retouch_plain, retouch_widely
from torch import Tensor

from ggt_hf.data.streaming.batches import PairSample, PairSource, Slots
from ggt_hf.data.streaming.mixing import Mix
from ggt_hf.data.streaming.order import salt
from ggt_hf.data.streaming.simulated import SimulatedPairs
from ggt_hf.data.streaming.transforms import RandomGeometry
from ggt_hf.degradation import degrade
from ggt_hf.images import decode
from ggt_hf.records import DEGRADATIONS

KEPT_TONES = ("mixed", "rain", "snow")
"""Categories whose pictures have the tones that they should have, whatever these are."""


def learning_pairs(photographs: Sequence[Path], side: int, seed: int) -> Mix:
    """Return pairs of all categories in turn: each step then learns from every one of them."""
    parts = [
        SimulatedPairs(
            photographs,
            RandomGeometry(crop=side, flip=True),
            degradations=[kind],
            repeats=8,
            seed=seed + place,
            retouch=retouch,
        )
        for place, kind in enumerate(DEGRADATIONS)
    ]
    return Mix(parts, seed=seed)


def settling_pairs(photographs: Sequence[Path], side: int, seed: int, reduced: Path) -> Mix:
    """Return pairs of all categories and nearly clean ones in turn: they teach when to do little.

    Args:
        photographs: those to train on.
        side: pixels of a crop.
        seed: of all that is drawn.
        reduced: folder for copies of the photographs, of little more than `side` pixels: crops
            of these show a whole scene, as pictures to be restored do.
    """
    both = [*photographs, *(reduce(path, side, reduced) for path in photographs)]
    geometry = RandomGeometry(crop=side, flip=True)
    parts: list[PairSource] = [
        SimulatedPairs(
            both,
            geometry,
            degradations=[kind],
            repeats=4,
            seed=seed + place,
            retouch=retouch_widely if kind in KEPT_TONES else retouch_plain,
        )
        for place, kind in enumerate(DEGRADATIONS)
    ]
    drawn = SimulatedPairs(
        both, geometry, repeats=4, seed=seed + len(parts), retouch=retouch_widely
    )
    return Mix([*parts, NearlyClean(drawn)], seed=seed)


def reduce(path: Path, side: int, folder: Path) -> Path:
    """Return a lossless copy of a photograph whose shorter side is an eighth above `side`."""
    copy = folder / f"{path.stem}-reduced.png"
    if not copy.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            factor = side * 9 / 8 / min(image.size)
            size = (round(image.width * factor), round(image.height * factor))
            small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        small.save(copy.with_suffix(".partial"), format="PNG")
        copy.with_suffix(".partial").replace(copy)
    return copy


class NearlyClean:
    """Pairs whose LQ is the GT itself, every second time, else at most half as degraded.

    Args:
        source: whose degradations are taken back in part.
    """

    def __init__(self, source: SimulatedPairs) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    @property
    def sample_shape(self) -> tuple[int, int] | None:
        """(height, width) of every sample."""
        return self._source.sample_shape

    @property
    def fingerprint(self) -> str:
        """Names the source and what is done to it."""
        words = ("nearly clean", self._source.fingerprint)
        return hashlib.blake2b(repr(words).encode(), digest_size=8).hexdigest()

    def sample(self, epoch: int, position: int, out: Slots | None = None) -> PairSample:
        """Return the pair at `position` of the epoch's order.

        Raises:
            GgtError: it cannot be read or decoded.
        """
        pair = self._source.sample(epoch, position)
        rng = np.random.default_rng(salt("nearly clean", epoch, position, pair.key))
        share = np.float32(max(0.0, rng.uniform(-0.5, 0.5)))
        lq = pair.gt + share * (pair.lq.astype(np.float32) - pair.gt)
        return PairSample(key=pair.key, lq=lq.round().astype(np.uint8), gt=pair.gt)


def clean_pairs(paths: Sequence[Path], side: int = 256) -> tuple[Tensor, Tensor]:
    """Return (lq, gt) in [0, 1], ``(B, 3, side, side)``: originals in all kinds of tones.

    What was done to them is a copy's compression, and every third is blurred or noisy a little.
    """
    sides: tuple[list[Any], list[Any]] = ([], [])
    for number, path in enumerate([*paths, *paths, *paths]):
        whole = decode(path.read_bytes(), path.name)
        top, left = (whole.shape[0] - side) // 2, (whole.shape[1] - side) // 2
        gt = np.ascontiguousarray(whole[top : top + side, left : left + side])
        gt = retouch_widely(gt, 9100 + number)
        severity = 0.15 if number % 3 == 0 else 0.01
        sides[0].append(degrade(gt, "mixed", seed=9100 + number, severity=severity).lq)
        sides[1].append(gt)
    lq, gt = (torch.from_numpy(np.stack(s)).permute(0, 3, 1, 2) / 255 for s in sides)
    return lq, gt

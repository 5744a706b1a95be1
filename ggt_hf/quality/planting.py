"""Faults of known kind and size, planted into a good target: what a quality gate must find.

A planter is a pure function of a photograph and a random generator; `Planted.size` says how
strong the fault was drawn. Stage 1 is calibrated on them, and a judge is tried with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args
from zlib import crc32

import numpy as np

from ggt_hf.errors import UsageError
from ggt_hf.quality import faults
from ggt_hf.quality.faults import Drawn, Scene
from ggt_hf.quality.planes import Picture

FaultKind = Literal[
    "shift",
    "scale",
    "rotation",
    "local_warp",
    "tone_drift",
    "hue_drift",
    "color_cast",
    "unchanged",
    "black",
    "flat",
    "other_image",
    "object_removed",
    "object_inserted",
    "text_altered",
    "over_smoothed",
    "over_sharpened",
]
"""What is known to go wrong with generated targets."""

FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

GEOMETRIC: tuple[FaultKind, ...] = ("shift", "scale", "rotation", "local_warp")
TONAL: tuple[FaultKind, ...] = ("tone_drift", "hue_drift", "color_cast")


@dataclass(frozen=True, kw_only=True, slots=True)
class Planted:
    """A pair with one known fault in its target."""

    lq: Picture
    """The input; touched only where the fault needs it (a word to be altered)."""
    gt: Picture
    """The faulty candidate, of the input's size."""
    kind: FaultKind
    """What is wrong with it."""
    size: float
    """How strong: pixels, percent, degrees or a share, as the kind says; 1 where it has none."""


_PLANTERS: dict[str, Callable[[Scene], Drawn]] = {
    "shift": faults.shift,
    "scale": faults.scale,
    "rotation": faults.rotation,
    "local_warp": faults.local_warp,
    "tone_drift": faults.tone_drift,
    "hue_drift": faults.hue_drift,
    "color_cast": faults.color_cast,
    "unchanged": faults.unchanged,
    "black": faults.black,
    "flat": faults.flat,
    "other_image": faults.other_image,
    "object_removed": faults.object_removed,
    "object_inserted": faults.object_inserted,
    "text_altered": faults.text_altered,
    "over_smoothed": faults.over_smoothed,
    "over_sharpened": faults.over_sharpened,
}


def plant(kind: FaultKind, lq: Picture, gt: Picture, other: Picture, *, seed: int) -> Planted:
    """Plant one fault; the same arguments give the same pixels.

    Args:
        kind: one of `FAULT_KINDS`.
        lq: the degraded input, RGB ``uint8`` ``(H, W, 3)``, sides of at least 64 pixels.
        gt: its good target, of the same shape.
        other: another photograph of the same shape.
        seed: any integer >= 0.

    Raises:
        UsageError: an unknown kind, or pictures of differing or too small size.
    """
    if kind not in _PLANTERS:
        raise UsageError(
            f"There is no fault {kind!r}.", hint=f"Choose one of {', '.join(FAULT_KINDS)}."
        )
    if lq.shape != gt.shape or other.shape != gt.shape or min(gt.shape[:2]) < 64:
        raise UsageError(
            f"The pictures are {lq.shape}, {gt.shape} and {other.shape}.",
            hint="Give three of one shape (H, W, 3), with sides of at least 64 pixels.",
        )
    rng = np.random.default_rng([seed, crc32(kind.encode())])
    new_lq, new_gt, size = _PLANTERS[kind](Scene(lq=lq, gt=gt, other=other, rng=rng))
    return Planted(lq=new_lq, gt=new_gt, kind=kind, size=round(float(size), 4))

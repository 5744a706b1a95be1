"""Whether the candidate shows what its input shows: as a whole, and at every place.

Compared is the local contrast of both, low-passed, so that noise, fine streaks and compression
do not count; a place is a soft window of a fortieth of the longer side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ggt_hf.quality.planes import Plane, blurred, local_contrast, reduced

_SIDE = 256
"""Longer side of the copies that are compared, in pixels; shorter pictures stay as they are."""
_FINE, _COARSE = 1.5, 8.0
_WINDOW = _SIDE / 40
_FLOOR = 0.1
_PRESENT = 0.25
"""Power of local contrast from which there is something to see at a place; it is 1 on average."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StructureKept:
    """Correlations of local contrast; 1 = all kept, 0 = nothing in common."""

    overall: float
    """Over the whole picture."""
    least_lost: float
    """At the worst place where the input shows something; 1 where it shows nothing."""
    least_gained: float
    """At the worst place where the candidate shows something; 1 where it shows nothing."""
    vanished: float
    """Loss of power at the place that lost most, 0 to -1; 0 = none."""
    appeared: float
    """Gain of power at the place that gained most, 0 to 1; 0 = none."""


def measure_structure(lq: Plane, gt: Plane) -> StructureKept:
    """Compare two brightness planes in grey levels, of one shape."""
    factor = max(lq.shape) / _SIDE
    one, other = (
        local_contrast(reduced(plane, factor), fine=_FINE, coarse=_COARSE) for plane in (lq, gt)
    )
    power, other_power = one * one, other * other
    whole = float((one * other).sum() / np.sqrt(power.sum() * other_power.sum() + 1.0))
    here, there = blurred(power, _WINDOW), blurred(other_power, _WINDOW)
    likeness = blurred(one * other, _WINDOW) / np.sqrt((here + _FLOOR) * (there + _FLOOR))
    change = (there - here) / (there + here + _FLOOR)
    return StructureKept(
        overall=whole,
        least_lost=_least(likeness, here > _PRESENT),
        least_gained=_least(likeness, there > _PRESENT),
        vanished=min(0.0, float(change.min())),
        appeared=max(0.0, float(change.max())),
    )


def _least(values: NDArray[np.floating], where: NDArray[np.bool_]) -> float:
    return float(values[where].min()) if where.any() else 1.0

"""How sharp a picture is where it has something to show: the balance of fine and coarse detail.

Photographs of any subject keep about the same balance from octave to octave. Smoothing empties
the finest octaves, sharpening overfills them. Measured at the busiest places only, so that a
blurred background and an empty sky do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ggt_hf.quality.planes import Plane, blurred, reduced

_OCTAVES = (0.8, 1.6, 3.2, 6.4)
"""Sigmas in pixels; a band is what lies between two of them, the first is all that is finer."""
_BUSY = 70
"""Percentile of coarse detail from which a place counts as busy."""
_PLACE = 12
"""Pixels of a side of one place."""
_NOISE = 0.3
"""Grey levels added to each band, so that nothing is divided by nothing."""
_NEAR = 1.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharpness:
    """Balances of detail in octaves (log2), and one measure of naturalness."""

    fine: float
    """Finest band against the third, median over busy places; photographs: about -1.5 to 0."""
    middle: float
    """Second band against the fourth, median over busy places."""
    peaks: float
    """Kurtosis of the second band at busy places; grows with halos and ringing, 3 = Gaussian."""
    naturalness: float
    """Kurtosis-like ratio of locally normalised brightness; natural scenes lie near one value."""


def measure_sharpness(plane: Plane) -> Sharpness:
    """Measure a brightness plane in grey levels, at least 64 pixels a side."""
    blurs = [plane, *(blurred(plane, sigma) for sigma in _OCTAVES)]
    bands = [finer - coarser for finer, coarser in pairwise(blurs)]
    squares = [band * band for band in bands]
    powers = [_averaged(square) for square in squares]
    coarse = powers[2] + powers[3]
    busy = coarse >= np.percentile(coarse, _BUSY)
    strength = [np.log2(np.sqrt(power[busy]) + _NOISE) for power in powers]
    second, fourth = powers[1][busy], _averaged(squares[1] * squares[1])[busy]
    return Sharpness(
        fine=float(np.median(strength[0] - strength[2])),
        middle=float(np.median(strength[1] - strength[3])),
        peaks=float(fourth.mean() / (second.mean() ** 2 + 1e-6)),
        naturalness=_naturalness(plane),
    )


def _averaged(power: Plane) -> Plane:
    """Average over places of about `_PLACE` pixels a side."""
    return reduced(power, _PLACE)


def _naturalness(plane: Plane) -> float:
    """Return E[z^2] / E[|z|]^2 of mean-subtracted, contrast-normalised brightness."""
    mean = blurred(plane, _NEAR)
    spread = np.sqrt(np.maximum(blurred(plane * plane, _NEAR) - mean * mean, 0.0))
    z = (plane - mean) / (spread + 1.0)
    return float((z * z).mean() / (np.abs(z).mean() ** 2 + 1e-9))

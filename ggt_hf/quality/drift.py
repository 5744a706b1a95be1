"""Whether a drift of tone explains a pair: the input must follow from the candidate through air.

Seen through a veil of brightness A, a place that lets the share s through shows ``A - s (A - y)``
of a scene's y, in linear light. Each place has its own s, each channel one A, and the scene is
the candidate, if its tone is right. Where it drifted, another tone of the candidate explains the
input better: one bent by a power, or one that meets the veil at another brightness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ggt_hf.quality.places import Cells, by_place
from ggt_hf.srgb import linear_to_srgb, srgb_to_linear

Values = NDArray[np.float64]

_PLACES = 12
"""Places of a side: small, for air that thickens within one looks like a power of the tones."""
_VEILS = np.linspace(0.35, 1.05, 15)
_USUAL, _SPREAD, _PULL = 0.65, 0.25, 0.05
"""Usual brightness of a veil, its deviation, and the pull to it."""
_POWERS = np.array([0.6, 0.7, 0.8, 0.9, 1.0, 1.11, 1.25, 1.43, 1.67])
_OFFSETS = np.linspace(-0.4, 0.4, 21)
"""Tried powers of the candidate's sRGB values, and its distances from the veil, share of white."""
_STILL = np.s_[3:6, 9:12]
"""Those of the tried that nobody sees: powers to 10 %, and 4 % of white."""
_FLOOR = 1e-5
"""Mean square of what no model explains; linear values squared."""
_SHARPNESS = 20.0
"""How much a better explanation outweighs a worse one in the mean of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """The drift that explains a pair best, through air."""

    unexplained: float
    """Natural logarithm of the ratio of the squares that no drift and the best one leave, mean over
    places and channels; 0 = no drift explains the pair as well. The logarithm keeps single places
    from deciding."""
    power: float
    """Power that takes the candidate's sRGB values back to the scene's; 1 = kept."""
    offset: float
    """How far the candidate meets the veil from where the input does, share of white; 0 = there."""


def explain(before: Cells, after: Cells) -> Drift:
    """Find the drift that explains a pair best: a mean of all tried, weighted by what they leave.

    Args:
        before: cells of the input, linear RGB.
        after: the same of the candidate.
    """
    encoded = np.clip(linear_to_srgb(after), 0, 1)
    loss = np.mean(
        [
            [_loss(before[..., c], srgb_to_linear(encoded[..., c] ** power)) for power in _POWERS]
            for c in range(3)
        ],
        axis=0,
    )
    weight = np.exp(-_SHARPNESS * (loss - loss.min()))
    weight /= weight.sum()
    return Drift(
        unexplained=float(loss[_STILL].min() - loss.min()),
        power=float(np.exp(weight.sum(axis=1) @ np.log(_POWERS))),
        offset=float(weight.sum(axis=0) @ _OFFSETS),
    )


def _loss(before: Values, after: Values) -> Values:
    """Return what is left of one channel for each of `_OFFSETS`, at the veil that leaves least."""
    x, y = by_place(before, _PLACES), by_place(after, _PLACES)
    count = x.shape[1]
    veil = _VEILS[:, None, None]
    meeting = veil + _OFFSETS[None, :, None]
    # Sums of (veil - x)^2, (meeting - y)^2 and their product, from those of x and y.
    square_x = (x * x).sum(1) - 2 * veil * x.sum(1) + count * veil**2
    square_y = (y * y).sum(1) - 2 * meeting * y.sum(1) + count * meeting**2
    shared = (x * y).sum(1) - veil * y.sum(1) - meeting * x.sum(1) + count * veil * meeting
    left = np.maximum(square_x - shared**2 / np.maximum(square_y, 1e-9), 0) / count
    pull = _PULL / 2 * ((_VEILS - _USUAL) / _SPREAD) ** 2
    least: Values = (np.log(left + _FLOOR).mean(axis=2) + pull[:, None]).min(axis=0)
    return least

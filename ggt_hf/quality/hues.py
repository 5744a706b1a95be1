"""The turn of the hues, and how certain it is.

A linear map takes the two opponent channels and the brightness of the input to the opponent
channels of the candidate. Lights of another colour and fading are symmetric in it; only a turn is
not. Near-gray and near-black pictures show any turn and mean none, so its error is measured too:
how far the turn depends on which places were looked at (the jackknife of Tukey, 1958), and what
compression may make of faint colours.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ggt_hf.quality.places import Places, Values, lines

_AGREES = 0.3
"""Share of a place's variance of brightness that its line must explain for the place to count."""
_FAINT = 0.05
"""Slope of brightness under which a place is too far gone to show a hue."""
_PULL = 0.3
"""Pull of colours that were never seen apart towards one turn for all."""
_FAINT_COLOUR = 1e-3
"""Error of the candidate's colours themselves, linear; a fourth of a grey level in the middle."""
_TINY = 1e-9
_OPPONENTS = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0]]) / np.sqrt([[2.0], [6.0]])


class Turn(NamedTuple):
    """How far the hues are turned about grey."""

    degrees: float
    """-180 to 180; 0 = kept."""
    error: float
    """Its standard error in degrees, 0 to 180; 180 = no hue is known."""

    @property
    def certain(self) -> float:
        """The least turn that is certain, without sign: the measured one less twice its error."""
        return max(0.0, abs(self.degrees) - 2 * self.error)


def hue_turn(places: Places, luma: Values) -> Turn:
    """Measure the turn of the hues; unknown where fewer than three places show one."""
    slope, _, agrees = lines(places.before @ luma, places.after @ luma)
    shown = (agrees > _AGREES) & (slope > _FAINT)
    if np.count_nonzero(shown) < 3:
        return Turn(0.0, 180.0)
    before, after = places.before[shown], places.after[shown]
    turned = after @ _OPPONENTS.T / slope[shown][:, None, None]
    known = np.concatenate([before @ _OPPONENTS.T, (before @ luma)[..., None]], axis=2)
    gram, shared = known.swapaxes(1, 2) @ known, known.swapaxes(1, 2) @ turned
    degrees = float(_turn(gram.sum(axis=0), shared.sum(axis=0)))
    without = _turn(gram.sum(axis=0) - gram, shared.sum(axis=0) - shared)
    moved = (without - degrees + 180) % 360 - 180
    scatter = np.sqrt((1 - 1 / len(moved)) * (moved**2).sum())
    colour = np.sqrt(((after @ _OPPONENTS.T) ** 2).sum(axis=2).mean())
    error = np.hypot(scatter, np.degrees(_FAINT_COLOUR / max(colour, _TINY)))
    return Turn(degrees, min(180.0, float(error)))


def _turn(gram: Values, shared: Values) -> Values:
    """Return the turn in degrees of the linear map that fits best.

    Args:
        gram: sums of products of the input's colours and brightness, ``(..., 3, 3)``.
        shared: sums of products of those with the candidate's colours, ``(..., 3, 2)``.
    """
    power = gram[..., 0, 0] + gram[..., 1, 1]
    real, imaginary = _turned(shared) / np.maximum(power, _TINY)
    usual = np.zeros_like(shared)  # one turn and growth for all colours, none from brightness
    usual[..., 0, 0], usual[..., 1, 1] = real, real
    usual[..., 0, 1], usual[..., 1, 0] = imaginary, -imaginary
    pull = (_PULL / 2 * power + _TINY)[..., None, None]
    linear = np.linalg.solve(gram + pull * np.eye(3), shared + pull * usual)
    real, imaginary = _turned(linear)
    turn: Values = np.degrees(np.arctan2(imaginary, real))
    return turn


def _turned(linear: NDArray[np.floating]) -> Values:
    """Return twice the growth and the turn in a map of the colour plane, ``(2, ...)``."""
    growth = linear[..., 0, 0] + linear[..., 1, 1]
    return np.stack([growth, linear[..., 0, 1] - linear[..., 1, 0]])

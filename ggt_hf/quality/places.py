"""Tones place by place: what is the same everywhere though haze and light vary over a picture.

The cells of a place share one thickness of haze and one light, so that from input to candidate
they lie on one line a channel. Each place has a line of its own; what the lines have in common is
what a good target cannot change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CELLS = 48
"""Cells of a side, whatever the aspect."""
PLACES = 6
"""Places of a side."""

Cells = NDArray[np.float64]
"""Linear RGB, 0 to 1, ``(CELLS, CELLS, 3)``."""

Values = NDArray[np.float64]

_AGREES = 0.6
"""Share of a place's variance that its line must explain for the place to count."""
_VEIL, _VEILS, _VEIL_PULL = 0.7, (0.5, 0.9), 0.05
"""Linear brightness of a veil: the usual one, the possible ones, and the pull to the usual one."""
_BRIGHT = 0.02
"""Linear brightness of the candidate's cells from which logarithms count."""
_BLACKS, _OVER_BLACK, _BRIGHT_INPUT = 0.01, 3.0, (0.002, 0.02)
"""The same of the input: so many times what its darkest share of cells shows, within bounds."""
_ENOUGH, _VARIED, _AGREES_IN_GAMMA = 16, 0.005, 0.7
"""Cells of a place, variance of their logarithms, share of it explained, from which it counts."""
_TINY = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Cells by place, each place less its mean: ``(P, N, 3)``, and the means, ``(P, 3)``."""

    before: Values
    after: Values
    mean_before: Values
    mean_after: Values


def cut_to_places(before: Cells, after: Cells) -> Places:
    """Cut the cells of both pictures to places."""
    (one, mean), (other, other_mean) = _cut(before), _cut(after)
    return Places(before=one, after=other, mean_before=mean, mean_after=other_mean)


def change_at_veil(places: Places, luma: Values) -> float:
    """Return the change of brightness where the lines of all places meet, as a share of white.

    Through a veil of light A, a place's line is ``y = (x - A) / t + A``: whatever the share ``t``
    that comes through, it passes through (A, A). A and the height over it are fitted together; 0
    where fewer than six places have a line.
    """
    slope, power, agrees = lines(places.before @ luma, places.after @ luma)
    weight = power * (agrees > _AGREES)
    if np.count_nonzero(weight) < PLACES:
        return 0.0
    weight = np.minimum(weight, np.quantile(weight[weight > 0], 0.7))
    weight /= weight.sum()
    level = places.mean_after @ luma - slope * (places.mean_before @ luma)
    tilt = 1 - slope  # level = change + A * tilt
    middle, centre = weight @ level, weight @ tilt
    covered = weight @ ((level - middle) * (tilt - centre))
    spread = weight @ (tilt - centre) ** 2
    veil = np.clip((covered + _VEIL_PULL * _VEIL) / (spread + _VEIL_PULL), *_VEILS)
    return float(middle - veil * centre)


def tint(places: Places) -> float:
    """Return the octaves by which red grew more than blue: the weighted median over places.

    The lines run from the candidate to the input, whose noise then bends none of them. A veil of
    any colour leaves it alone. 0 where fewer than four places have lines.
    """
    red, blue = (lines(places.after[..., c], places.before[..., c]) for c in (0, 2))
    agrees = np.minimum(red.agrees, blue.agrees)
    weight = np.minimum(red.power, blue.power) * agrees**8 * (agrees > _AGREES)
    if np.count_nonzero(weight) < 4:
        return 0.0
    octaves = np.log2(np.maximum(blue.slope, 1e-4) / np.maximum(red.slope, 1e-4))
    return _median(octaves, np.minimum(weight, np.quantile(weight[weight > 0], 0.7)))


def gamma(before: Values, after: Values) -> float:
    """Return the power of the candidate's brightness over the input's: the median over places.

    Light that only got less or more, unevenly even, keeps it at 1. Cells in whose input noise
    would count are left out, by what the candidate lets expect there: to choose them by the input
    itself would flatten the lines. Noise is cut off at zero, so that it lifts black: what the
    input's darkest cells show says how far. 1 where fewer than four places are left.

    Args:
        before: brightness of the input's cells, linear, ``(CELLS, CELLS)``.
        after: the same of the candidate.
    """
    x, y = by_place(before), by_place(after)
    share = x.sum(axis=1) / np.maximum(y.sum(axis=1), _TINY)
    least = np.clip(_OVER_BLACK * np.quantile(before, _BLACKS), *_BRIGHT_INPUT)
    bright = (y * share[:, None] > least) & (y > _BRIGHT)
    count = np.maximum(bright.sum(axis=1), 1)
    one, other = (_log_less_mean(values, bright, count) for values in (x, y))
    power, shared = (other * other).sum(axis=1), (one * other).sum(axis=1)
    agrees = shared**2 / np.maximum(power * (one * one).sum(axis=1), _TINY)
    shown = (count > _ENOUGH) & (power / count > _VARIED) & (agrees > _AGREES_IN_GAMMA)
    if np.count_nonzero(shown) < 4:
        return 1.0
    power, shared = power[shown], shared[shown]
    slope = _median(shared / power, np.minimum(power, np.quantile(power, 0.7)))
    return 1 / max(slope, 0.1)


def _log_less_mean(values: Values, where: NDArray[np.bool_], count: Values) -> Values:
    logs = np.where(where, np.log(np.maximum(values, 1e-4)), 0.0)
    return np.where(where, logs - (logs.sum(axis=1) / count)[:, None], 0.0)


def _median(values: Values, weight: Values) -> float:
    order = np.argsort(values)
    passed = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(passed, passed[-1] / 2)])


class Lines(NamedTuple):
    """A line a place: its slope, the power of its input, the share of variance it explains."""

    slope: Values
    power: Values
    agrees: Values


def lines(x: Values, y: Values) -> Lines:
    """Fit a line a place through values less their means, ``(P, N)`` each."""
    power, other = (x * x).sum(axis=1), (y * y).sum(axis=1)
    shared = (x * y).sum(axis=1)
    slope = shared / np.maximum(power, _TINY)
    return Lines(slope, power, shared**2 / np.maximum(power * other, _TINY**2))


def by_place(cells: Values, places: int = PLACES) -> Values:
    """Return cells ``(CELLS, CELLS, ...)`` as ``(P, N, ...)``: N cells at each of P places.

    Args:
        cells: values of a picture's cells.
        places: places of a side; a divisor of `CELLS`.
    """
    side, more = CELLS // places, cells.shape[2:]
    split = np.moveaxis(cells.reshape(places, side, places, side, *more), 2, 1)
    return split.reshape(places * places, side * side, *more)


def _cut(cells: Cells) -> tuple[Values, Values]:
    places = by_place(cells)
    mean = places.mean(axis=1)
    return places - mean[:, None, :], mean

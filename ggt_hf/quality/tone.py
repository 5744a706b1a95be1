"""How the tones of a candidate differ from its input's: gain, black, white, tint and hue.

Light adds up in linear values, so that is where the pictures are compared: darkness multiplies
and leaves black alone, haze mixes with its own bright grey and leaves that alone, and neither
turns a hue. Both pictures are averaged to coarse cells, so that neither noise nor detail nor a
pixel of shift matters, and lines are fitted from the input to the candidate: one over the whole
picture, and one at each of `places`, since haze is thicker here than there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ggt_hf.quality.drift import explain
from ggt_hf.quality.hues import hue_turn
from ggt_hf.quality.places import (
    CELLS,
    Cells,
    change_at_veil,
    cut_to_places,
    gamma,
    tint,
)
from ggt_hf.quality.planes import Picture
from ggt_hf.srgb import srgb_to_linear

BRIGHT_GREY = 0.68
"""Linear value (grey level 215) at which haze and mist leave a picture about as it is."""

_TO_LINEAR = srgb_to_linear(np.arange(256) / 255).astype(np.float32)
"""Of sRGB: at dark levels a plain power is far off."""
_LUMA = np.array([0.2126, 0.7152, 0.0722])
_TINY = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class ToneDrift:
    """What became of the tones, in linear light. Neutral: ratios and powers 1, others 0."""

    gain: float
    """Growth of brightness against the input's, by a fitted line; 1 = kept."""
    at_black: float
    """Change that this line makes at black, in percent of white."""
    at_white: float
    """Change that this line makes at `BRIGHT_GREY`, in percent of white."""
    at_veil: float
    """Change where the lines of all places meet: at the veil's own brightness; percent of white."""
    gamma: float
    """Power of the brightness over the input's, from place to place; 1 = kept."""
    drift: float
    """How much worse no drift explains the pair than one does, through air; 0 = no worse."""
    drift_power: float
    """Power of the tones that takes the best such drift back; 1 = none."""
    drift_offset: float
    """How far the candidate meets the veil from where the input does, in percent of white."""
    chroma: float
    """Colourfulness against the input's; 1 = kept."""
    tint: float
    """Octaves by which red grew more than blue, negative where less: median over places."""
    hue: float
    """Degrees that the colours are turned about grey, -180 to 180."""
    certain_hue: float
    """Least turn that is certain, degrees without sign: `hue` less twice its standard error."""


def measure_tone(lq: Picture, gt: Picture) -> ToneDrift:
    """Measure the drift of tone from `lq` to `gt`, two pictures of the same shape."""
    fine_before, fine_after = _cells(lq, 2 * CELLS), _cells(gt, 2 * CELLS)
    before, after = _halved(fine_before), _halved(fine_after)
    x, y = (before @ _LUMA).ravel(), (after @ _LUMA).ravel()
    gain, at_black = _line(x, y)
    places = cut_to_places(before, after)
    turn = hue_turn(places, _LUMA)
    drift = explain(*_least_covered(fine_before, fine_after))
    return ToneDrift(
        gain=gain,
        at_black=100 * at_black,
        at_white=100 * (at_black + (gain - 1) * BRIGHT_GREY),
        at_veil=100 * change_at_veil(places, _LUMA),
        gamma=gamma(before @ _LUMA, after @ _LUMA),
        drift=drift.unexplained,
        drift_power=drift.power,
        drift_offset=100 * drift.offset,
        chroma=_growth(_colourfulness(before), _colourfulness(after)),
        tint=tint(places),
        hue=turn.degrees,
        certain_hue=turn.certain,
    )


def _cells(picture: Picture, side: int) -> Cells:
    linear = _TO_LINEAR[picture]
    return cv2.resize(linear, (side, side), interpolation=cv2.INTER_AREA).astype(np.float64)


def _quarters(cells: Cells) -> NDArray[np.float64]:
    side = len(cells) // 2
    split = cells.reshape(side, 2, side, 2, 3).transpose(0, 2, 1, 3, 4)
    return split.reshape(side, side, 4, 3)


def _halved(cells: Cells) -> Cells:
    mean: Cells = _quarters(cells).mean(axis=2)
    return mean


def _least_covered(before: Cells, after: Cells) -> tuple[Cells, Cells]:
    """Keep, of every four cells, that in which the input is brightest the least.

    Rain and flakes are brighter than what they cover, and do not cover all.
    """
    one, other = _quarters(before), _quarters(after)
    least = (one @ _LUMA - other @ _LUMA).argmin(axis=2)[..., None, None]
    kept = (np.take_along_axis(cells, least, axis=2)[:, :, 0] for cells in (one, other))
    return next(kept), next(kept)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Fit y = gain * x + at zero by least squares; a flat x keeps a gain of 1."""
    left = x - x.mean()
    power = float(left @ left)
    gain = float(left @ y) / power if power > _TINY else 1.0
    return gain, float(y.mean() - gain * x.mean())


def _colourfulness(cells: Cells) -> float:
    """Return the deviation of what the channels differ by."""
    gray = cells.mean(axis=2, keepdims=True)
    return float((cells - gray).std(axis=(0, 1)).sum())


def _growth(before: float, after: float) -> float:
    return after / before if before > _TINY else 1.0

"""How the tone of a candidate differs from its input: gain, black, white, cast and hue.

Light adds up in linear values, so that is where the pictures are compared: darkness multiplies
and leaves black alone, haze mixes with its own bright grey and leaves that alone, and neither
turns a hue. Both pictures are averaged to a coarse grid, so that neither noise nor detail nor a
pixel of shift matters, and lines are fitted from the input to the candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ggt_hf.quality.planes import Picture

BRIGHT_GREY = 0.68
"""Linear value (grey level 215) at which haze and mist leave a picture about as it is."""

_CELLS = 48
"""Cells of the longer side."""
_GAMMA = 2.2
_TO_LINEAR = ((np.arange(256) / 255.0) ** _GAMMA).astype(np.float32)
_LUMA = np.array([0.299, 0.587, 0.114])
_RIDGE = 0.01
"""Linear value under which a direction of colour counts as unseen in the fit of the map."""
_TINY = 1e-9

Colours = NDArray[np.float64]
"""Linear RGB, 0 to 1, ``(N, 3)``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToneDrift:
    """What became of the tones, in linear light. Neutral: gain and chroma 1, all others 0."""

    gain: float
    """Growth of brightness against the input's, by a fitted line; 1 = kept."""
    at_black: float
    """Change that this line makes at black, in percent of white."""
    at_white: float
    """Change that this line makes at `BRIGHT_GREY`, in percent of white."""
    curve: float
    """How much the brightness bends away from that line, as a share of it."""
    cast: float
    """Spread of the three channels' lines at `BRIGHT_GREY`, in percent of white."""
    tint: float
    """Octaves by which red grew more than blue, without sign."""
    hue: float
    """Degrees that the colours are turned about grey, -180 to 180."""
    chroma: float
    """Colourfulness against the input's; 1 = kept."""
    coherence: float
    """How far the colours agree on that turn, 0 (not at all, `hue` says nothing) to 1."""
    unexplained: float
    """Share of the candidate's coarse variance that no linear map of the input explains."""
    map: NDArray[np.float64]
    """``(3, 4)``: the linear map of RGB and its offset."""


def measure_tone(lq: Picture, gt: Picture) -> ToneDrift:
    """Measure the drift of tone from `lq` to `gt`, two pictures of the same shape."""
    before, after = _coarse(lq), _coarse(gt)
    gain, at_black = _line(before @ _LUMA, after @ _LUMA)
    lines = [_line(one, other) for one, other in zip(before.T, after.T, strict=True)]
    bright = [black + grow * BRIGHT_GREY for grow, black in lines]
    hue, chroma, coherence = _turn(before, after)
    linear, unexplained = _linear_map(before, after)
    return ToneDrift(
        gain=gain,
        at_black=100 * at_black,
        at_white=100 * (at_black + (gain - 1) * BRIGHT_GREY),
        curve=_curve(before @ _LUMA, after @ _LUMA),
        cast=100 * (max(bright) - min(bright)),
        tint=abs(float(np.log2(max(lines[0][0], 1e-3) / max(lines[2][0], 1e-3)))),
        hue=hue,
        chroma=chroma,
        coherence=coherence,
        unexplained=unexplained,
        map=linear,
    )


def _coarse(picture: Picture) -> Colours:
    height, width = picture.shape[:2]
    factor = min(1.0, _CELLS / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    cells = cv2.resize(_TO_LINEAR[picture], size, interpolation=cv2.INTER_AREA)
    return cells.reshape(-1, 3).astype(np.float64)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Fit y = gain * x + at zero by least squares; a flat x keeps a gain of 1."""
    left = x - x.mean()
    power = float(left @ left)
    gain = float(left @ y) / power if power > _TINY else 1.0
    return gain, float(y.mean() - gain * x.mean())


def _curve(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the quadratic part of y over x against its linear part, both per deviation of x."""
    deviation = float(x.std())
    if deviation < _TINY:
        return 0.0
    _, slope, bend = np.polynomial.polynomial.polyfit((x - x.mean()) / deviation, y, 2)
    return float(bend / max(abs(slope), 1e-3))


def _linear_map(before: Colours, after: Colours) -> tuple[NDArray[np.float64], float]:
    """Fit the ``(3, 4)`` map, pulled towards "unchanged", and the variance it leaves."""
    mean_before, mean_after = before.mean(axis=0), after.mean(axis=0)
    left, right = before - mean_before, after - mean_after
    gram = left.T @ left + len(left) * _RIDGE**2 * np.eye(3)
    linear = np.eye(3) + np.linalg.solve(gram, left.T @ (right - left)).T
    rest = right - left @ linear.T
    unexplained = float((rest**2).sum() / max(float((right**2).sum()), _TINY))
    offset = mean_after - linear @ mean_before
    return np.hstack([linear, offset[:, None]]), unexplained


def _turn(before: Colours, after: Colours) -> tuple[float, float, float]:
    """Return the turn of the chroma plane in degrees, its growth, and how coherent both are."""
    one, other = _chroma(before), _chroma(after)
    product = complex(np.vdot(one, other))
    power, other_power = float(np.vdot(one, one).real), float(np.vdot(other, other).real)
    coherence = abs(product) / max(float(np.sqrt(power * other_power)), _TINY)
    growth = float(np.sqrt(other_power / power)) if power > _TINY else 1.0
    return float(np.degrees(np.angle(product))), growth, coherence


def _chroma(colours: Colours) -> NDArray[np.complex128]:
    """Return the two opponent channels as one complex number each, their mean taken away."""
    red, green, blue = colours.T
    plane = (red - green) / np.sqrt(2) + 1j * (red + green - 2 * blue) / np.sqrt(6)
    return np.asarray(plane - plane.mean())

"""How the tone of a candidate differs from its input: gain, offset, hue, cast; on blurred copies.

Both pictures are averaged to a coarse grid, so that neither noise nor detail nor a pixel of
shift matters, and a linear map of RGB is fitted from the input to the candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ggt_hf.quality.planes import Picture

_CELLS = 48
"""Cells of the longer side."""
_LUMA = np.array([0.299, 0.587, 0.114])
_RIDGE = 4.0
"""Grey levels under which a direction of colour counts as unseen in the fit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToneDrift:
    """The linear map of tones from an input to its candidate. Neutral: gain 1, all others 0."""

    gain: float
    """Contrast of brightness against the input's; 1 = kept."""
    offset: float
    """Mean brightness minus the input's, in grey levels of 255."""
    cast: float
    """Distance of the mean colour from the input's, brightness aside, in grey levels."""
    hue: float
    """Degrees that the colours are turned about grey, -180 to 180."""
    chroma: float
    """Colourfulness against the input's; 1 = kept."""
    coherence: float
    """How far the colours agree on that turn, 0 (not at all, `hue` says nothing) to 1."""
    unexplained: float
    """Share of the candidate's coarse variance that no linear map of the input explains."""
    map: NDArray[np.float64]
    """``(3, 4)``: the linear map and its offset, in grey levels."""


def measure_tone(lq: Picture, gt: Picture) -> ToneDrift:
    """Measure the drift of tone from `lq` to `gt`, two pictures of the same shape."""
    before, after = _coarse(lq), _coarse(gt)
    mean_before, mean_after = before.mean(axis=0), after.mean(axis=0)
    left, right = before - mean_before, after - mean_after
    gram = left.T @ left + len(left) * _RIDGE**2 * np.eye(3)
    # The ridge pulls towards "unchanged", not towards black.
    linear = np.eye(3) + np.linalg.solve(gram, left.T @ (right - left)).T
    rest = right - left @ linear.T
    luma_before, luma_after = left @ _LUMA, right @ _LUMA
    turn, chroma, coherence = _turn(left, right)
    step = mean_after - mean_before
    return ToneDrift(
        gain=float(luma_before @ luma_after / max(luma_before @ luma_before, 1e-6)),
        offset=float(step @ _LUMA),
        cast=float(np.linalg.norm(step - step @ _LUMA)),
        hue=turn,
        chroma=chroma,
        coherence=coherence,
        unexplained=float((rest**2).sum() / max((right**2).sum(), 1e-6)),
        map=np.hstack([linear, (mean_after - linear @ mean_before)[:, None]]),
    )


def _coarse(picture: Picture) -> NDArray[np.float64]:
    """Average the picture to cells: ``(N, 3)``, grey levels."""
    height, width = picture.shape[:2]
    factor = min(1.0, _CELLS / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    cells = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cells.reshape(-1, 3).astype(np.float64)


def _turn(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the turn of the chroma plane in degrees, its growth, and how coherent both are."""
    one, other = _chroma(before), _chroma(after)
    product = np.vdot(one, other)
    power, other_power = np.vdot(one, one).real, np.vdot(other, other).real
    coherence = float(abs(product)) / max(float(np.sqrt(power * other_power)), 1e-6)
    growth = np.sqrt(float(other_power) / max(float(power), 1e-6))
    return float(np.degrees(np.angle(product))), float(growth), float(coherence)


def _chroma(colours: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the two opponent channels of ``(N, 3)`` colours as one complex number each."""
    red, green, blue = colours.T
    return np.asarray((red - green) / np.sqrt(2) + 1j * (red + green - 2 * blue) / np.sqrt(6))

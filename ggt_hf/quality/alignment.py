"""Where a candidate lies against its input: shifted, scaled, turned, warped; in pixels.

A grid of windows is followed from the input to the candidate by pyramidal Lucas-Kanade and back
again; a window that does not come home is not believed. A similarity (shift, scale, rotation) is
fitted to the rest, robustly, and what it leaves is the warp. Both pictures are compared by local
contrast, so that haze, darkness and a new tone do not pass for movement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ggt_hf.quality.planes import Picture, local_contrast, luminance, reduced

MIN_SIDE = 64
"""Pixels of the shorter side under which alignment is not measured."""

MIN_SUPPORT = 0.15
"""Share of the picture that must be found again; under it, good targets seemed to move."""

_MAX_SIDE = 1536
"""Longer pictures are measured on a reduced copy; results stay in their own pixels."""
_GRID = 18
_WINDOW = 45
_LEVELS = 4
_FINE, _COARSE = 1.5, 10.0
_HOMING = 1.0
"""Pixels by which a window may miss its start on the way back."""
_MIN_POINTS = 12
_AGREES = 0.1
"""Weight over which a window counts as moving with the fit."""
_COSINES, _CALM = 5, 0.5
"""Cosines each way of the field of warp, and the pull towards slow ones."""
_PER = 100.0
"""Coordinates of the fit are in hundreds of pixels, so scale comes out in percent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alignment:
    """How the candidate must be moved to lie on its input. All zero = it lies on it."""

    dx: float
    """Pixels that the centre moved to the right."""
    dy: float
    """Pixels that the centre moved down."""
    scale: float
    """Percent that the candidate is larger than its input."""
    rotation: float
    """Degrees that the candidate is turned, clockwise."""
    warp: float
    """Pixels of smooth local movement that shift, scale and rotation leave, root mean square."""
    support: float
    """Share of the picture, 0 to 1, that was found again and agrees with the fit."""

    @property
    def believed(self) -> bool:
        """Whether enough of the picture was found again for the other numbers to mean something."""
        return self.support >= MIN_SUPPORT

    @property
    def shift(self) -> float:
        """Pixels that the centre moved."""
        return float(np.hypot(self.dx, self.dy))

    def matrix(self, width: int, height: int) -> NDArray[np.float64]:
        """Return the ``(2, 3)`` map from a pixel of the input to that of the candidate."""
        grow = 1 + self.scale / 100
        turn = np.radians(self.rotation)
        cos, sin = grow * np.cos(turn), grow * np.sin(turn)
        x, y = (width - 1) / 2, (height - 1) / 2
        return np.array(
            [
                [cos, -sin, x - cos * x + sin * y + self.dx],
                [sin, cos, y - sin * x - cos * y + self.dy],
            ]
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """A candidate moved back onto its input, both cut to what they share."""

    lq: Picture
    """The input, cut; its pixels are untouched."""
    gt: Picture
    """The candidate, resampled once (Lanczos), cut alike."""
    box: tuple[int, int, int, int]
    """Left, top, right, bottom of the cut in the input's pixels."""
    alignment: Alignment
    """What was undone; belongs into the provenance of the pair."""


def measure_alignment(lq: Picture, gt: Picture) -> Alignment | None:
    """Measure how `gt` lies against `lq`.

    Args:
        lq: RGB, ``uint8``, ``(H, W, 3)``.
        gt: the candidate, of the same shape.

    Returns:
        None where too little was found again to say: flat, too small, or another picture.
    """
    height, width = lq.shape[:2]
    if min(height, width) < MIN_SIDE:
        return None
    reduction = max(1.0, max(height, width) / _MAX_SIDE)
    before, after = _contrast(lq, reduction), _contrast(gt, reduction)
    points, moved, homed = _follow(before, after)
    believed = homed.ravel()
    if believed.sum() < _MIN_POINTS:
        return None
    centre = (np.array(before.shape[::-1]) - 1) / 2
    fit, weights = _fit_similarity(points[believed] - centre, moved[believed])
    left = moved[believed] - _predict(fit, points[believed] - centre)
    places = points[believed] / np.array(before.shape[::-1])
    return Alignment(
        dx=float(fit[0]) * reduction,
        dy=float(fit[1]) * reduction,
        scale=float(np.hypot(1 + fit[2] / _PER, fit[3] / _PER) - 1) * 100,
        rotation=float(np.degrees(np.arctan2(fit[3] / _PER, 1 + fit[2] / _PER))),
        warp=_warp(places, left) * reduction,
        support=float((weights > _AGREES).sum() / believed.size),
    )


def register(lq: Picture, gt: Picture, alignment: Alignment) -> Registered:
    """Undo the shift, scale and rotation of a candidate; its warp stays.

    The input is never resampled. The border that the candidate no longer covers is cut off
    both sides.
    """
    height, width = lq.shape[:2]
    matrix = alignment.matrix(width, height)
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    moved = cast(
        "Picture",
        cv2.warpAffine(gt, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE),
    )
    corners = np.array(
        [[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]]
    )
    over = corners @ matrix.T - corners[:, :2]
    edge = int(np.ceil(np.abs(over).max()))
    left, top, right, bottom = edge, edge, max(edge + 1, width - edge), max(edge + 1, height - edge)
    cut = np.s_[top:bottom, left:right]
    return Registered(
        lq=lq[cut], gt=moved[cut], box=(left, top, right, bottom), alignment=alignment
    )


def _contrast(picture: Picture, reduction: float) -> Picture:
    """Return local contrast as eight bits, which Lucas-Kanade takes."""
    plane = reduced(luminance(picture), reduction)
    contrast = local_contrast(plane, fine=_FINE, coarse=_COARSE)
    return np.clip(contrast * 48 + 128, 0, 255).astype(np.uint8)


def _follow(
    before: Picture, after: Picture
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Follow the grid there and back: points, their movement, and who came home."""
    height, width = before.shape
    edge = _WINDOW // 2 * 0.6
    columns = np.linspace(edge, width - 1 - edge, _GRID)
    rows = np.linspace(edge, height - 1 - edge, _GRID)
    points = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 1, 2).astype(np.float32)
    there, found = _lucas_kanade(before, after, points)
    back, again = _lucas_kanade(after, before, there)
    homed = np.linalg.norm((back - points)[:, 0], axis=1) < _HOMING
    believed = homed & (found[:, 0] == 1) & (again[:, 0] == 1)
    start = points[:, 0].astype(np.float64)
    return start, there[:, 0].astype(np.float64) - start, believed


def _lucas_kanade(
    before: Picture, after: Picture, points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        points,
        points.copy(),
        winSize=(_WINDOW, _WINDOW),
        maxLevel=_LEVELS,
        criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.01),
    )
    return cast("NDArray[np.float32]", moved), cast("NDArray[np.uint8]", found)


def _fit_similarity(
    points: NDArray[np.float64], moved: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit (dx, dy, grow, turn) by reweighted least squares (Geman-McClure); with the weights."""
    design = _design(points)
    weights = np.ones(len(points))
    for _ in range(15):
        root = np.sqrt(weights).repeat(2)
        fit = np.linalg.lstsq(design * root[:, None], moved.ravel() * root, rcond=None)[0]
        weights = _robust(np.linalg.norm(moved - (design @ fit).reshape(-1, 2), axis=1))
    return np.asarray(fit, np.float64), weights


def _design(points: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = (points / _PER).T
    design = np.zeros((2 * len(points), 4))
    design[0::2] = np.stack([np.ones_like(x), np.zeros_like(x), x, -y], axis=1)
    design[1::2] = np.stack([np.zeros_like(x), np.ones_like(x), y, x], axis=1)
    return design


def _predict(fit: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = (_design(points) @ fit).reshape(-1, 2)
    return moved


def _warp(places: NDArray[np.float64], left: NDArray[np.float64]) -> float:
    """Return how far a smooth field moves what the similarity leaves, root mean square.

    The field is a sum of cosines, pulled towards slow ones, fitted robustly like the similarity:
    single windows err by a pixel under rain or grain, but they do not err alike.

    Args:
        places: of the windows, as shares of width and height, ``(N, 2)``.
        left: what the similarity leaves there, in pixels, ``(N, 2)``.
    """
    orders = np.array([(i, j) for i in range(_COSINES) for j in range(_COSINES)])
    waves = np.cos(np.pi * places[:, None, :] * orders).prod(axis=2)
    calm = np.diag(_CALM * (1 + (orders**2).sum(axis=1)))
    weights = _robust(np.linalg.norm(left, axis=1))
    for _ in range(5):
        weighted = waves * weights[:, None]
        field = waves @ np.linalg.solve(waves.T @ weighted + calm, weighted.T @ left)
        weights = _robust(np.linalg.norm(left - field, axis=1))
    agreed = field[weights > _AGREES]
    return float(np.sqrt((agreed**2).sum(axis=1).mean())) if len(agreed) else 0.0


def _robust(miss: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of Geman and McClure for misses in pixels."""
    scale = max(1.4826 * float(np.median(miss)), 0.1)
    weights: NDArray[np.float64] = (1 + (miss / scale) ** 2) ** -2.0
    return weights

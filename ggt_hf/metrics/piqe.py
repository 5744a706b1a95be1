"""PIQE, a metric without reference, weights or training: Venkatanath et al., NCC 2015.

Luma is divided by its local contrast. Of the blocks of 16 x 16 pixels in which something happens,
those count as distorted that have a flat stretch along an edge, as compression and blur leave, or
whose contrast is that of noise; each by how much happens in it. The score goes from 0, nothing is
distorted, to 100. It knows nothing of content: a picture that is smooth everywhere, or invented,
may score well.

The numbers are those of the paper. Luma is stretched so that the brightest pixel has 255, and
rounded; blocks that hang over the right or lower edge are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float64]

_LUMA = (0.299, 0.587, 0.114)
_BLOCK = 16
_ACTIVE = 0.1
"""Variance of a block from which on something happens in it."""
_FLAT = 0.1
"""Standard deviation below which a stretch of an edge is flat."""
_STRETCH = 6
"""Pixels of a stretch."""
_CONSTANT = 1.0
_RADIUS, _SIGMA = 3, 7 / 6


def piqe(picture: NDArray[np.uint8]) -> float:
    """Return the score of a picture, RGB ``uint8`` ``(H, W, 3)``: 0 to 100, lower is better."""
    blocks = _blocks(_normalised(_luma(picture)))
    variances = blocks.var(axis=(1, 2), ddof=1)
    happens = variances > _ACTIVE
    if not happens.any():
        return 100.0
    active, variances = blocks[happens], variances[happens]
    flat = _has_flat_edge(active)
    noisy = _is_noise(active, np.sqrt(variances))
    distorted = np.where(flat, 1 - variances, 0.0) + np.where(noisy, variances, 0.0)
    return float((distorted.sum() + _CONSTANT) / (_CONSTANT + len(active)) * 100)


def _luma(picture: NDArray[np.uint8]) -> Plane:
    levels = picture.astype(np.float64) @ np.array(_LUMA)
    luma: Plane = np.round(255 * levels / max(float(levels.max()), 1.0))
    height, width = (side - side % _BLOCK for side in luma.shape)
    return luma[:height, :width]


def _normalised(luma: Plane) -> Plane:
    mean = _blurred(luma)
    deviation = np.sqrt(np.abs(_blurred(luma * luma) - mean * mean))
    return np.asarray((luma - mean) / (deviation + _CONSTANT))


def _blurred(plane: Plane) -> Plane:
    places = np.arange(-_RADIUS, _RADIUS + 1)
    weights = np.exp(-(places**2) / (2 * _SIGMA**2))
    weights /= weights.sum()
    height, width = plane.shape
    wide = np.pad(plane, _RADIUS, mode="edge")
    down = sum(weight * wide[i : i + height] for i, weight in enumerate(weights))
    return np.asarray(sum(w * down[:, i : i + width] for i, w in enumerate(weights)))


def _blocks(plane: Plane) -> Plane:
    """Return the blocks of a plane, ``(N, 16, 16)``."""
    height, width = plane.shape
    rows = plane.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    return rows.swapaxes(1, 2).reshape(-1, _BLOCK, _BLOCK)


def _has_flat_edge(blocks: Plane) -> NDArray[np.bool_]:
    edges = np.stack([blocks[:, 0], blocks[:, -1], blocks[:, :, 0], blocks[:, :, -1]], axis=1)
    stretches = np.lib.stride_tricks.sliding_window_view(edges, _STRETCH, axis=2)
    return np.asarray((stretches.std(axis=3, ddof=1) < _FLAT).any(axis=(1, 2)))


def _is_noise(blocks: Plane, deviations: Plane) -> NDArray[np.bool_]:
    """Compare the two middle columns of each block with the others."""
    middle = _BLOCK // 2
    inside = blocks[:, :, middle - 1 : middle + 1].reshape(len(blocks), -1)
    # The published code takes the columns away one after the other, so that the second is off.
    outside = np.delete(blocks, [middle - 1, middle + 1], axis=2).reshape(len(blocks), -1)
    apart = inside.std(axis=1, ddof=1) / np.maximum(outside.std(axis=1, ddof=1), 1e-12)
    beta = np.abs(deviations - apart) / np.maximum(deviations, apart)
    return np.asarray(deviations > 2 * beta)

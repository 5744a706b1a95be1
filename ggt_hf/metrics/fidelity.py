"""PSNR and SSIM, on RGB and on luma, in NumPy alone.

Pictures are RGB, ``uint8``, ``(H, W, 3)``. Both metrics see the numbers 0..255 and their peak is
255, on luma too, as the restoration field computes them.

- Luma is ITU-R BT.601's as MATLAB's ``rgb2ycbcr`` gives it for doubles: 16..235, not rounded.
- SSIM is Wang's of 2004: Gaussian window of 11 x 11 pixels with sigma 1.5, K1 = 0.01, K2 = 0.03,
  population (co)variances, only windows that lie wholly inside, no downsampling. On RGB it is the
  mean of the three channels.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ggt_hf.errors import UsageError
from ggt_hf.metrics.gaussian import RADIUS, blurred

if TYPE_CHECKING:
    from numpy.typing import NDArray

IDENTICAL_DB = 100.0
"""PSNR of pictures with no difference, where the formula says infinity, and the most that any
pair is given: so that means stay finite."""

_PEAK = 255.0
_BT601 = (65.481 / 255, 128.553 / 255, 24.966 / 255)
_BLACK = 16.0
_MIDDLE = 128.0
"""Taken off before squares are summed in single precision; variances do not see it."""
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
_STRIP = 24
"""Rows at a time, so that what is computed stays in the processor's cache."""


def luma(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the luma of RGB ``uint8`` ``(H, W, 3)``: ``float32`` ``(H, W)``, 16..235."""
    made = np.full(picture.shape[:2], _BLACK, np.float32)
    for channel, weight in enumerate(_BT601):
        made += picture[..., channel] * np.float32(weight)
    return made


class Fidelity:
    """Two pictures of one size, and how far apart they are; each part is computed once.

    Args:
        picture: RGB, ``uint8``, ``(H, W, 3)``.
        reference: likewise, of the same size.

    Raises:
        UsageError: they are no such pictures.
    """

    def __init__(self, picture: NDArray[np.uint8], reference: NDArray[np.uint8]) -> None:
        for one in (picture, reference):
            if one.dtype != np.uint8 or one.ndim != 3 or one.shape[2] != 3:
                raise UsageError(
                    f"A picture is RGB uint8 (H, W, 3), not {one.dtype} {one.shape}.",
                    hint="Decode it with ggt_hf.images.decode.",
                )
        if picture.shape != reference.shape:
            sizes = (f"{one.shape[1]}x{one.shape[0]}" for one in (picture, reference))
            raise UsageError(
                f"The picture has {next(sizes)} pixels, its reference {next(sizes)}.",
                hint="Compare pictures of one size; nothing is resized to make scores.",
            )
        self._pair = (picture, reference)

    def psnr(self) -> float:
        """Return the peak signal-to-noise ratio over R, G and B, in dB, up to `IDENTICAL_DB`."""
        first, second = self._pair
        total = 0
        for top in range(0, first.shape[0], _STRIP):
            rows = slice(top, top + _STRIP)
            apart = np.subtract(first[rows], second[rows], dtype=np.int32)
            total += int(np.square(apart, out=apart).sum(dtype=np.int64))
        return _decibels(total / first.size)

    def psnr_y(self) -> float:
        """Return the peak signal-to-noise ratio of luma, in dB, up to `IDENTICAL_DB`."""
        first, second = self._lumas
        apart = first - second
        return _decibels(float(np.square(apart, out=apart).mean(dtype=np.float64)))

    def ssim(self) -> float:
        """Return the structural similarity, mean over R, G and B."""
        first, second = self._pair
        return float(np.mean([_ssim(first[..., c], second[..., c]) for c in range(3)]))

    def ssim_y(self) -> float:
        """Return the structural similarity of luma."""
        return _ssim(*self._lumas)

    @cached_property
    def _lumas(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        first, second = self._pair
        return luma(first), luma(second)


def _decibels(mean_square: float) -> float:
    if mean_square <= 0:
        return IDENTICAL_DB
    return min(IDENTICAL_DB, 10 * math.log10(_PEAK**2 / mean_square))


def _ssim(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    """Return the mean similarity of two planes ``(H, W)`` over all whole windows."""
    height, width = first.shape
    inside = height - 2 * RADIUS, width - 2 * RADIUS
    if min(inside) < 1:
        raise UsageError(
            f"SSIM has no whole window in {width}x{height} pixels.",
            hint=f"Pictures need at least {2 * RADIUS + 1} pixels on each side.",
        )
    total = 0.0
    for top in range(0, inside[0], _STRIP):
        rows = slice(top, min(top + _STRIP, inside[0]) + 2 * RADIUS)
        total += _sum_of_similarities(first[rows], second[rows])
    return float(total / (inside[0] * inside[1]))


def _sum_of_similarities(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    x = first.astype(np.float32) - np.float32(_MIDDLE)
    y = second.astype(np.float32) - np.float32(_MIDDLE)
    # Only the sum of both variances is needed: four planes to blur instead of five.
    mean_x, mean_y, squares, product = blurred(np.stack([x, y, x * x + y * y, x * y]))
    means = mean_x * mean_y
    sum_of_squared_means = mean_x * mean_x + mean_y * mean_y
    spread = squares - sum_of_squared_means
    together = product - means
    # Brightness counts from black: put back what was taken off.
    offset = np.float32(_MIDDLE)
    shift = offset * (mean_x + mean_y + offset)
    top = (2 * (means + shift) + np.float32(_C1)) * (2 * together + np.float32(_C2))
    bottom = (sum_of_squared_means + 2 * shift + np.float32(_C1)) * (spread + np.float32(_C2))
    return float((top / bottom).sum(dtype=np.float64))

"""Light and scale: sRGB and linear values, compositing, smooth random fields.

Pictures here are RGB, ``float32``, ``(H, W, 3)``, in [0, 1]; planes are ``float32`` ``(H, W)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ggt_hf.srgb import linear_to_srgb, srgb_to_linear

Picture = NDArray[np.float32]
Plane = NDArray[np.float32]
Color = NDArray[np.float32]

_STEPS = 65_535
_REFERENCE_SIDE = 512


def unit(image: Picture | Plane) -> float:
    """Return the scale of an object in a scene: 1 where the shorter side has 512 pixels."""
    return int(min(image.shape[:2])) / _REFERENCE_SIDE


def optical_unit(image: Picture) -> float:
    """Return the scale of a lens or sensor flaw, which grows slower than the picture does."""
    return math.sqrt(unit(image))


def in_area(count: int, image: Picture) -> int:
    """Turn a count for a square picture into one for this picture's longer shape."""
    shorter, longer = sorted(image.shape[:2])
    return round(count * float(longer) / float(shorter))


def to_linear(srgb: Picture) -> Picture:
    """Decode sRGB values to linear light (IEC 61966-2-1), to 16 bits."""
    return _lookup(_decoding(), srgb)


def to_srgb(linear: Picture) -> Picture:
    """Encode linear light as sRGB values (IEC 61966-2-1), to 1/20 of an 8-bit level."""
    return _lookup(_encoding(), linear)


def luminance(image: Picture) -> Plane:
    """Return the weighted sum of the channels (Rec. 709 weights)."""
    return cast("Plane", cv2.transform(image, rgb((0.2126, 0.7152, 0.0722))[None]))


def rgb(values: Sequence[float]) -> Color:
    """Return one colour: ``float32`` ``(3,)``."""
    return np.array(values, np.float32)


def blend(image: Picture, color: Picture | Color, alpha: Plane) -> Picture:
    """Lay `color` (a picture or one RGB value) over `image` with opacity `alpha` in [0, 1]."""
    return image + (color - image) * alpha[..., None]


def smooth(plane: Plane, sigma: float) -> Plane:
    """Blur by a Gaussian of `sigma` pixels; nothing below a tenth of a pixel."""
    if sigma < 0.1:
        return plane
    return cast("Plane", cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: float, *, octaves: int = 3
) -> Plane:
    """Return fractal value noise in [0, 1]: grids of random values, enlarged and summed.

    Args:
        rng: source of the grids.
        shape: (H, W).
        cells: random values along the shorter side in the coarsest grid.
        octaves: grids, each twice as fine and half as strong as the one before.
    """
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        step = min(shape) / (cells * 2**octave)
        # The grid's size depends on the aspect alone, so a scene looks alike at any resolution.
        grid = tuple(max(2, round(side / step)) for side in shape)
        values = rng.random(grid, np.float32)
        fine = cv2.resize(values, shape[::-1], interpolation=cv2.INTER_CUBIC)
        total += fine * np.float32(0.5**octave)
    low, high = float(total.min()), float(total.max())
    return (total - low) / np.float32(max(high - low, 1e-6))


def to_bytes(image: Picture) -> NDArray[np.uint8]:
    """Round to 8 bits: RGB ``uint8``."""
    return cast("NDArray[np.uint8]", cv2.convertScaleAbs(np.clip(image, 0, 1), alpha=255.0))


def from_bytes(image: NDArray[np.uint8]) -> Picture:
    """Return 8-bit values as ``float32`` in [0, 1]."""
    return image.astype(np.float32) / np.float32(255)


def _lookup(table: Plane, values: Picture) -> Picture:
    index = np.clip(values, 0, 1) * np.float32(_STEPS) + np.float32(0.5)
    return cast("Picture", np.take(table, index.astype(np.uint16)))


@cache
def _decoding() -> Plane:
    return srgb_to_linear(np.arange(_STEPS + 1) / _STEPS).astype(np.float32)


@cache
def _encoding() -> Plane:
    return linear_to_srgb(np.arange(_STEPS + 1) / _STEPS).astype(np.float32)

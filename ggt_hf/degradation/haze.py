"""Haze by atmospheric scattering: ``I = J t + A (1 - t)``, ``t = exp(-beta d)``, in linear light.

Koschmieder (1924), as He, Sun and Tang (2009) wrote it for pictures. Nobody measured the depth
``d`` of a photograph, so `depth_proxy` guesses one; it is a guess, and varied on purpose.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ggt_hf.degradation.light import (
    Picture,
    Plane,
    blend,
    luminance,
    rgb,
    smooth,
    smooth_noise,
    to_linear,
    to_srgb,
)
from ggt_hf.degradation.steps import Dice, Step

_GUIDE_SIDE = 320
"""Depth is coarse: it is found on a picture of this shorter side."""

_TINTS = {
    "fog": (1.0, 1.0, 1.0),
    "cool": (0.93, 0.98, 1.05),
    "smog": (1.04, 1.0, 0.92),
    "dust": (1.08, 0.97, 0.8),
}


def recipe(dice: Dice, severity: float) -> list[Step]:
    """Draw haze of some tint, uniform or in drifts, over a scene of guessed depth."""
    tint = _TINTS[dice.pick(("fog", "fog", "cool", "smog", "dust"))]
    return [draw_haze(dice, severity, tint=tint, brightness=dice.between(0.72, 0.95))]


def draw_haze(
    dice: Dice, severity: float, *, tint: tuple[float, float, float], brightness: float
) -> Step:
    """Draw haze whose airlight is `tint` times `brightness` (sRGB)."""
    return {
        "effect": "haze",
        "severity": severity,
        "beta": dice.by(severity, (0.03, 0.08), (1.4, 2.3)),
        "airlight": [round(min(0.98, brightness * part), 4) for part in tint],
        "horizon": dice.between(0.1, 0.5),
        "cue": dice.between(0.15, 0.5),
        "drift": dice.between(0.0, 0.45),
        "floor": dice.between(0.08, 0.3),
    }


def haze(
    image: Picture,
    rng: np.random.Generator,
    *,
    beta: float,
    airlight: list[float],
    horizon: float,
    cue: float,
    drift: float,
    floor: float,
) -> Picture:
    """Scatter light on the way through the air.

    Args:
        image: sRGB picture.
        rng: draws the unevenness of depth and air.
        beta: optical thickness from here to the farthest point; 0 = clear air.
        airlight: colour of the air at infinity, sRGB.
        horizon: height of the horizon, as a share of the picture from its top.
        cue: weight of the picture's own brightness in the guessed depth.
        drift: how uneven the air is; 0 = the same everywhere.
        floor: depth of the nearest point, as a share of the farthest.
    """
    depth = depth_proxy(image, rng, horizon=horizon, cue=cue)
    thickness = np.float32(floor) + np.float32(1 - floor) * depth
    if drift > 0:
        air = smooth_noise(rng, image.shape[:2], 2.5, octaves=4)
        thickness *= 1 - np.float32(drift) * air
    light = to_linear(rgb(airlight))
    return to_srgb(scatter(to_linear(image), np.exp(-np.float32(beta) * thickness), light))


def scatter(radiance: Picture, transmission: Plane, airlight: NDArray[np.float32]) -> Picture:
    """Return ``J t + A (1 - t)`` for linear radiance ``J``, ``t`` in [0, 1] and RGB ``A``."""
    return blend(radiance, airlight, 1 - transmission)


def depth_proxy(image: Picture, rng: np.random.Generator, *, horizon: float, cue: float) -> Plane:
    """Guess a depth in [0, 1]: far at the horizon and where it is bright and pale.

    The sum of a ramp below the horizon, smooth noise and the dark channel (far things are pale:
    He, Sun and Tang, 2009), aligned to the picture's edges by a guided filter.
    """
    height, width = image.shape[:2]
    shrink = min(1.0, _GUIDE_SIDE / min(height, width))
    size = (max(2, round(width * shrink)), max(2, round(height * shrink)))
    small = cast("Picture", cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    rows = np.linspace(0, 1, size[1], dtype=np.float32)[:, None]
    ramp = np.clip((1 - rows) / np.float32(1 - horizon), 0, 1) ** np.float32(1.3)
    uneven = smooth_noise(rng, (size[1], size[0]), 2.0)
    window = max(3, min(size) // 24)
    square = np.ones((window, window), np.uint8)
    dark = cast("Plane", cv2.erode(small.min(axis=2), square))
    rough = (0.82 - cue) * ramp + 0.18 * uneven + cue * smooth(dark, window / 2)
    slope, offset = _guided(luminance(small), rough.astype(np.float32), radius=2 * window)
    slope, offset = (cast("Plane", cv2.resize(part, (width, height))) for part in (slope, offset))
    return cast("Plane", np.clip(slope * luminance(image) + offset, 0, 1))


def _guided(guide: Plane, values: Plane, *, radius: int) -> tuple[Plane, Plane]:
    """Return (a, b) of the guided filter ``a * guide + b`` (He and Sun, 2015, its fast form)."""

    def mean(plane: Plane) -> Plane:
        side = 2 * radius + 1
        return cast("Plane", cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT))

    guide_mean, values_mean = mean(guide), mean(values)
    variance = mean(guide * guide) - guide_mean**2
    covariance = mean(guide * values) - guide_mean * values_mean
    slope = covariance / (variance + np.float32(4e-3))
    return mean(slope), mean(values_mean - slope * guide_mean)

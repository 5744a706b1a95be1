"""Snow: flakes of every distance over the scene, and the veil of those too far to see.

Flakes scatter light and so are near white; far ones are specks, near ones large, soft and few,
since they are out of focus. Layered by depth as in Liu et al. (2018), composited in linear light.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from ggt_hf.degradation.blur import convolve, disc_kernel
from ggt_hf.degradation.haze import draw_haze
from ggt_hf.degradation.light import (
    Picture,
    Plane,
    blend,
    in_area,
    rgb,
    smooth,
    to_linear,
    to_srgb,
    unit,
)
from ggt_hf.degradation.steps import Dice, Step

_SUBPIXEL_BITS = 4


def recipe(dice: Dice, severity: float) -> list[Step]:
    """Draw the white veil of distant snow, then the flakes."""
    veil = draw_haze(
        dice,
        dice.share(severity, 0.15, 0.6),
        tint=(0.97, 1.0, 1.03),
        brightness=dice.between(0.75, 0.92),
    )
    return [veil, _draw_flakes(dice, dice.share(severity, 0.8, 1.0))]


def _draw_flakes(dice: Dice, severity: float) -> Step:
    wind = dice.between(-55, 55)
    layers: list[dict[str, Any]] = []
    for count, size, opacity, defocus in (
        ((400, 900), (0.9, 1.6), (0.45, 0.75), (0.0, 0.4)),
        ((120, 300), (2.0, 3.8), (0.55, 0.9), (0.1, 0.6)),
        ((25, 70), (4.5, 8.0), (0.5, 0.85), (0.4, 1.6)),
        ((0, 9), (11.0, 24.0), (0.2, 0.5), (2.5, 6.0)),
    ):
        mild, hard = (count[0] / 12, count[1] / 12), (count[0] * 3.0, count[1] * 3.0)
        layers.append(
            {
                "count": round(dice.by(severity, mild, hard)),
                "size": dice.between(*size),
                "opacity": round(dice.between(*opacity) * (0.75 + 0.35 * severity), 4),
                "defocus": dice.between(*defocus),
                "angle": round(wind + dice.between(-6, 6), 4),
            }
        )
    return {
        "effect": "snow_flakes",
        "severity": severity,
        "layers": layers,
        "motion": dice.between(0.0, 2.2),
        "whiteness": dice.between(0.8, 0.97),
    }


def snow_flakes(
    image: Picture,
    rng: np.random.Generator,
    *,
    layers: list[dict[str, Any]],
    motion: float,
    whiteness: float,
) -> Picture:
    """Lay flakes over a picture, far layers first.

    Args:
        image: sRGB picture.
        rng: draws place, size, shape and opacity of each flake.
        layers: each with ``count`` (flakes in a square picture), ``size`` (diameter) and
            ``defocus`` (radius of the blur), both pixels at a shorter side of 512, ``opacity``
            in [0, 1] and ``angle`` (direction of the fall, degrees from the vertical).
        motion: path of a flake while the shutter is open, in diameters.
        whiteness: brightness of a flake, sRGB.
    """
    linear = to_linear(image)
    white = to_linear(rgb((whiteness * 0.98, whiteness * 0.99, whiteness)))
    scale = unit(image)
    for layer in layers:
        mask = _flake_mask(
            image.shape[:2],
            rng,
            count=in_area(layer["count"], image),
            size=layer["size"] * scale,
            fall=motion * layer["size"] * scale,
            angle=layer["angle"],
        )
        linear = blend(linear, white, _defocused(mask, layer["defocus"] * scale, layer["opacity"]))
    return to_srgb(linear)


def _defocused(mask: Plane, radius: float, opacity: float) -> Plane:
    if radius >= 1:
        mask = smooth(convolve(mask, disc_kernel(radius)), 0.4 * radius)
    return mask * np.float32(opacity)


def _flake_mask(
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    count: int,
    size: float,
    fall: float,
    angle: float,
) -> Plane:
    """Draw flakes as clusters of round strokes along their fall; small ones are single strokes."""
    height, width = shape
    mask = np.zeros(shape, np.uint8)
    parts = 1 if size < 3 else 5
    middle = rng.random((count, 1, 2)) * (width, height)
    sizes = size * np.clip(rng.lognormal(0, 0.35, (count, 1, 1)), 0.4, 2.5)
    turn = np.deg2rad(angle + rng.normal(0, 9, (count, 1)))
    lengths = fall * rng.uniform(0.6, 1.2, (count, 1))
    path = np.stack([np.sin(turn) * lengths, np.cos(turn) * lengths], axis=-1) / 2
    centers = middle + rng.normal(0, 0.3, (count, parts, 2)) * sizes * (parts > 1)
    widths = sizes[..., 0] * rng.uniform(0.35, 0.8, (count, parts)) if parts > 1 else sizes[..., 0]
    light = 255 * rng.uniform(0.45, 1, (count, 1)) * np.clip(widths, 0.3, 1)
    starts = np.rint((centers - path) * (1 << _SUBPIXEL_BITS)).astype(int).reshape(-1, 2)
    ends = np.rint((centers + path) * (1 << _SUBPIXEL_BITS)).astype(int).reshape(-1, 2)
    thick = np.maximum(1, np.rint(np.broadcast_to(widths, light.shape))).astype(int).ravel()
    for start, end, value, line in zip(
        starts.tolist(), ends.tolist(), light.ravel().tolist(), thick.tolist(), strict=True
    ):
        cv2.line(mask, start, end, value, line, cv2.LINE_AA, _SUBPIXEL_BITS)
    return smooth(mask.astype(np.float32) / np.float32(255), 0.25 + 0.12 * size)

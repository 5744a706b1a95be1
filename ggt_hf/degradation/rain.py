"""Rain: falling drops drawn out to streaks, the mist of those too far to see, drops on the lens.

A drop refracts light from the whole sky, so a streak is brighter than what it covers and as
wide open to the light as the exposure is long (Garg and Nayar, 2007). Streaks are laid in
layers of depth: far ones short, thin and many, near ones long, blurred and few.
"""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np

from ggt_hf.degradation.haze import draw_haze
from ggt_hf.degradation.light import (
    Picture,
    Plane,
    blend,
    in_area,
    smooth,
    to_linear,
    to_srgb,
    unit,
)
from ggt_hf.degradation.steps import Dice, Step

_SUBPIXEL_BITS = 4


def recipe(dice: Dice, severity: float) -> list[Step]:
    """Draw mist, then streaks, then perhaps drops on the lens; some rain is drops alone."""
    mist = draw_haze(
        dice,
        dice.share(severity, 0.15, 0.5),
        tint=(0.95, 0.99, 1.03),
        brightness=dice.between(0.6, 0.8),
    )
    streaks = _draw_streaks(dice, dice.share(severity, 0.75, 1.0))
    drops = _draw_drops(dice, dice.share(severity, 0.5, 1.0))
    kind = dice.pick(("streaks",) * 7 + ("both",) * 2 + ("drops",))
    steps = [mist]
    if kind != "drops":
        steps.append(streaks)
    if kind != "streaks":
        steps.append(drops)
    return steps


def _draw_streaks(dice: Dice, severity: float) -> Step:
    angle = dice.between(-32, 32)
    exposure = dice.between(0.6, 1.6)
    layers: list[dict[str, Any]] = []
    for count, length, width, opacity in (
        ((250, 500), (0.02, 0.04), (0.5, 0.9), (0.25, 0.45)),
        ((90, 220), (0.05, 0.1), (0.8, 1.5), (0.3, 0.6)),
        ((8, 40), (0.12, 0.26), (1.6, 3.2), (0.16, 0.4)),
    ):
        hard = (count[0] * 5.0, count[1] * 5.0)
        layers.append(
            {
                "count": round(dice.by(severity, (count[0] / 4, count[1] / 4), hard)),
                "length": round(dice.between(*length) * exposure, 4),
                "width": dice.between(*width),
                "opacity": round(dice.between(*opacity) * (0.6 + 0.95 * severity), 4),
                "angle": round(angle + dice.between(-4, 4), 4),
            }
        )
    return {
        "effect": "rain_streaks",
        "severity": severity,
        "layers": layers,
        "spread": dice.between(0.4, 3.5),
        "glow": dice.between(0.35, 0.75),
    }


def rain_streaks(
    image: Picture,
    rng: np.random.Generator,
    *,
    layers: list[dict[str, Any]],
    spread: float,
    glow: float,
) -> Picture:
    """Lay streaks over a picture, far layers first.

    Args:
        image: sRGB picture.
        rng: draws place, length and brightness of each streak.
        layers: each with ``count`` (streaks in a square picture), ``length`` (share of the
            shorter side), ``width`` (pixels at a shorter side of 512), ``opacity`` in [0, 1]
            and ``angle`` (degrees from the vertical).
        spread: deviation of one streak's direction from its layer's, degrees.
        glow: how much brighter than the scene's bright half the streaks are, in [0, 1].
    """
    linear = to_linear(image)
    sky = _environment(linear, glow)
    for layer in layers:
        mask = _streak_mask(
            image.shape[:2],
            rng,
            count=layer["count"],
            length=layer["length"] * min(image.shape[:2]),
            width=layer["width"] * unit(image),
            angle=rng.normal(layer["angle"], spread, in_area(layer["count"], image)),
        )
        linear = blend(linear, sky, mask * np.float32(layer["opacity"]))
    return to_srgb(linear)


def _environment(linear: Picture, glow: float) -> np.ndarray:
    """Return the light a drop gathers: the mean of the scene's bright half, made paler."""
    small = cv2.resize(linear, (32, 32), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    bright = small[np.argsort(small.sum(axis=1))[small.shape[0] // 2 :]].mean(axis=0)
    pale = 0.35 * bright + 0.65 * bright.mean()
    return cast("np.ndarray", (pale + (1 - pale) * np.float32(glow)).astype(np.float32))


def _streak_mask(
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    count: int,
    length: float,
    width: float,
    angle: np.ndarray,
) -> Plane:
    """Draw streaks with faint ends; a streak thinner than a pixel is fainter instead."""
    height, width_px = shape
    turn = np.deg2rad(angle)
    lengths = length * rng.lognormal(0, 0.3, angle.size)
    middle = rng.random((angle.size, 2)) * (width_px + length, height + length) - length / 2
    half = np.stack([np.sin(turn) * lengths, np.cos(turn) * lengths], axis=1) / 2
    light = 255 * rng.uniform(0.3, 1, angle.size) * min(1.0, max(0.35, width))
    mask = np.zeros(shape, np.uint8)
    thickness = max(1, round(width))
    for share, strength in ((1.0, 0.4), (0.72, 0.75), (0.45, 1.0)):
        starts = _fixed_point(middle - half * share)
        ends = _fixed_point(middle + half * share)
        for start, end, value in zip(starts, ends, light * strength, strict=True):
            cv2.line(mask, start, end, value, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
    return smooth(mask.astype(np.float32) / np.float32(255), 0.3 + 0.25 * width)


def _fixed_point(points: np.ndarray) -> list[list[int]]:
    scaled = np.rint(points * (1 << _SUBPIXEL_BITS)).astype(int)
    return cast("list[list[int]]", scaled.tolist())


def _draw_drops(dice: Dice, severity: float) -> Step:
    return {
        "effect": "lens_drops",
        "severity": severity,
        "count": round(dice.by(severity, (4, 8), (25, 80))),
        "radius": dice.by(severity, (0.012, 0.025), (0.02, 0.045)),
        "focus": dice.between(0.0, 1.0),
        "bend": dice.between(2.0, 4.5),
    }


def lens_drops(
    image: Picture,
    rng: np.random.Generator,
    *,
    count: int,
    radius: float,
    focus: float,
    bend: float,
) -> Picture:
    """Lay water drops on the glass: each shows the scene small, turned over and blurred.

    Args:
        image: sRGB picture.
        rng: draws place, size and shape of each drop.
        count: drops in a square picture.
        radius: median radius, as a share of the shorter side.
        focus: sharpness of the drops' edges; 1 = the lens is focused on the glass.
        bend: how many times smaller than the scene its image in a drop is.
    """
    height, width = image.shape[:2]
    side = min(height, width)
    haziness = max(0.6, side / 512 * (1.5 + 2 * (1 - focus)))
    scene = cast("Picture", cv2.GaussianBlur(image, (0, 0), haziness))
    result = image.copy()
    for _ in range(in_area(count, image)):
        center = rng.random(2) * (width, height)
        size = side * radius * rng.lognormal(0, 0.55)
        size = float(np.clip(size, 2.0, side / 5))
        shape = rng.uniform(-1, 1, 6)
        _lay_drop(result, scene, center, size, shape, focus=focus, bend=bend)
    return result


def _lay_drop(
    result: Picture,
    scene: Picture,
    center: np.ndarray,
    size: float,
    shape: np.ndarray,
    *,
    focus: float,
    bend: float,
) -> None:
    """Composite one drop into `result`, touching only the pixels around it."""
    height, width = result.shape[:2]
    reach = int(1.7 * size) + 2
    left, top = (np.floor(center) - reach).astype(int)
    rows = slice(max(0, top), min(height, top + 2 * reach + 1))
    columns = slice(max(0, left), min(width, left + 2 * reach + 1))
    y, x = np.mgrid[rows, columns].astype(np.float32)
    dx, dy = x - np.float32(center[0]), y - np.float32(center[1])
    angle = np.arctan2(dy, dx)
    wobble = 1 + 0.14 * shape[0] * np.sin(2 * angle + 3 * shape[1])
    wobble += 0.09 * shape[2] * np.sin(3 * angle + 3 * shape[3])
    # Gravity: the lower end sags.
    stretch = np.where(dy > 0, 1 + 0.25 * abs(shape[4]), 1)
    rho = (np.hypot(dx, dy / stretch) / (size * wobble)).astype(np.float32)
    edge = np.float32(0.06 + 0.45 * (1 - focus))
    alpha = np.clip((1 + edge / 2 - rho) / edge, 0, 1)
    lens = np.float32(bend) * (1 + 0.6 * np.minimum(rho, 1) ** 2)
    view = cv2.remap(
        scene,
        np.float32(center[0]) - dx * lens,
        np.float32(center[1]) - dy * lens,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    # Seen from outside, a drop is dark at its upper rim and lit at its lower one.
    shade = 1 + np.minimum(rho, 1) ** 3 * (0.35 * dy / np.float32(size) - 0.15)
    drop = np.clip(view * shade[..., None] * np.float32(0.97) + np.float32(0.02), 0, 1)
    result[rows, columns] = blend(result[rows, columns], drop, alpha * np.float32(0.94))

"""What happens to a print's surface: stains, scratches, dust, creases.

Each is drawn as strokes in an eight-bit mask, softened, and blended over the picture, as large
as it would be on a print that is scanned whole.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from ggt_hf.degradation.light import Picture, Plane, blend, rgb, smooth, smooth_noise, unit
from ggt_hf.degradation.steps import Dice, Step

_BITS = 4
_STAIN_SIDE = 640
_BROWN = (0.45, 0.31, 0.16)
_PAPER = (0.93, 0.9, 0.84)
_DARK = (0.1, 0.08, 0.07)


def draw_stains(dice: Dice, severity: float) -> Step:
    """Draw water stains and foxing."""
    return {
        "effect": "stains",
        "severity": severity,
        "water": round(dice.by(severity, (0, 1), (1, 4))),
        "foxing": round(dice.by(severity, (0, 6), (15, 90))),
        "strength": dice.by(severity, (0.05, 0.12), (0.25, 0.55)),
    }


def stains(
    image: Picture, rng: np.random.Generator, *, water: int, foxing: int, strength: float
) -> Picture:
    """Stain the paper: by water, with a dark rim where it dried, and by foxing, brown specks.

    Args:
        image: sRGB picture.
        rng: draws places, sizes and outlines.
        water: number of water stains.
        foxing: number of specks.
        strength: opacity at the rims.
    """
    height, width = image.shape[:2]
    shrink = min(1.0, _STAIN_SIDE / min(height, width))
    small = (max(2, round(height * shrink)), max(2, round(width * shrink)))
    density = np.zeros(small, np.float32)
    for _ in range(water):
        density = np.maximum(density, _water_stain(rng, small))
    mask = cast("Plane", cv2.resize(density, (width, height), interpolation=cv2.INTER_LINEAR))
    specks = np.zeros((height, width), np.uint8)
    for _ in range(foxing):
        place = _fixed(rng.random(2) * (width, height))
        radius = min(height, width) * 0.004 * float(rng.lognormal(0, 0.6))
        value = float(rng.uniform(60, 255))
        cv2.circle(specks, place, round(radius * (1 << _BITS)), value, -1, cv2.LINE_AA, _BITS)
    mask = np.maximum(mask, _soft(specks, 0.003 * min(height, width)))
    return blend(image, rgb(_BROWN), np.float32(strength) * mask)


def _water_stain(rng: np.random.Generator, shape: tuple[int, int]) -> Plane:
    """Return the density of one stain: pale inside, dark in the last millimetre."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    outline = smooth_noise(rng, shape, 4.0)
    center, radius = rng.random(2) * shape[::-1], min(shape) * rng.uniform(0.12, 0.4)
    rho = np.hypot(x - np.float32(center[0]), y - np.float32(center[1])) / np.float32(radius)
    inside = np.float32(1.3) - rho - np.float32(0.6) * outline
    rim = np.exp(-((inside / np.float32(0.045)) ** 2))
    return cast("Plane", np.maximum(rim, np.clip(inside * 8, 0, 1) * np.float32(0.4)))


def draw_scratches(dice: Dice, severity: float) -> Step:
    """Draw scratches, most of them through to the paper."""
    return {
        "effect": "scratches",
        "severity": severity,
        "count": round(dice.by(severity, (1, 4), (12, 45))),
        "width": dice.between(0.5, 1.4),
        "opacity": dice.by(severity, (0.3, 0.5), (0.55, 0.95)),
        "light": dice.between(0.6, 1.0),
        "angle": dice.between(0, 180),
        "spread": dice.pick((6.0, 25.0, 90.0)),
    }


def scratches(
    image: Picture,
    rng: np.random.Generator,
    *,
    count: int,
    width: float,
    opacity: float,
    light: float,
    angle: float,
    spread: float,
) -> Picture:
    """Scratch the surface along nearly straight, broken lines.

    Args:
        image: sRGB picture.
        rng: draws course, length and depth of each.
        count: number of scratches.
        width: pixels at a shorter side of 512.
        opacity: of the deepest.
        light: share that shows the pale paper; the others are dark with dirt.
        angle: direction that most of them follow, degrees.
        spread: deviation from it, degrees.
    """
    height, columns = image.shape[:2]
    masks = {
        True: np.zeros((height, columns), np.uint8),
        False: np.zeros((height, columns), np.uint8),
    }
    for _ in range(count):
        mask = masks[bool(rng.random() < light)]
        length = min(height, columns) * float(np.clip(rng.lognormal(-1.8, 0.8), 0.03, 1.2))
        path = _wandering_path(rng, (columns, height), length, rng.normal(angle, spread))
        value = 255 * rng.uniform(0.25, 1)
        _stroke(mask, path, value * rng.uniform(0.3, 1, len(path)), width * unit(image))
    for pale, color in ((False, _DARK), (True, _PAPER)):
        alpha = np.float32(opacity) * _soft(masks[pale], 0.35 + 0.2 * width * unit(image))
        image = blend(image, rgb(color), alpha)
    return image


def draw_dust(dice: Dice, severity: float) -> Step:
    """Draw specks and hairs."""
    return {
        "effect": "dust",
        "severity": severity,
        "specks": round(dice.by(severity, (15, 50), (120, 600))),
        "hairs": round(dice.by(severity, (0, 2), (3, 14))),
        "size": dice.between(0.5, 1.3),
        "light": dice.between(0.3, 0.95),
    }


def dust(
    image: Picture,
    rng: np.random.Generator,
    *,
    specks: int,
    hairs: int,
    size: float,
    light: float,
) -> Picture:
    """Strew specks and curled hairs: pale ones were on the negative, dark ones on the print.

    Args:
        image: sRGB picture.
        rng: draws places and shapes.
        specks: number of specks.
        hairs: number of hairs.
        size: median radius of a speck, pixels at a shorter side of 512.
        light: share that is pale.
    """
    height, width = image.shape[:2]
    for share, color in ((light, _PAPER), (1 - light, _DARK)):
        mask = np.zeros((height, width), np.uint8)
        for _ in range(round(specks * share)):
            axes = size * unit(image) * rng.lognormal(0, 0.6, 2)
            box = (
                tuple((rng.random(2) * (width, height)).tolist()),
                tuple(np.maximum(1.0, 2 * axes).tolist()),
                float(rng.uniform(0, 180)),
            )
            cv2.ellipse(mask, box, float(rng.uniform(70, 255)), -1, cv2.LINE_AA)
        for _ in range(round(hairs * share)):
            length = min(height, width) * rng.uniform(0.02, 0.09)
            path = _wandering_path(rng, (width, height), length, rng.uniform(0, 360), curl=26)
            _stroke(mask, path, np.full(len(path), rng.uniform(110, 220)), 0.8 * unit(image))
        mask_plane = _soft(mask, 0.3 + 0.15 * size * unit(image))
        image = blend(image, rgb(color), mask_plane * np.float32(0.9))
    return image


def draw_creases(dice: Dice, severity: float) -> Step:
    """Draw folds across the print, and worn edges."""
    return {
        "effect": "creases",
        "severity": severity,
        "folds": round(dice.by(severity, (1, 1), (1, 4))),
        "opacity": dice.by(severity, (0.2, 0.4), (0.6, 0.95)),
        "wear": dice.by(severity, (0.0, 0.2), (0.2, 1.0)),
    }


def creases(
    image: Picture, rng: np.random.Generator, *, folds: int, opacity: float, wear: float
) -> Picture:
    """Fold the print: a ragged pale crack, lit on one side and shaded on the other.

    Args:
        image: sRGB picture.
        rng: draws the folds.
        folds: number of folds, from border to border.
        opacity: of the crack.
        wear: how far the emulsion flaked off beside cracks and along the borders, in [0, 1].
    """
    height, width = image.shape[:2]
    scale = unit(image)
    line = np.zeros((height, width), np.uint8)
    for _ in range(folds):
        path = _fold_path(rng, width, height)
        _stroke(line, path, 255 * rng.uniform(0.35, 1, len(path)), 1.1 * scale)
    crack = _soft(line, 0.5 * scale + 0.2)
    near = _soft(line, 5 * scale) * np.float32(4.5)
    # The slope of the blurred line is lit from the upper left.
    shading = cv2.Sobel(near, -1, 1, 0) + cv2.Sobel(near, -1, 0, 1)
    image = np.clip(image + (shading * np.float32(0.35 * scale * opacity))[..., None], 0, 1)
    if wear > 0:
        flakes = smooth_noise(rng, (height, width), 16.0, octaves=4)
        edge = _border_distance(height, width) / np.float32(0.025)
        reach = np.maximum(np.clip(near, 0, 1) * np.float32(0.9), 1 - np.clip(edge, 0, 1))
        loss = np.clip((flakes + np.float32(0.48 * wear) * reach - 1) * 25, 0, 1) * (reach > 0.02)
        crack = np.maximum(crack, loss)
    return blend(image, rgb(_PAPER), np.float32(opacity) * crack)


def _border_distance(height: int, width: int) -> Plane:
    """Return the distance to the nearest border, as a share of the shorter side."""
    y, x = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    down, across = np.minimum(y, y[::-1])[:, None], np.minimum(x, x[::-1])[None, :]
    return cast("Plane", np.minimum(down, across) / np.float32(min(height, width)))


def _fold_path(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Return a nearly straight ragged line across the whole picture, or across one corner."""
    along = np.linspace(0, 1, 60)[:, None]
    first, second = rng.uniform(0.1, 0.9, 2)
    ends = {
        0: ((0, first), (1, np.clip(first + rng.normal(0, 0.12), 0, 1))),
        1: ((first, 0), (np.clip(first + rng.normal(0, 0.12), 0, 1), 1)),
        2: ((0, 0.4 * first), (0.4 * second, 0)),
        3: ((1, 1 - 0.4 * first), (1 - 0.4 * second, 1)),
    }[int(rng.integers(4))]
    start, end = (np.array(point) * (width, height) for point in ends)
    ragged = np.cumsum(rng.normal(0, 1, (60, 2)), axis=0)
    ragged = (ragged - ragged[0] - along * (ragged[-1] - ragged[0])) * min(width, height) * 0.0022
    return cast("np.ndarray", start + along * (end - start) + ragged)


def _wandering_path(
    rng: np.random.Generator,
    size: tuple[int, int],
    length: float,
    angle: float,
    *,
    curl: float = 2.5,
) -> np.ndarray:
    """Return points of a line that starts anywhere and turns by about `curl` degrees a step."""
    turns = np.deg2rad(angle + np.cumsum(rng.normal(0, curl, 24)))
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * length / 24
    return cast("np.ndarray", rng.random(2) * size + np.cumsum(steps, axis=0))


def _stroke(mask: np.ndarray, path: np.ndarray, values: np.ndarray, width: float) -> None:
    """Draw a path segment by segment; below one pixel of width, fainter instead of thinner."""
    points = np.rint(path * (1 << _BITS)).astype(int).tolist()
    thickness = max(1, round(width))
    for start, end, value in zip(points, points[1:], values.tolist(), strict=False):
        shade = value * min(1.0, max(0.4, width))
        cv2.line(mask, start, end, shade, thickness, cv2.LINE_AA, _BITS)


def _fixed(point: np.ndarray) -> list[int]:
    return cast("list[int]", np.rint(point * (1 << _BITS)).astype(int).tolist())


def _soft(mask: np.ndarray, sigma: float) -> Plane:
    return smooth(mask.astype(np.float32) / np.float32(255), sigma)

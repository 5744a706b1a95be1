"""Blur: convolution with a kernel whose centre of mass is its centre, so nothing moves."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from ggt_hf.degradation.light import Picture, Plane, optical_unit
from ggt_hf.degradation.steps import Dice, Step

SHAPES = ("gaussian", "anisotropic", "defocus", "motion", "shake")


def draw_blur(dice: Dice, severity: float, shapes: tuple[str, ...] = SHAPES) -> Step:
    """Draw a blur of one of `shapes`."""
    return {
        "effect": "blur",
        "severity": severity,
        "shape": dice.pick(shapes),
        "sigma": dice.by(severity, (0.15, 0.3), (1.8, 2.6)),
        "ratio": dice.between(0.25, 0.7),
        "angle": dice.between(0, 180),
    }


def blur(
    image: Picture,
    rng: np.random.Generator,
    *,
    shape: str,
    sigma: float,
    ratio: float,
    angle: float,
) -> Picture:
    """Convolve with a blur kernel of standard deviation `sigma` along its longest axis.

    Args:
        image: sRGB picture.
        rng: draws the path of a camera shake.
        shape: ``gaussian``, ``anisotropic`` (a tilted Gaussian), ``defocus`` (a disc), ``motion``
            (a line) or ``shake`` (the path of an unsteady hand).
        sigma: pixels, at a shorter side of 512; grows with the root of the size.
        ratio: shorter to longer axis of an anisotropic kernel.
        angle: direction of the longer axis, degrees from horizontal.
    """
    pixels = sigma * optical_unit(image)
    if shape == "gaussian":
        return cast("Picture", cv2.GaussianBlur(image, (0, 0), max(pixels, 0.05)))
    if shape == "anisotropic":
        kernel = gaussian_kernel(pixels, pixels * ratio, angle)
    elif shape == "defocus":
        kernel = disc_kernel(2 * pixels)
    elif shape == "motion":
        kernel = motion_kernel(3.46 * pixels, angle)
    else:
        kernel = shake_kernel(rng, pixels)
    return convolve(image, kernel)


def convolve(image: Picture, kernel: Plane) -> Picture:
    """Filter each channel with `kernel`; the border is mirrored."""
    return cast("Picture", cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101))


def gaussian_kernel(long: float, short: float, angle: float) -> Plane:
    """Return a normalised Gaussian with deviations `long` and `short` pixels, tilted by `angle`."""
    x, y = _grid(3 * max(long, 0.3))
    turn = np.deg2rad(angle)
    along = x * np.cos(turn) + y * np.sin(turn)
    across = y * np.cos(turn) - x * np.sin(turn)
    weights = np.exp(-0.5 * ((along / max(long, 0.05)) ** 2 + (across / max(short, 0.05)) ** 2))
    return _normalised(weights)


def disc_kernel(radius: float) -> Plane:
    """Return the image of a point out of focus: a disc of `radius` pixels with a soft edge."""
    x, y = _grid(radius + 1)
    return _normalised(np.clip(radius + 0.5 - np.hypot(x, y), 0, 1))


def motion_kernel(length: float, angle: float) -> Plane:
    """Return the image of a point that moves `length` pixels while the shutter is open."""
    ends = np.linspace(-0.5, 0.5, max(2, int(4 * length)))
    turn = np.deg2rad(angle)
    return _path_kernel(ends * length * np.cos(turn), ends * length * np.sin(turn))


def shake_kernel(rng: np.random.Generator, sigma: float) -> Plane:
    """Return the image of a point under an unsteady hand: a smooth random walk.

    The walk is centred on its mean and scaled to `sigma` pixels along its longest axis.
    """
    steps = np.cumsum(np.cumsum(rng.normal(size=(2, 128)), axis=1), axis=1)
    steps -= steps.mean(axis=1, keepdims=True)
    # Double sums are smooth but stretched; some white noise is the tremor.
    spread = float(np.sqrt(np.linalg.eigvalsh(np.cov(steps)).max()))
    path = steps * (sigma / max(spread, 1e-6)) + rng.normal(size=steps.shape) * 0.12 * sigma
    path -= path.mean(axis=1, keepdims=True)
    return _path_kernel(path[0], path[1])


def _path_kernel(x: np.ndarray, y: np.ndarray) -> Plane:
    """Splat the points of a path bilinearly: the kernel's centroid is the path's mean."""
    radius = int(np.ceil(max(np.abs(x).max(), np.abs(y).max()))) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for dx in (0, 1):
        for dy in (0, 1):
            weight = (1 - np.abs(x - left - dx)) * (1 - np.abs(y - top - dy))
            np.add.at(kernel, (top + dy + radius, left + dx + radius), weight)
    return _normalised(kernel)


def _grid(reach: float) -> tuple[np.ndarray, np.ndarray]:
    radius = max(1, int(np.ceil(reach)))
    axis = np.arange(-radius, radius + 1, dtype=np.float64)
    x, y = np.meshgrid(axis, axis)
    return x, y


def _normalised(weights: np.ndarray) -> Plane:
    return cast("Plane", (weights / weights.sum()).astype(np.float32))

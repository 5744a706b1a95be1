"""Originals that look like faults and are none: dusk, mist, dull days, old prints, soft focus."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""RGB, ``(H, W, 3)``."""
Picture = NDArray[np.float32]
"""RGB in [0, 1], ``(H, W, 3)``."""

_GRAY = np.array([0.299, 0.587, 0.114], np.float32)


def retouch(picture: Pixels, seed: int) -> Pixels:
    """Give every fourth picture other tones, as photographs of dusk, mist or dull days have them.

    Else a network that has mostly seen bright days takes every evening for a fault.
    """
    rng = np.random.default_rng(seed)
    if rng.random() > 1 / 4:
        return picture
    return _evening(picture, rng)


def retouch_plain(picture: Pixels, seed: int) -> Pixels:
    """Do as `retouch`, and give a dark wall another brightness, drawn by chance.

    Nobody can tell from a grey plain whether it was black before the haze. One that is taught to
    answer black blackens every grey sky.
    """
    if picture.mean() < 40 and picture.std() < 16:
        lift = np.random.default_rng([seed, 1]).uniform(0, 160)
        picture = (picture + lift).clip(0, 255).astype(np.uint8)
    return retouch(picture, seed)


def retouch_widely(picture: Pixels, seed: int) -> Pixels:
    """Give three pictures in four other tones: also those of dull, toned, dark and soft originals.

    Else a network that has seen faded prints takes every brown, grey or flat picture for one.
    """
    rng = np.random.default_rng(seed)
    kind = rng.random()
    if kind < 0.25:
        return picture
    if kind < 0.4:
        return _evening(picture, rng)
    toned = picture.astype(np.float32) / 255
    if kind < 0.47:
        toned = cv2.GaussianBlur(toned, (0, 0), np.exp(rng.uniform(0.7, 3.2)))
    toned = _printed(toned, rng) if rng.random() < 0.5 else _dulled(toned, rng)
    return (toned.clip(0, 1) * 255).round().astype(np.uint8)


def _evening(picture: Pixels, rng: np.random.Generator) -> Pixels:
    gamma = np.exp(rng.uniform(-0.2, 0.6))
    black, white = rng.uniform(0, 0.08), rng.uniform(0.75, 1)
    tint = np.exp(0.05 * rng.standard_normal(3))
    levels = np.linspace(0, 1, 256, dtype=np.float32)[:, None] ** gamma
    toned = np.stack([(black + (white - black) * levels[:, 0]) * t for t in tint], axis=1)
    moved = np.take_along_axis(toned[:, None], picture.reshape(-1, 1, 3).astype(np.intp), axis=0)
    moved = moved.reshape(picture.shape)
    grey = moved.mean(axis=2, keepdims=True)
    moved = grey + (moved - grey) * rng.uniform(0.5, 1.1)
    return (moved.clip(0, 1) * 255).round().astype(np.uint8)


def _dulled(picture: Picture, rng: np.random.Generator) -> Picture:
    """Lower contrast and saturation, and underexpose, up to what a grey sea or a cave shows."""
    low = rng.uniform(0, 0.35)
    high = low + rng.uniform(0.25, 1) * (1 - low)
    toned = low + (high - low) * picture ** np.float32(np.exp(rng.uniform(-0.3, 0.7)))
    grey = (toned @ _GRAY)[..., None]
    tint = np.exp(0.12 * rng.standard_normal(3))
    return ((grey + (toned - grey) * rng.uniform(0, 1)) * tint).astype(np.float32)


def _printed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Print from ink to paper, in one hue, as monochrome originals are kept and shown."""
    ink = rng.uniform(0.0, 0.28) * np.exp(rng.uniform(0, 0.25) * np.array([1.0, 0.0, -1.0]))
    paper = rng.uniform(0.5, 1.0) * np.exp(rng.uniform(-0.05, 0.2) * np.array([0.4, 0.0, -1.2]))
    grey = (picture @ _GRAY)[..., None] ** np.exp(rng.uniform(-0.4, 0.5))
    return (ink + (paper - ink) * grey).astype(np.float32)

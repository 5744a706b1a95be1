"""Classical filters as an editor: noise, haze, darkness, a cast. No model, no prompt, no chance.

Each looks whether there is anything for it to do. What they cannot remove is rain, snow, scratches
and lost detail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Levels = NDArray[np.uint8]
    Linear = NDArray[np.float32]

SETTINGS: Final = {
    "denoise": 4.0,
    "dehaze": 0.75,
    "dark_mean": 0.3,
    "lightest_gamma": 0.5,
    "white_balance_percentile": 99.0,
    "contrast_clip": 1.5,
    "contrast_tiles": 8,
    "contrast_share": 0.5,
}
"""Strengths of the filters, ours; part of every candidate's record."""

_HAZY = 0.25
"""From this mean dark channel of [0, 1] on, a picture is taken for hazy."""


def restore(picture: Levels) -> Levels:
    """Return the picture with less noise, haze, darkness and cast; (H, W, 3), RGB, any size."""
    calm = _calmed(picture, min(SETTINGS["denoise"], _noise(picture)))
    scene = _lightened(_dehazed(np.asarray(calm / 255, np.float32)))
    return _with_contrast(_balanced(scene))


def _calmed(picture: Levels, strength: float) -> Levels:
    """Take noise away by non-local means; a clean sky keeps its grain, which hides its levels."""
    import cv2

    if strength < 1.0:
        return picture
    calm = cv2.fastNlMeansDenoisingColored(picture, None, strength, strength, 5, 15)
    return np.asarray(calm, np.uint8)


def _noise(picture: Levels) -> float:
    """Return the standard deviation of white noise in levels (Immerkaer, 1996)."""
    import cv2

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    # The median of absolute values, as edges are few and large.
    return float(np.median(np.abs(cv2.filter2D(grey, -1, mask))) / 0.6745 / 6)


def _dehazed(scene: Linear) -> Linear:
    """Take haze away by the dark channel prior (He, Sun and Tang, 2009), softly at its edges."""
    import cv2

    side = max(3, min(scene.shape[:2]) // 40)
    dark = cv2.erode(scene.min(axis=2), np.ones((side, side), np.uint8))
    if dark.mean() < _HAZY:
        return scene
    airlight = scene[dark >= np.quantile(dark, 0.999)].mean(axis=0).clip(0.5, 1)
    veil = cv2.erode((scene / airlight).min(axis=2), np.ones((side, side), np.uint8))
    smooth = cv2.GaussianBlur(veil, (0, 0), 2 * side)
    clear = (1 - np.float32(SETTINGS["dehaze"]) * np.minimum(veil, smooth)).clip(0.35, 1)
    clear = cv2.bilateralFilter(clear.astype(np.float32), -1, 0.15, side)[..., None]
    return np.asarray(((scene - airlight) / clear + airlight).clip(0, 1), np.float32)


def _lightened(scene: Linear) -> Linear:
    """Raise dark tones by a gamma that brings the mean to `dark_mean`, or as far as is allowed."""
    mean = float(scene.mean())
    if not 0 < mean < SETTINGS["dark_mean"]:
        return scene
    gamma = np.log(SETTINGS["dark_mean"]) / np.log(mean)
    return np.asarray(scene ** np.float32(max(gamma, SETTINGS["lightest_gamma"])), np.float32)


def _balanced(scene: Linear) -> Linear:
    """Bring white half of the way to grey: a sunset may be meant."""
    percentile = SETTINGS["white_balance_percentile"]
    white = np.percentile(scene.reshape(-1, 3), percentile, axis=0).clip(1 / 16)
    gain = np.sqrt(white.mean() / white).astype(np.float32)
    return np.asarray((scene * gain).clip(0, 1), np.float32)


def _with_contrast(scene: Linear) -> Levels:
    """Equalise lightness locally, in 16 bits: stretched, levels of 8 bits become contours."""
    import cv2

    lab = cv2.cvtColor(scene, cv2.COLOR_RGB2LAB)
    tiles = round(SETTINGS["contrast_tiles"])
    equalise = cv2.createCLAHE(SETTINGS["contrast_clip"], (tiles, tiles))
    even = equalise.apply((lab[..., 0] * (65_535 / 100)).astype(np.uint16))
    share = np.float32(SETTINGS["contrast_share"])
    lab[..., 0] = (1 - share) * lab[..., 0] + share * np.float32(100 / 65_535) * even
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return np.asarray((rgb * 255 + 0.5).clip(0, 255), dtype=np.uint8)

"""Low light: fewer photons in linear light, and a camera that tries to make up for them.

The order is that of a camera (Wei et al., 2020, and the raw-to-sRGB pipelines before it): the
scene gets darker, the sensor adds shot and read noise, the converter rounds, the picture is
developed with a wrong white balance and a partly lifted exposure.
"""

from __future__ import annotations

import cv2
import numpy as np

from ggt_hf.degradation.camera import draw_white_balance, noise
from ggt_hf.degradation.light import (
    Picture,
    luminance,
    smooth_noise,
    to_linear,
    to_srgb,
)
from ggt_hf.degradation.steps import Dice, Step


def recipe(dice: Dice, severity: float) -> list[Step]:
    """Draw a cast of the light, then the dark exposure."""
    cast = draw_white_balance(dice, dice.share(severity, 0.1, 0.8))
    dark = _draw_low_light(dice, severity)
    return [cast, dark] if dice.chance(0.75) else [dark]


def _draw_low_light(dice: Dice, severity: float) -> Step:
    stops = dice.by(severity, (0.3, 0.6), (5.0, 6.8))
    return {
        "effect": "low_light",
        "severity": severity,
        "stops": stops,
        "lift": dice.between(0.0, 0.65),
        "pool": dice.by(severity, (0.0, 0.15), (0.2, 0.8)),
        "photons": round(dice.by(severity, (12000, 20000), (250, 1800))),
        "read": dice.by(severity, (0.0003, 0.0005), (0.001, 0.0035)),
        "grain": dice.between(0.3, 0.9),
        "bits": dice.pick((10, 12, 14)),
        "saturation": dice.by(severity, (0.9, 1.0), (0.45, 0.9)),
        "smear": dice.by(severity, (0.0, 0.1), (0.0, 1.0)),
    }


def low_light(
    image: Picture,
    rng: np.random.Generator,
    *,
    stops: float,
    lift: float,
    pool: float,
    photons: float,
    read: float,
    grain: float,
    bits: int,
    saturation: float,
    smear: float,
) -> Picture:
    """Expose a picture too short.

    Args:
        image: sRGB picture.
        rng: draws the light's unevenness and the noise.
        stops: exposure lost, in powers of two.
        lift: share of the lost stops that development gives back, noise and all.
        pool: how uneven the light is; 0 = the whole scene alike, 1 = black corners.
        photons: electrons that white would give at full exposure.
        read: deviation of the read noise, as a share of white.
        grain: blur of the noise by demosaicking, pixels.
        bits: of the analogue-digital converter.
        saturation: of the colours that are left.
        smear: share of a denoiser's edge-keeping blur in the result.
    """
    linear = to_linear(image) * np.float32(2.0**-stops)
    if pool > 0:
        lit = smooth_noise(rng, image.shape[:2], 2.0, octaves=2)
        linear *= (1 - np.float32(pool) * (1 - lit))[..., None]
    linear = noise(linear, rng, shot=1 / photons, read=read, grain=grain, gray=False)
    levels = np.float32(2**bits - 1)
    linear = np.rint(linear * levels) / levels
    gray = luminance(linear)[..., None]
    developed = (gray + (linear - gray) * np.float32(saturation)) * np.float32(2 ** (lift * stops))
    return _smeared(to_srgb(developed), smear)


def _smeared(image: Picture, share: float) -> Picture:
    """Mix in what a phone's denoiser leaves: flat patches with sharp borders."""
    if share < 0.05:
        return image
    flat = cv2.bilateralFilter(cv2.medianBlur(image, 3), 5, 0.08, 2.0)
    return image + (flat - image) * np.float32(share)

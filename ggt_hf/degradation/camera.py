"""What sensors and files do: noise, lost resolution, white balance, JPEG."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ggt_hf.degradation.light import Picture, from_bytes, rgb, smooth, to_bytes, to_linear, to_srgb
from ggt_hf.degradation.steps import Dice, Step

_INTERPOLATIONS = {
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}
_CHROMA = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}


def draw_noise(dice: Dice, severity: float) -> Step:
    """Draw sensor noise; one picture in three has it in brightness alone."""
    return {
        "effect": "noise",
        "severity": severity,
        "shot": dice.by(severity, (0.0, 0.00005), (0.002, 0.008)),
        "read": dice.by(severity, (0.0, 0.003), (0.02, 0.06)),
        "grain": dice.between(0.0, 0.7),
        "gray": dice.chance(0.33),
    }


def noise(
    image: Picture,
    rng: np.random.Generator,
    *,
    shot: float,
    read: float,
    grain: float,
    gray: bool,
) -> Picture:
    """Add noise of variance ``shot * value + read**2``.

    That is the Poisson-Gaussian model of Foi et al. (2008), its Poisson part taken as normal.

    Args:
        image: values in [0, 1], sRGB or linear.
        rng: draws the noise.
        shot: variance per unit of value: the inverse of the photons at full scale.
        read: standard deviation of the part that does not depend on the value.
        grain: deviation in pixels of the blur by which demosaicking correlates the noise.
        gray: the same noise in each channel.
    """
    channels = 1 if gray else 3
    drawn = rng.standard_normal((*image.shape[:2], channels), np.float32)
    if grain >= 0.1:
        drawn = smooth(drawn, grain).reshape(drawn.shape)
        drawn /= max(float(drawn.std()), 1e-6)
    deviation = np.sqrt(np.maximum(image, 0) * np.float32(shot) + np.float32(read**2))
    return cast("Picture", np.clip(image + drawn * deviation, 0, 1))


def draw_resize(dice: Dice, severity: float) -> Step:
    """Draw a loss of resolution by a factor of up to 4."""
    return {
        "effect": "resize",
        "severity": severity,
        "factor": dice.by(severity, (1.0, 1.15), (2.4, 4.0)),
        "down": dice.pick(("area", "linear", "cubic")),
        "up": dice.pick(("linear", "cubic", "cubic", "lanczos")),
    }


def resize(
    image: Picture, _rng: np.random.Generator, *, factor: float, down: str, up: str
) -> Picture:
    """Shrink by `factor` and enlarge to the old size.

    OpenCV maps pixel centres to pixel centres both ways, so the picture stays where it is.
    Nearest neighbour is left out: it moves parts of a picture by up to half a pixel.
    """
    height, width = image.shape[:2]
    small = (max(8, round(width / factor)), max(8, round(height / factor)))
    reduced = cv2.resize(image, small, interpolation=_INTERPOLATIONS[down])
    restored = cv2.resize(reduced, (width, height), interpolation=_INTERPOLATIONS[up])
    return cast("Picture", np.clip(restored, 0, 1))


def draw_white_balance(dice: Dice, severity: float) -> Step:
    """Draw a wrong white balance: warm as a lamp, cold as shade, or slightly green."""
    warm = dice.pick((1, -1))
    shift = warm * dice.by(severity, (0.0, 0.08), (0.25, 0.5))
    green = dice.by(severity, (0.0, 0.0), (-0.06, 0.1))
    gains = [1 + 0.8 * shift, 1 + green, 1 - shift]
    return {
        "effect": "white_balance",
        "severity": severity,
        "gains": [round(gain, 4) for gain in gains],
    }


def white_balance(image: Picture, _rng: np.random.Generator, *, gains: list[float]) -> Picture:
    """Multiply the channels of linear light by `gains` (red, green, blue)."""
    return to_srgb(to_linear(image) * rgb(gains))


def draw_jpeg(dice: Dice, severity: float) -> Step:
    """Draw a JPEG compression; severity 0 is quality 95, severity 1 is 15 to 25."""
    return {
        "effect": "jpeg",
        "severity": severity,
        "quality": round(dice.by(severity, (93, 97), (15, 25))),
        "chroma": dice.pick(("4:2:0", "4:2:0", "4:4:4")),
    }


def jpeg(image: Picture, _rng: np.random.Generator, *, quality: int, chroma: str) -> Picture:
    """Encode as JPEG and decode."""
    return from_bytes(decode_jpeg(encode_jpeg(to_bytes(image), quality=quality, chroma=chroma)))


def encode_jpeg(image: NDArray[np.uint8], *, quality: int, chroma: str) -> bytes:
    """Encode RGB ``uint8`` as a JPEG file of `quality` 1 to 100."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _CHROMA[chroma]]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Decode a JPEG file to RGB ``uint8``."""
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    return cast("NDArray[np.uint8]", decoded)

"""A fallback without any model: an observation from statistics of the pixels.

It knows nothing of content. It says so by its name, `model_id` = ``rules``, in every prompt's
provenance, and leaves scene and what must stay empty. Its thresholds are ours.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ggt_hf.errors import UsageError
from ggt_hf.records import Degradation, Effect, Observation, SeenEffect
from ggt_hf.vlm.chat import Chat, ChatModel, Picture, Reply, Settings
from ggt_hf.vlm.observation import EVERYWHERE, MAX_SEVERITY, OBSERVATION_SCHEMA, to_text

if TYPE_CHECKING:
    from PIL import Image

Plane = NDArray[np.float64]

LONGEST = 768
"""Longer pictures are cropped to this many pixels around the middle, never resized."""

_SMALLEST = 16
"""Smaller pictures are continued by their edges to this side."""


class RuleBasedVLM(ChatModel):
    """Answers `OBSERVATION_SCHEMA` from statistics of the first picture, and nothing else."""

    def __init__(self) -> None:
        super().__init__("rules", "1")

    def reply(self, chats: Sequence[Chat], settings: Settings) -> list[Reply]:
        """Observe the first picture of each chat."""
        if settings.schema != OBSERVATION_SCHEMA:
            raise UsageError(
                "The rules only observe degradations; they cannot answer other questions.",
                hint="Choose a vision-language model with --model.",
            )
        return [Reply(text=to_text(observe_by_rules(_pixels(c.pictures[0])))) for c in chats]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the rules look at; every value in [0, 1] unless said."""

    brightness: float
    """Mean luma."""
    shadows: float
    """1st percentile of the darkest channel: high where a veil lies over everything."""
    contrast: float
    """Standard deviation of luma."""
    colour: float
    """Mean distance of the channels from grey."""
    cast: float
    """Distance of the mean colour from grey."""
    noise: float
    """Standard deviation of the finest grain, by Immerkaer's mask."""
    sharpness: float
    """Mean absolute Laplacian over the contrast."""
    blocks: float
    """How much larger steps are on the 8-pixel grid than beside it; 0 = not at all."""
    flakes: float
    """Share of pixels much brighter than their surroundings."""
    streaks: float
    """How much fine detail runs along one steep direction; 0 = no more than along the others."""


def observe_by_rules(pixels: NDArray[np.uint8]) -> Observation:
    """Observe a picture, RGB uint8 (H, W, 3), by thresholds on `Statistics`."""
    found = _statistics(pixels)
    category = _category(found)
    severities = sorted(_severities(found, category).items(), key=lambda item: -item[1])
    return Observation(
        category=category,
        effects=tuple(
            SeenEffect(name=name, severity=level, place=EVERYWHERE) for name, level in severities
        ),
    )


def _category(found: Statistics) -> Degradation:
    """Choose what dominates; the thresholds were set by eye on 240 simulated pictures."""
    veiled = found.shadows > 0.11
    choices: tuple[tuple[bool, Degradation], ...] = (
        (found.brightness < 0.3, "low_light"),
        (not veiled, "mixed"),
        (found.streaks > 0.22, "rain"),
        (found.flakes > 0.0025, "snow"),
        (found.shadows > 0.38, "haze"),
        (found.contrast < 0.11 and found.brightness > 0.57, "haze"),
        (found.brightness < 0.56, "old_photo"),
    )
    return next((category for true, category in choices if true), "snow")


def _severities(found: Statistics, category: Degradation) -> dict[Effect, int]:
    """Turn statistics into levels: each from where it starts to show to where it is strongest.

    What names the category is there by definition, if only barely.
    """
    leading: dict[Degradation, tuple[Effect, int]] = {
        "low_light": ("darkness", _level(found.brightness, 0.3, 0.05)),
        "rain": ("rain_streaks", _level(found.streaks, 0.22, 1.0)),
        "snow": ("snow_flakes", _level(found.flakes, 0.0025, 0.03)),
        "haze": ("haze", _level(found.contrast, 0.16, 0.04)),
        "old_photo": ("fading", _level(found.contrast, 0.2, 0.06)),
    }
    levels: dict[Effect, int] = {
        "color_cast": _level(found.cast, 0.08, 0.25),
        "noise": _level(found.noise, 0.006, 0.06),
        "blur": _level(found.sharpness, 0.12, 0.03),
        "compression": _level(found.blocks, 0.15, 1.0),
    }
    levels = {name: level for name, level in levels.items() if level}
    if category in leading:
        name, level = leading[category]
        levels[name] = max(1, level)
    return levels


def _level(value: float, start: float, full: float) -> int:
    """Return 0 before `start`, then 1 to 5 up to `full`; `full` may lie below `start`."""
    share = (value - start) / (full - start)
    return 0 if share <= 0 else min(MAX_SEVERITY, 1 + int(share * MAX_SEVERITY))


def _statistics(pixels: NDArray[np.uint8]) -> Statistics:
    image = pixels.astype(np.float64) / 255
    if min(image.shape[:2]) < _SMALLEST:
        short = [max(0, _SMALLEST - side) for side in image.shape[:2]]
        image = np.pad(image, [(0, short[0]), (0, short[1]), (0, 0)], mode="edge")
    luma: Plane = image @ np.array([0.299, 0.587, 0.114])
    contrast = float(luma.std())
    laplacian = _laplacian(luma)
    mean = image.mean(axis=(0, 1))
    return Statistics(
        brightness=float(luma.mean()),
        shadows=float(np.percentile(image.min(axis=2), 1)),
        contrast=contrast,
        colour=float(np.abs(image - image.mean(axis=2, keepdims=True)).mean()),
        cast=float(np.abs(mean - mean.mean()).max()),
        noise=_grain(luma),
        sharpness=float(np.abs(laplacian).mean()) / max(contrast, 0.01),
        blocks=_blocks(luma),
        flakes=_flakes(luma),
        streaks=_streaks(luma),
    )


def _laplacian(luma: Plane) -> Plane:
    inner = luma[1:-1, 1:-1]
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    return around - 4 * inner


def _grain(luma: Plane) -> float:
    """Estimate noise by a mask that is blind to edges (Immerkaer, 1996), in the flat half."""
    rows = luma[:-2] - 2 * luma[1:-1] + luma[2:]
    mask = np.abs(rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:])
    flat = mask[mask <= np.median(mask)]
    # Of a normal distribution's magnitudes the lower half has the mean 0.324 sigma; the mask's
    # weights have the norm 6.
    return float(flat.mean() / 0.324 / 6)


def _blocks(luma: Plane) -> float:
    steps = np.abs(np.diff(luma, axis=1)).mean(axis=0)
    on_grid = steps[7::8]
    if not len(on_grid):
        return 0.0
    beside = np.delete(steps, np.s_[7::8])
    return max(0.0, float(np.median(on_grid) / max(float(np.median(beside)), 1e-4)) - 1)


def _flakes(luma: Plane) -> float:
    """Share of pixels far above the mean of the 17 x 17 pixels around them."""
    radius = 8
    padded = np.pad(luma, radius + 1, mode="edge").cumsum(0).cumsum(1)
    side = 2 * radius + 1
    height, width = luma.shape
    sums = (
        padded[side : side + height, side : side + width]
        - padded[:height, side : side + width]
        - padded[side : side + height, :width]
        + padded[:height, :width]
    )
    return float((luma - sums / side**2 > 0.25).mean())


def _streaks(luma: Plane) -> float:
    """Compare fine change across steep lines with change across flat ones."""
    across = np.abs(luma[:, 2:] - 2 * luma[:, 1:-1] + luma[:, :-2])
    along = np.abs(luma[2:] - 2 * luma[1:-1] + luma[:-2])
    return float(np.percentile(across, 90) / max(float(np.percentile(along, 90)), 0.004)) - 1


def _pixels(picture: Picture) -> NDArray[np.uint8]:
    from PIL import Image

    opened: Image.Image = (
        Image.open(io.BytesIO(picture)) if isinstance(picture, bytes) else picture
    ).convert("RGB")
    width, height = opened.size
    wide, high = min(LONGEST, width), min(LONGEST, height)
    # Cut on the grid of eight, so that the blocks of a JPEG stay where they are looked for.
    left, top = (width - wide) // 16 * 8, (height - high) // 16 * 8
    return np.asarray(opened.crop((left, top, left + wide, top + high)))

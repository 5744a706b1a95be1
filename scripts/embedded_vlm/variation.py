"""Pictures that the simulator does not draw by itself: of other cameras, other air, other nights.

A model that learns from the simulator's draws alone takes its habits for the world: that haze lies
over the foreground too, that a hazy picture is also noisy, that a night has no lamps. Most of the
training pictures are therefore varied; none of those that the model is measured on are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from ggt_hf.degradation import Degraded, render
from ggt_hf.degradation.camera import decode_jpeg, encode_jpeg
from ggt_hf.degradation.light import (
    Picture,
    from_bytes,
    luminance,
    rgb,
    smooth,
    to_bytes,
    to_linear,
    to_srgb,
    unit,
)
from ggt_hf.degradation.simulation import draw_settings
from ggt_hf.degradation.steps import Step
from ggt_hf.records import DEGRADATIONS
from scripts.embedded_vlm.simulation import Labels, Pixels, clean_crop

SIDES = (512, 512, 512, 640, 768, 1024)
"""Side of a varied picture, drawn evenly from these."""

TAIL = frozenset({"blur", "resize", "noise"})
DAMAGE = frozenset({"scratches", "dust", "creases", "stains"})
LAMPS = ((1.0, 0.62, 0.28), (1.0, 0.78, 0.5), (1.0, 0.95, 0.88), (0.75, 0.9, 1.0))
"""Colours of lamps, linear: sodium, bulb, white, cold."""


def varied(paths: Sequence[Path], index: int, seed: int) -> tuple[Degraded, Labels]:
    """Make picture number `index`, as `simulated` does, of a drawn camera, weather and night."""
    rng = np.random.default_rng([seed, index, 2])
    path = paths[int(rng.integers(len(paths)))]
    category = DEGRADATIONS[index % len(DEGRADATIONS)]
    clean = clean_crop(path, rng, SIDES)
    if rng.random() < 0.7:
        clean = other_camera(clean, rng)
    night = category == "low_light" and rng.random() < 0.5
    if night and rng.random() < 0.6:
        clean = dark_sky(clean)
    drawn = int(rng.integers(2**31))
    nearly_clean = category == "mixed" and rng.random() < 0.12
    settings = draw_settings(
        category, seed=drawn, severity=float(rng.uniform(0, 0.1)) if nearly_clean else None
    )
    degraded = render(clean, vary(settings, rng), seed=drawn)
    labels = Labels(
        photograph=path.stem,
        category=category,
        severity=float(settings["severity"]),
        effects={name: round(value, 4) for name, value in degraded.labels.items() if value > 0},
    )
    return (with_lamps(degraded, rng) if night else degraded), labels


def other_camera(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Develop a photograph again: another tone curve, other colours, perhaps sharpened."""
    image = from_bytes(pixels) * rgb(np.exp(rng.normal(0, 0.025, 3)).tolist())
    image = np.clip(image, 0, 1) ** np.float32(np.clip(np.exp(rng.normal(0, 0.2)), 0.65, 1.5))
    image = (image - np.float32(0.5)) * np.float32(rng.uniform(0.85, 1.2)) + np.float32(0.5)
    gray = luminance(image)[..., None]
    image = gray + (image - gray) * np.float32(rng.uniform(0.6, 1.35))
    if rng.random() < 0.25:
        soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.7, 1.6))
        image = image + (image - soft) * np.float32(rng.uniform(0.2, 0.9))
    return to_bytes(cast("Picture", image))


def vary(settings: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Draw some parameters anew, and now and then leave out what accompanies the category."""
    category, steps = settings["degradation"], settings["steps"]
    *before, file = steps
    if category != "mixed" and settings["severity"] >= 0.2 and rng.random() < 0.4:
        before = [step for step in before if step["effect"] not in TAIL]
        file = _good_file(file, rng)
    if category == "old_photo" and rng.random() < 0.4:
        before = [step for step in before if step["effect"] not in DAMAGE]
    before = [_VARIED.get((category, step["effect"]), _same)(step, rng) for step in before]
    return {**settings, "steps": [*before, file]}


def _good_file(step: Step, rng: np.random.Generator) -> Step:
    quality = int(rng.integers(84, 98))
    return {**step, "quality": quality, "severity": round(max(0.0, (95 - quality) / 75), 4)}


def _distant_haze(step: Step, rng: np.random.Generator) -> Step:
    """Haze as it mostly is: thick far away, hardly there nearby, and of any colour of sky."""
    if rng.random() < 0.35:
        return step
    tint = np.array([1, 1, 1]) + rng.uniform(-1, 1) * np.array([-0.1, 0, 0.1])
    light = np.clip(rng.uniform(0.45, 0.97) * (tint + rng.normal(0, 0.02, 3)), 0, 0.98)
    return {
        **step,
        "beta": round(step["beta"] * rng.uniform(0.9, 2.0), 4),
        "airlight": [round(float(part), 4) for part in light],
        "horizon": round(rng.uniform(0.1, 0.65), 4),
        "floor": round(rng.uniform(0.0, 0.2), 4),
        "drift": round(rng.uniform(0.0, 0.3), 4),
    }


def _any_mist(step: Step, rng: np.random.Generator) -> Step:
    return {**step, "beta": round(step["beta"] * rng.uniform(0.2, 1.5), 4)}


def _any_exposure(step: Step, rng: np.random.Generator) -> Step:
    return {**step, "lift": round(rng.uniform(0.0, 0.85), 4)}


def _any_print(step: Step, rng: np.random.Generator) -> Step:
    strength = 1.0 if rng.random() < 0.5 else step["strength"]
    return {**step, "strength": strength, "density": round(rng.uniform(0.7, 1.5), 4)}


def _same(step: Step, _rng: np.random.Generator) -> Step:
    return step


_VARIED = {
    ("haze", "haze"): _distant_haze,
    ("rain", "haze"): _any_mist,
    ("snow", "haze"): _any_mist,
    ("low_light", "low_light"): _any_exposure,
    ("old_photo", "toning"): _any_print,
}
"""(Category, effect) -> what draws its parameters anew."""


def dark_sky(pixels: Pixels) -> Pixels:
    """Turn what is bright, more so at the top, nearly black: most often it is the sky."""
    image = from_bytes(pixels)
    rows = np.linspace(1.25, 0.35, len(image), dtype=np.float32)[:, None]
    bright = np.clip((smooth(luminance(image), 3 * unit(image)) - 0.4) / 0.3, 0, 1)
    kept = 1 - np.float32(0.96) * np.clip(bright * rows, 0, 1)
    return to_bytes(to_srgb(to_linear(image) * kept[..., None]))


def with_lamps(degraded: Degraded, rng: np.random.Generator) -> Degraded:
    """Light lamps in a dark picture, each with the glow that lens and air lay around it."""
    image = from_bytes(degraded.lq)
    height, width = image.shape[:2]
    scale = unit(image)
    lit = np.zeros_like(image)
    for _ in range(int(rng.integers(1, 16))):
        place = (int(rng.random() * width), int(np.clip(rng.normal(0.45, 0.2), 0, 1) * height))
        color = np.array(LAMPS[int(rng.integers(len(LAMPS)))]) * rng.uniform(0.6, 3)
        radius = max(1, round(scale * float(np.clip(rng.lognormal(0.7, 0.6), 0.7, 12))))
        cv2.circle(lit, place, radius, color.tolist(), -1, cv2.LINE_AA)
    glow = cv2.GaussianBlur(lit, (0, 0), 0.8 * scale)
    quarter = cv2.resize(lit, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    for reach, share in ((2.0 * scale, rng.uniform(0.1, 1)), (10 * scale, rng.uniform(0, 2.5))):
        halo = cv2.GaussianBlur(quarter, (0, 0), reach)
        glow += cv2.resize(halo, (width, height)) * np.float32(share)
    shown = to_bytes(to_srgb(to_linear(image) + glow))
    file = degraded.settings["steps"][-1]
    jpeg = encode_jpeg(shown, quality=file["quality"], chroma=file["chroma"])
    return Degraded(
        lq=decode_jpeg(jpeg), jpeg=jpeg, settings=degraded.settings, labels=degraded.labels
    )

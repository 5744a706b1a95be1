"""Simulated pictures with known labels, cut into the views that the model is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ggt_hf.degradation import Degraded, degrade
from ggt_hf.records import DEGRADATIONS, Degradation
from ggt_hf.vlm.views import DETAIL_SIDE, detail

SIDES = (512, 512, 768, 1024)
"""Side of a simulated picture, drawn evenly from these; small ones cost less."""

DETAILS = 4
"""Details kept a picture; training shows others of them each time."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """What the simulator did to one picture."""

    photograph: str
    """Name of the clean photograph: pictures are split by it."""
    category: Degradation
    severity: float
    """Of the category as a whole, in [0, 1]."""
    effects: dict[str, float]
    """Effect -> severity in [0, 1]; only those that are there."""


def photographs(folder: Path) -> list[Path]:
    """Return the photographs of a folder in a fixed order."""
    kinds = {".jpg", ".jpeg", ".png", ".webp"}
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds)


def clean_crop(path: Path, rng: np.random.Generator, sides: Sequence[int] = SIDES) -> Pixels:
    """Cut a square of a drawn side out of a photograph, at a drawn scale; perhaps mirrored."""
    side = int(rng.choice(sides))
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    short = min(picture.size)
    target = max(side, round(short * rng.uniform(0.5, 1.0))) if short > side else side
    scale = target / short
    width, height = (max(side, round(length * scale)) for length in picture.size)
    picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    left, top = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
    pixels = np.asarray(picture.crop((left, top, left + side, top + side)))
    return np.ascontiguousarray(pixels[:, ::-1] if rng.random() < 0.5 else pixels)


def simulated(paths: Sequence[Path], index: int, seed: int) -> tuple[Degraded, Labels]:
    """Make picture number `index`: the same paths, index and seed give the same picture.

    Categories take turns, so that any stretch of indices holds as many of each.
    """
    rng = np.random.default_rng([seed, index])
    path = paths[int(rng.integers(len(paths)))]
    category = DEGRADATIONS[index % len(DEGRADATIONS)]
    degraded = degrade(clean_crop(path, rng), category, seed=int(rng.integers(2**31)))
    labels = Labels(
        photograph=path.stem,
        category=category,
        severity=float(degraded.settings["severity"]),
        effects={name: round(value, 4) for name, value in degraded.labels.items() if value > 0},
    )
    return degraded, labels


def training_views(picture: Image.Image, rng: np.random.Generator) -> Pixels:
    """Return uint8 (1 + DETAILS, S, S, 3): the whole picture squeezed, then drawn details."""
    size = (DETAIL_SIDE, DETAIL_SIDE)
    whole = picture.resize(size, Image.Resampling.BICUBIC)
    cuts = [detail(picture, *rng.random(2)) for _ in range(DETAILS)]
    return np.stack([np.asarray(view.resize(size)) for view in (whole, *cuts)])


def write_training_set(
    photos: Path, folder: Path, *, count: int, plain: int, seed: int
) -> Iterator[int]:
    """Fill `folder` with `count` pictures; those already there are kept. Yields each index.

    The first `plain` of them are as the simulator draws them, the others also varied.
    """
    from scripts.embedded_vlm.variation import varied

    paths = photographs(photos)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        target = folder / f"{index:06d}.npy"
        if not target.exists():
            make = simulated if index < plain else varied
            degraded, labels = make(paths, index, seed)
            rng = np.random.default_rng([seed, index, 1])
            _write(target, training_views(Image.fromarray(degraded.lq), rng), labels)
        yield index


def _write(target: Path, pixels: Pixels, labels: Labels) -> None:
    record: dict[str, Any] = {
        "photograph": labels.photograph,
        "category": labels.category,
        "severity": labels.severity,
        "effects": labels.effects,
    }
    target.with_suffix(".json").write_text(json.dumps(record))
    partial = target.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, pixels)
    partial.replace(target)

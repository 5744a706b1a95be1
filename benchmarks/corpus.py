"""Pairs of 1024 x 1024 pixels cut from photographs, in the encodings that are raced on."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ggt_hf import sample

SIDE = 1024
ENCODINGS: dict[str, tuple[str, dict[str, object]]] = {
    "JPEG 4:4:4": ("JPEG", {"quality": 95, "subsampling": "4:4:4"}),
    "JPEG 4:2:0": ("JPEG", {"quality": 95, "subsampling": "4:2:0"}),
    "PNG": ("PNG", {}),
}
"""Name in the tables -> Pillow's name of the format, and its options."""


def photographs(folder: Path | None) -> tuple[list[Image.Image], str]:
    """Return photographs, and what to call them; without a folder, those of the package."""
    root = folder or sample.PAIRS.parent / "pairs"
    files = sorted(path for path in root.rglob("*") if path.suffix in {".jpg", ".jpeg", ".png"})
    opened = [ImageOps.exif_transpose(Image.open(file)).convert("RGB") for file in files]
    large = [image for image in opened if folder is None or min(image.size) >= SIDE // 2]
    if not large:
        raise SystemExit(f"There is no photograph of at least {SIDE // 2} pixels in {root}.")
    name = f"{len(large)} photographs"
    return large, name if folder else f"the package's own {len(large)} pictures, enlarged"


def write_corpus(
    folder: Path, photos: list[Image.Image], encoding: str, pairs: int, side: int = SIDE
) -> int:
    """Write paired folders that `ggt build` takes; return their bytes."""
    form, options = ENCODINGS[encoding]
    total = 0
    for number, (lq, gt) in enumerate(_cut(photos, pairs, side)):
        for suffix, pixels in (("LQ", lq), ("GT", gt)):
            path = folder / "rain" / suffix / f"{number:05d}.{form.lower()}"
            path.parent.mkdir(parents=True, exist_ok=True)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, form, **options)
            total += path.write_bytes(buffer.getvalue())
    return total


def _cut(
    photos: list[Image.Image], pairs: int, side: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (LQ, GT): the LQ is darker and noisy, as a photograph taken at night."""
    chance, noise = random.Random(0), np.random.default_rng(0)
    for number in range(pairs):
        photo = photos[number % len(photos)]
        scale = max(1.0, side / min(photo.size))
        size = tuple(max(side, round(length * scale)) for length in photo.size)
        large = photo if scale == 1.0 else photo.resize(size, Image.Resampling.LANCZOS)
        x, y = (chance.randint(0, length - side) for length in large.size)
        gt = np.asarray(large.crop((x, y, x + side, y + side)))
        dark = 0.7 * gt + noise.normal(0, 2, gt.shape)
        yield np.clip(dark, 0, 255).astype(np.uint8), gt

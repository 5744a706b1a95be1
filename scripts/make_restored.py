"""Draw what the embedded restorer does: the second picture of the README.

    python scripts/make_restored.py docs/restored.jpg

A column a category. Above, a test pair of the sample: simulated LQ, restored, GT. Below, a really
degraded photograph, of which nobody has a clean version, and what the restorer makes of it. All of
them are the sample's: `ggt_hf/sample/CREDITS.csv` names authors and licences.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from ggt_hf import sample
from ggt_hf.images import decode
from ggt_hf.records import DEGRADATIONS
from ggt_hf.restoration.loading import load_restorer

CELL, GAP, LINE = (168, 126), 6, 24
ROWS = ("simulated", "restored", "truth", "real", "restored")
MARGIN = 84
"""Pixels at the left, for the names of the rows."""


def read(path: Path) -> Image.Image:
    """Decode a file by the project's image convention."""
    return Image.fromarray(decode(path.read_bytes(), path.name))


def test_pairs() -> dict[str, tuple[Image.Image, Image.Image]]:
    """The first test pair of each category: LQ and GT."""
    rows = [json.loads(line) for line in sample.PAIRS.read_text("utf-8").splitlines()]
    return {
        row["category"]: (read(sample.ROOT / row["lq"]), read(sample.ROOT / row["gt"]))
        for row in reversed(rows)
        if row["split"] == "test"
    }


def main() -> None:
    """Restore, and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--real", nargs="*", default=[], help="photographs to show; else the first")
    arguments = parser.parse_args()
    restorer = load_restorer("embedded")
    restorer.set_progress_bar_config(disable=True)
    photographs = list(sample.real_photographs())
    chosen = {photograph.degradation: photograph for photograph in reversed(photographs)}
    chosen |= {p.degradation: p for p in photographs if p.key in arguments.real}
    pairs = test_pairs()
    width = MARGIN + (CELL[0] + GAP) * len(DEGRADATIONS) - GAP
    # A wider gap between what has a truth and what has none.
    tops = [LINE + row * (CELL[1] + GAP) + (GAP * 3 if row > 2 else 0) for row in range(len(ROWS))]
    sheet = Image.new("RGB", (width, tops[-1] + CELL[1]), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for name, top in zip(ROWS, tops, strict=True):
        draw.text((0, top + CELL[1] // 2), name, "black", font, anchor="lm")
    for column, category in enumerate(DEGRADATIONS):
        left = MARGIN + column * (CELL[0] + GAP)
        draw.text((left, 2), category.replace("_", " "), "black", font)
        lq, gt = pairs[category]
        real = read(chosen[category].path)
        pictures = (lq, restorer(lq).images[0], gt, real, restorer(real).images[0])
        for picture, top in zip(pictures, tops, strict=True):
            sheet.paste(ImageOps.fit(picture, CELL, Image.Resampling.LANCZOS), (left, top))
    sheet.save(arguments.out, quality=85, optimize=True)


if __name__ == "__main__":
    main()

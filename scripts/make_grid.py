"""Draw one pair a category beside each other: the picture at the top of the README.

    python scripts/make_grid.py ggt-demo/ggt-100k docs/pairs.jpg

The left half of each square is the LQ, the right half its GT.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.images import decode
from ggt_hf.records import DEGRADATIONS

SIDE, GAP, LINE = 272, 8, 30


def square(data: bytes, key: str) -> Image.Image:
    """The middle of a picture, SIDE x SIDE."""
    picture = Image.fromarray(decode(data, key))
    side = min(picture.size)
    x, y = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((x, y, x + side, y + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def cell(lq: bytes, gt: bytes, key: str) -> Image.Image:
    """The left half of the LQ, a white line, the right half of the GT."""
    both = np.array(square(lq, key))
    both[:, SIDE // 2 :] = np.asarray(square(gt, key))[:, SIDE // 2 :]
    both[:, SIDE // 2 - 1 : SIDE // 2 + 1] = 255
    return Image.fromarray(both)


def main() -> None:
    """Write the grid."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--keys", nargs="*", default=[], help="pairs to show; else the first ones")
    arguments = parser.parse_args()
    store = open_dataset(arguments.dataset)
    chosen = {row.category: row for row in store.manifest if row.split == "train"}
    chosen |= {row.category: row for row in store.manifest if row.key in arguments.keys}
    width, height = SIDE * 3 + GAP * 2, (SIDE + LINE) * 2 + GAP
    sheet = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    for index, category in enumerate(DEGRADATIONS):
        row = chosen[category]
        pair = store.pair(row)
        x, y = index % 3 * (SIDE + GAP), index // 3 * (SIDE + LINE + GAP)
        sheet.paste(cell(pair.lq, pair.gt, row.key), (x, y))
        draw.text((x, y + SIDE + 4), category.replace("_", " "), "black", font)
    sheet.save(arguments.out, quality=88)


if __name__ == "__main__":
    main()

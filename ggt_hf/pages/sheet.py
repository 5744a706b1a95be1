"""Pictures in rows, as one picture: for notebooks, cards and screenshots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image


def sheet(rows: Sequence[Sequence[Image.Image]], *, height: int = 192, gap: int = 6) -> Image.Image:
    """Return the pictures of each row beside each other, the rows below each other, on white.

    Args:
        rows: Pillow pictures of any size and mode; rows may differ in length.
        height: of every picture in the result, in pixels; widths follow.
        gap: white pixels between neighbours.

    Returns:
        RGB.

    Raises:
        UsageError: there is no picture.
    """
    from PIL import Image

    scaled = [[_scaled(picture, height) for picture in row] for row in rows if row]
    if not scaled:
        raise UsageError("A sheet needs a picture.", hint="Give rows of Pillow pictures.")
    widths = [sum(picture.width for picture in row) + gap * (len(row) - 1) for row in scaled]
    size = (max(widths), height * len(scaled) + gap * (len(scaled) - 1))
    whole = Image.new("RGB", size, "white")
    for number, row in enumerate(scaled):
        left = 0
        for picture in row:
            whole.paste(picture, (left, number * (height + gap)))
            left += picture.width + gap
    return whole


def _scaled(picture: Image.Image, height: int) -> Image.Image:
    width = max(1, round(picture.width * height / picture.height))
    return picture.convert("RGB").resize((width, height))

"""What a vision-language model is shown of one picture: the whole, and details of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

DETAIL_SIDE = 224
"""Side of a detail in pixels of the picture; a detail is never resized by us."""

DETAIL_CENTRES = ((0.25, 0.3), (0.7, 0.25), (0.35, 0.7), (0.75, 0.75))
"""Where the details lie, as shares of width and height: one in each quarter, in no row."""


def views(picture: Image.Image) -> list[Image.Image]:
    """Return the whole picture, then its details at full resolution.

    A model shrinks what it is shown, and noise, compression and thin rain vanish by that. The
    details keep the pixels as they are. A picture smaller than a detail is its own detail.

    Args:
        picture: RGB, of any size.

    Returns:
        ``1 + len(DETAIL_CENTRES)`` pictures; always as many, so that batches are even.
    """
    return [picture, *(detail(picture, *centre) for centre in DETAIL_CENTRES)]


def detail(picture: Image.Image, across: float, down: float) -> Image.Image:
    """Return the detail whose centre lies at these shares of width and height, moved inside."""
    width, height = picture.size
    wide, high = min(DETAIL_SIDE, width), min(DETAIL_SIDE, height)
    left = min(max(round(across * width - wide / 2), 0), width - wide)
    top = min(max(round(down * height - high / 2), 0), height - high)
    return picture.crop((left, top, left + wide, top + high))

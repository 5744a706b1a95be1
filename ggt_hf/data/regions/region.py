"""A rectangle of an upright picture, and where it lies in the pixels as they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """A rectangle in pixels of the upright picture, as `ggt_hf.images.decode` gives it."""

    x: int
    """Leftmost column; at least 0."""
    y: int
    """Topmost row; at least 0."""
    width: int
    """Columns; at least 1."""
    height: int
    """Rows; at least 1."""

    def __post_init__(self) -> None:
        if min(self.x, self.y) < 0 or min(self.width, self.height) < 1:
            raise UsageError(
                f"A region starts at 0 or later and holds a pixel at least, got {self}.",
                hint="Draw the region inside the picture.",
            )

    @property
    def right(self) -> int:
        """The column after the last."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The row after the last."""
        return self.y + self.height

    def within(self, width: int, height: int, name: str) -> Region:
        """Return this region, proven to lie inside a picture of `width` x `height`.

        Raises:
            UsageError: it does not.
        """
        if self.right > width or self.bottom > height:
            raise UsageError(
                f"The region {self.width} x {self.height} at ({self.x}, {self.y}) leaves {name}, "
                f"which has {width} x {height} pixels.",
                hint="Draw the region inside the picture.",
            )
        return self

    def crop(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the view of this region in `pixels`, ``(H, W, 3)``."""
        return pixels[self.y : self.bottom, self.x : self.right]


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """How stored pixels become upright: flips first, then rows and columns exchanged."""

    flip_rows: bool = False
    flip_columns: bool = False
    exchange: bool = False

    def upright(self, stored: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the upright view of `stored`, ``(h, w, 3)``."""
        flipped = stored[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]
        return flipped.swapaxes(0, 1) if self.exchange else flipped

    def upright_size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of the upright picture, given the stored ones."""
        return (height, width) if self.exchange else (width, height)

    def stored(self, region: Region, width: int, height: int) -> Region:
        """Return where `region` lies in the stored picture of `width` x `height`."""
        x, y, across, down = region.x, region.y, region.width, region.height
        if self.exchange:
            x, y, across, down = y, x, down, across
        if self.flip_columns:
            x = width - x - across
        if self.flip_rows:
            y = height - y - down
        return Region(x=x, y=y, width=across, height=down)


TURNS = {
    1: Turn(),
    2: Turn(flip_columns=True),
    3: Turn(flip_rows=True, flip_columns=True),
    4: Turn(flip_rows=True),
    5: Turn(exchange=True),
    6: Turn(flip_rows=True, exchange=True),
    7: Turn(flip_rows=True, flip_columns=True, exchange=True),
    8: Turn(flip_columns=True, exchange=True),
}
"""EXIF orientation -> how the stored pixels are turned upright."""

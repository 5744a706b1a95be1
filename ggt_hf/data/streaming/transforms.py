"""The same crop, flip and rotation for both sides of a pair, known before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ggt_hf.data.streaming.order import salt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """What is done to both sides of one pair in one epoch."""

    x: int
    """Left edge of the crop, in pixels of the upright picture."""
    y: int
    """Top edge of the crop."""
    width: int
    """Pixels across of the crop, before any rotation."""
    height: int
    """Pixels down of the crop, before any rotation."""
    flip: bool = False
    """Mirror left and right, after cropping."""
    quarter_turns: int = 0
    """Rotate counter-clockwise by so many times 90 degrees, after flipping; 0 to 3."""

    def turn(self, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Flip and rotate an already cropped picture.

        Args:
            crop: ``(H, W, C)``.

        Returns:
            A view of `crop`, ``(H, W, C)`` or, after an odd number of turns, ``(W, H, C)``.
        """
        import numpy as np

        if self.flip:
            crop = crop[:, ::-1]
        return np.rot90(crop, self.quarter_turns) if self.quarter_turns else crop

    def unturned(self, turned: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the view of `turned` that shows it before `turn`: what is written here is turned.

        Args:
            turned: ``(H, W, C)``.
        """
        import numpy as np

        if self.quarter_turns:
            turned = np.rot90(turned, -self.quarter_turns)
        return turned[:, ::-1] if self.flip else turned


@dataclass(frozen=True, kw_only=True, slots=True)
class RandomGeometry:
    """Draws a `Geometry` from (seed, epoch, key): a resumed run repeats it, whoever reads it."""

    crop: int | None = None
    """Side of a random square crop in pixels; ``None`` keeps the whole picture."""
    flip: bool = False
    """Mirror every second pair."""
    rotate: bool = False
    """Rotate by 0, 90, 180 or 270 degrees; needs `crop`, as shapes must not change."""

    def draw(self, seed: int, epoch: int, key: str, width: int, height: int) -> Geometry:
        """Return what to do to the pair `key` of the given size, at least `crop` each way."""
        bits = salt("geometry", seed, epoch, key)
        flip = self.flip and bool(bits & 1)
        turns = (bits >> 1) & 3 if self.rotate else 0
        if self.crop is None:
            return Geometry(x=0, y=0, width=width, height=height, flip=flip, quarter_turns=turns)
        free_x, free_y = width - self.crop + 1, height - self.crop + 1
        # 30 bits each: the bias of a modulo over at most 2**15 places is below 1e-4.
        return Geometry(
            x=(bits >> 3) % (1 << 30) % free_x,
            y=(bits >> 33) % free_y,
            width=self.crop,
            height=self.crop,
            flip=flip,
            quarter_turns=turns,
        )

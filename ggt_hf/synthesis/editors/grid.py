"""The grid a model works on, and the way back from it, without shift and without drift of scale.

A model takes pictures of certain sizes only. Left to itself it stretches a picture to the nearest
one, each axis by another factor, and that is where a target begins to drift against its input.
Here the picture is scaled by one factor for both axes, the rest of the model's canvas is filled by
mirroring, and the answer goes the same way back. Coordinates are those of pixel edges (a pixel's
centre is at one half), so nothing moves by half a pixel, and fractions of a pixel are kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL import Image

Size = tuple[int, int]
"""Width, height."""

MAX_RATIO_ERROR = 0.035
"""How far an answer's aspect ratio may be from that of what was fed. Beyond, nobody knows which
part of the canvas the answer shows. Gemini's sizes differ from their own names by up to 2.8 %."""

MAX_PADDING = 1.25
"""A picture that could be enlarged by no more than this to fill the canvas is padded instead: then
nothing is resampled on either way."""


class SizeRule(Protocol):
    """Which sizes a model takes."""

    def canvas(self, size: Size) -> Size:
        """Return the size that a picture of `size` is best given at."""
        ...


@dataclass(frozen=True, slots=True)
class AnySize:
    """Every size is taken as it is."""

    def canvas(self, size: Size) -> Size:
        """Return `size`."""
        return size


@dataclass(frozen=True, slots=True)
class Multiples:
    """Width and height are multiples of a number, and the area has bounds."""

    multiple: int
    """What divides width and height."""
    max_pixels: int
    """The largest area; larger pictures are scaled down to it."""
    min_pixels: int = 0
    """The smallest area; smaller pictures are scaled up to it."""
    min_side: int = 0
    """The shortest side; a shorter one is filled up."""
    max_ratio: float = math.inf
    """The longest side, over the shortest; longer pictures are filled up."""

    def canvas(self, size: Size) -> Size:
        """Return the smallest multiples that hold the picture, scaled only where it must be."""
        area = size[0] * size[1]
        scale = 1.0
        if self._area(self._up(size, 1.0)) > self.max_pixels:
            scale = math.sqrt(self.max_pixels / area)
            while self._area(self._up(size, scale)) > self.max_pixels and scale > 1e-3:
                scale *= 0.995
        elif area < self.min_pixels:
            scale = math.sqrt(self.min_pixels / area)
        return self._up(size, scale)

    def _up(self, size: Size, scale: float) -> Size:
        shortest = max(1.0, self.min_side, max(size) * scale / self.max_ratio)
        width, height = (
            math.ceil(max(side * scale, shortest) / self.multiple - 1e-9) * self.multiple
            for side in size
        )
        return width, height

    @staticmethod
    def _area(size: Size) -> int:
        return size[0] * size[1]


@dataclass(frozen=True, slots=True)
class Buckets:
    """A list of sizes, and no other."""

    sizes: tuple[Size, ...]
    """The sizes a model was trained on."""

    def canvas(self, size: Size) -> Size:
        """Return the size on which most of the canvas shows the picture."""
        return min(self.sizes, key=lambda canvas: (_empty_part(size, canvas), canvas))


@dataclass(frozen=True, slots=True)
class FixedArea:
    """Qwen's rule: a fixed area of any aspect ratio, both sides rounded to a multiple."""

    area: int
    """Pixels of the canvas, before rounding."""
    multiple: int
    """What sides are rounded to."""

    def canvas(self, size: Size) -> Size:
        """Return, of the sizes that the rule maps to themselves, the best for the picture."""
        return Buckets(_fixed_points(self.area, self.multiple)).canvas(size)


@dataclass(frozen=True, slots=True)
class Ratios:
    """Aspect ratios by name, of any size: the picture keeps its scale and is padded to one."""

    names: tuple[str, ...]
    """Such as ``3:2``."""

    def name(self, size: Size) -> str:
        """Return the ratio on which most of the canvas shows the picture."""
        return min(self.names, key=lambda name: _empty_part(size, _parts(name)))

    def canvas(self, size: Size) -> Size:
        """Return the smallest size of that ratio that holds the picture."""
        across, down = _parts(self.name(size))
        unit = max(size[0] / across, size[1] / down)
        return max(size[0], round(unit * across)), max(size[1], round(unit * down))


@dataclass(frozen=True, slots=True)
class Fit:
    """How one picture lies on a model's canvas: scaled by `scale` into its upper left corner."""

    size: Size
    """Of the picture."""
    fed: Size
    """Of the canvas: the size really fed to the model."""

    @classmethod
    def of(cls, size: Size, rule: SizeRule) -> Fit:
        """Return the fit of a picture of `size` to a model with `rule`."""
        return cls(size, rule.canvas(size))

    @property
    def scale(self) -> float:
        """Pixels of the canvas a pixel of the picture, on both axes."""
        scale = min(self.fed[0] / self.size[0], self.fed[1] / self.size[1])
        return 1.0 if 1.0 <= scale <= MAX_PADDING else scale

    @property
    def untouched(self) -> bool:
        """Say whether the canvas is the picture itself."""
        return self.size == self.fed

    def to_model(self, picture: Image.Image) -> Image.Image:
        """Return the picture on the canvas: RGB, size `fed`."""
        import numpy as np
        from PIL import Image

        if self.untouched:
            return picture
        extent = self.fed[0] / self.scale, self.fed[1] / self.scale
        right = max(0, math.ceil(extent[0] - 1e-9) - self.size[0])
        below = max(0, math.ceil(extent[1] - 1e-9) - self.size[1])
        padded = np.pad(np.asarray(picture), ((0, below), (0, right), (0, 0)), mode="symmetric")
        return Image.fromarray(padded).resize(
            self.fed, Image.Resampling.LANCZOS, box=(0.0, 0.0, *extent)
        )

    def matches(self, answer: Size) -> bool:
        """Say whether an answer of this size can show the whole canvas, and nothing but it."""
        wanted, got = self.fed[0] / self.fed[1], answer[0] / answer[1]
        return abs(math.log(got / wanted)) <= math.log1p(MAX_RATIO_ERROR)

    def returned_untouched(self, answer: Size) -> bool:
        """Say whether an answer of this size lies on the picture's grid already."""
        return self.untouched and answer == self.size

    def from_model(self, answer: Image.Image) -> Image.Image:
        """Return the model's answer on the picture's own grid: RGB, size `size`.

        Where nothing was scaled on either way, the answer is only cropped: its pixels stay.
        """
        from PIL import Image

        across = self.scale * self.size[0] * answer.width / self.fed[0]
        down = self.scale * self.size[1] * answer.height / self.fed[1]
        box = (0.0, 0.0, min(across, answer.width), min(down, answer.height))
        if across == self.size[0] and down == self.size[1]:
            return answer.crop((0, 0, *self.size))
        return answer.resize(self.size, Image.Resampling.LANCZOS, box=box)


def _empty_part(size: Size, canvas: Size) -> float:
    """Return the share of `canvas` that a picture of `size`, scaled into it, leaves empty."""
    scale = min(canvas[0] / size[0], canvas[1] / size[1])
    return 1 - scale * scale * size[0] * size[1] / (canvas[0] * canvas[1])


def _parts(ratio: str) -> Size:
    across, _, down = ratio.partition(":")
    return int(across), int(down)


@cache
def _fixed_points(area: int, multiple: int) -> tuple[Size, ...]:
    """Return the sizes that Qwen's rule leaves as they are, between 1:4 and 4:1."""
    side = math.sqrt(area)
    steps = range(round(side / 2 / multiple), round(side * 2 / multiple) + 1)
    sides = [step * multiple for step in steps if step > 0]
    sizes = ((width, height) for width in sides for height in sides)
    return tuple(size for size in sizes if _rounded(area, multiple, size) == size)


def _rounded(area: int, multiple: int, size: Iterable[int]) -> Size:
    width, height = size
    ideal = math.sqrt(area * width / height)
    return (
        round(ideal / multiple) * multiple,
        round(ideal / (width / height) / multiple) * multiple,
    )

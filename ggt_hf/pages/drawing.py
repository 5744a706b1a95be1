"""Line figures of few shapes: as SVG in a page, as SVG and PNG files of their own.

Shapes are named by what they are (``ink``, ``faint``, ``rule``), so that a page colours them for
light and dark; only series have colours of their own, which are told apart by every kind of sight
(Okabe and Ito).
"""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

SERIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c8c", "#b3a100")
"""Colours of series, in order; they begin again where there are more."""

Paint = str
"""``ink``, ``faint``, ``rule``, or a colour as ``#rrggbb``."""

Anchor = Literal["start", "middle", "end"]

_LIGHT = {"ink": "#1b1d21", "faint": "#5b616b", "rule": "#deded8", "paper": "#ffffff"}
_FONT = 13
_CHARACTER = 7.1
"""Pixels that a character takes on average, at most."""
_LONGEST = 48
"""Characters of a name in a figure."""
_PILLOW_ANCHORS = {"start": "lm", "middle": "mm", "end": "rm"}


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    paint: Paint
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Dot:
    """A disc."""

    x: float
    y: float
    radius: float
    paint: Paint


@dataclass(frozen=True, slots=True)
class Bar:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    paint: Paint


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text; `y` is its middle."""

    x: float
    y: float
    text: str
    paint: Paint = "ink"
    anchor: Anchor = "start"
    bold: bool = False


Shape = Line | Dot | Bar | Text


@dataclass(kw_only=True, slots=True)
class Drawing:
    """Shapes on a plane of `width` x `height` pixels."""

    width: float
    """Pixels across."""
    height: float
    """Pixels down."""
    label: str
    """What it shows, for those who do not see it."""
    shapes: list[Shape] = field(default_factory=list)
    """In the order in which they are laid on each other."""

    def add(self, *shapes: Shape) -> None:
        """Lay shapes on top."""
        self.shapes.extend(shapes)

    def to_svg(self, *, alone: bool = False) -> str:
        """Return an ``<svg>`` element; `alone` it brings its own colours and paper."""
        size = f'viewBox="0 0 {_n(self.width)} {_n(self.height)}"'
        head = f'<svg class="figure" {size} role="img" aria-label="{html.escape(self.label)}"'
        body = "".join(_svg(shape) for shape in self.shapes)
        if not alone:
            return f"{head}>{body}</svg>"
        style = "".join(
            f".f-{name}{{fill:{color}}}.s-{name}{{stroke:{color}}}"
            for name, color in _LIGHT.items()
        )
        wide = f'xmlns="http://www.w3.org/2000/svg" width="{_n(self.width)}"'
        font = f"text{{font:{_FONT}px sans-serif}}"
        paper = '<rect class="f-paper" width="100%" height="100%"/>'
        return f"{head} {wide}><style>{style}{font}</style>{paper}{body}</svg>\n"

    def to_png(self, scale: int = 2) -> bytes:
        """Return it as a PNG picture, `scale` pixels for each of its own."""
        from PIL import Image, ImageDraw, ImageFont

        size = round(self.width * scale), round(self.height * scale)
        image = Image.new("RGB", size, _LIGHT["paper"])
        draw = ImageDraw.Draw(image)
        font = ImageFont.load_default(_FONT * scale)
        for shape in self.shapes:
            color = _LIGHT.get(shape.paint, shape.paint)
            match shape:
                case Line(x1, y1, x2, y2, _, width):
                    ends = [value * scale for value in (x1, y1, x2, y2)]
                    draw.line(ends, color, max(1, round(width * scale)))
                case Dot(x, y, radius, _):
                    draw.circle((x * scale, y * scale), radius * scale, color)
                case Bar(x, y, width, height, _):
                    corners = (x, y, x + width, y + height)
                    draw.rectangle([value * scale for value in corners], color)
                case Text(x, y, text, _, anchor, bold):
                    place, at = (x * scale, y * scale), _PILLOW_ANCHORS[anchor]
                    # Pillow's font has no minus sign.
                    said = text.replace("\N{MINUS SIGN}", "-")
                    draw.text(place, said, color, font, at, stroke_width=0.4 * scale * bold)
        file = io.BytesIO()
        image.save(file, "PNG", optimize=True)
        return file.getvalue()


def shortened(text: str) -> str:
    """Return `text` in one line of characters that show, its middle left out where it is long."""
    line = "".join(c for c in " ".join(text.split()) if c.isprintable())
    if len(line) <= _LONGEST:
        return line
    half = _LONGEST // 2
    return f"{line[:half]}\N{HORIZONTAL ELLIPSIS}{line[-half:]}"


def text_width(texts: Sequence[str]) -> float:
    """Return the pixels that the longest of `texts` takes, or a little more."""
    return _CHARACTER * max((len(text) for text in texts), default=0)


def series_color(index: int) -> str:
    """Return the colour of a series."""
    return SERIES[index % len(SERIES)]


def _svg(shape: Shape) -> str:
    match shape:
        case Line(x1, y1, x2, y2, paint, width):
            ends = f'x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"'
            return f'<line {ends} {_paint(paint, "s")} stroke-width="{_n(width)}"/>'
        case Dot(x, y, radius, paint):
            place = f'cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"'
            return f"<circle {place} {_paint(paint, 'f')}/>"
        case Bar(x, y, width, height, paint):
            place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
            return f"<rect {place} {_paint(paint, 'f')}/>"
        case Text(x, y, text, paint, anchor, bold):
            place = f'x="{_n(x)}" y="{_n(y)}" dy=".35em" text-anchor="{anchor}"'
            weight = ' font-weight="600"' if bold else ""
            return f"<text {place}{weight} {_paint(paint, 'f')}>{html.escape(text)}</text>"


def _paint(paint: Paint, kind: Literal["f", "s"]) -> str:
    if not paint.startswith("#"):
        return f'class="{kind}-{paint}"'
    return f'{"fill" if kind == "f" else "stroke"}="{paint}"'


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")

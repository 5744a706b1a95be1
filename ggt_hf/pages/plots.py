"""Three kinds of figure: dots with intervals by group, differences around zero, bars."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ggt_hf.pages.drawing import (
    SERIES,
    Bar,
    Dot,
    Drawing,
    Line,
    Shape,
    Text,
    series_color,
    shortened,
    text_width,
)

_WIDTH = 720.0
_ROW = 17.0
_GAP = 14.0
_LEGEND = 24.0
_AXIS = 34.0
_PAD = 12.0
_BETTER, _WORSE, _OPEN = "#009e73", "#d55e00", "#8c8c8c"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A value with the interval that it lies in."""

    value: float
    """The dot."""
    low: float
    """One end of the line."""
    high: float
    """The other end."""
    tone: str | None = None
    """``better``, ``worse`` or ``open``; ``None`` = the colour of its series."""


def dots(
    title: str,
    groups: Sequence[str],
    series: Mapping[str, Sequence[Mark | None]],
    *,
    zero: bool,
    colors: Sequence[str] = SERIES,
) -> Drawing:
    """Return dots with intervals: a block for each group, in it a line for each series.

    Args:
        title: what the axis shows.
        groups: names of the blocks.
        series: name -> a mark for each group.
        zero: draw a line at zero.
        colors: of the series, in order; a mark with a tone has its tone's.
    """
    marks = [mark for row in series.values() for mark in row if mark is not None]
    ends = [end for mark in marks for end in (mark.low, mark.high)] + ([0.0] if zero else [])
    groups = [shortened(group) for group in groups]
    left = _PAD + text_width(groups) + 10
    legend = _legend([*map(shortened, series)], left, colors) if len(series) > 1 else []
    block = _ROW * len(series) + _GAP
    top = (_LEGEND * len(legend) or 4) + 6
    height = top + block * len(groups) + _AXIS
    drawing = Drawing(width=_WIDTH, height=height, label=title)
    axis = _Axis(ends, left, _WIDTH - _PAD - 8)
    bottom = top + block * len(groups)
    axis.draw(drawing, top, bottom, title)
    if zero:
        drawing.add(Line(axis.at(0), top, axis.at(0), bottom, "ink", 1.2))
    drawing.add(*itertools.chain(*legend))
    for place, group in enumerate(groups):
        middle = top + block * place + block / 2
        drawing.add(Text(left - 10, middle, group, anchor="end", bold=place == 0))
        for index, row in enumerate(series.values()):
            mark = row[place]
            if mark is None:
                continue
            y = middle + (index - (len(series) - 1) / 2) * _ROW
            tones = {"better": _BETTER, "worse": _WORSE, "open": _OPEN}
            color = tones.get(mark.tone or "", colors[index % len(colors)])
            drawing.add(
                Line(axis.at(mark.low), y, axis.at(mark.high), y, color, 2.5),
                Dot(axis.at(mark.value), y, 4.5, color),
            )
    return drawing


def bars(title: str, values: Mapping[str, float], texts: Mapping[str, str]) -> Drawing:
    """Return a horizontal bar for each name, from zero, with its text at the end."""
    names = [shortened(name) for name in values]
    left = _PAD + text_width(names) + 10
    room = _WIDTH - left - _PAD - text_width(list(texts.values())) - 12
    drawing = Drawing(width=_WIDTH, height=len(values) * 26.0 + _AXIS, label=title)
    most = max(values.values(), default=0) or 1
    for place, (name, value) in enumerate(values.items()):
        y = 8 + place * 26
        drawing.add(
            Text(left - 10, y + 9, names[place], anchor="end"),
            Bar(left, y, max(1.5, room * value / most), 18, series_color(place)),
            Text(left + max(1.5, room * value / most) + 8, y + 9, texts[name], "faint"),
        )
    drawing.add(Text(left, len(values) * 26 + 20, title, "faint"))
    return drawing


class _Axis:
    """Numbers along the lower edge, with room for all `values`."""

    def __init__(self, values: Sequence[float], left: float, right: float) -> None:
        low, high = min(values, default=0.0), max(values, default=1.0)
        span = (high - low) or abs(high) or 1.0
        self._low, self._high = low - 0.03 * span, high + 0.03 * span
        self._left, self._right = left, right
        self.ticks = _ticks(self._low, self._high)

    def at(self, value: float) -> float:
        """Return the place of a value."""
        share = (value - self._low) / (self._high - self._low)
        return self._left + share * (self._right - self._left)

    def draw(self, drawing: Drawing, top: float, bottom: float, title: str) -> None:
        """Draw ticks, their numbers, and the title."""
        digits = max(0, -math.floor(math.log10(self.ticks[1] - self.ticks[0])))
        for tick in self.ticks:
            x = self.at(tick)
            number = f"{abs(tick):.{digits}f}"
            minus = "\u2212" if tick < 0 else ""
            drawing.add(
                Line(x, top, x, bottom, "rule"),
                Text(x, bottom + 11, minus + number, "faint", "middle"),
            )
        drawing.add(Text((self._left + self._right) / 2, bottom + 26, title, "faint", "middle"))


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers between `low` and `high`, at least two."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step)
    made = [(first + i) * step for i in range(int((high - first * step) / step) + 1)]
    return made if len(made) > 1 else [low, high]


def _legend(names: Sequence[str], left: float, colors: Sequence[str]) -> list[list[Shape]]:
    """Return the shapes of a legend, row by row."""
    rows: list[list[Shape]] = [[]]
    x = left
    for index, name in enumerate(names):
        width = 34 + text_width([name])
        if rows[-1] and x + width > _WIDTH:
            rows.append([])
            x = left
        y = 12 + _LEGEND * (len(rows) - 1)
        color = colors[index % len(colors)]
        rows[-1] += [Dot(x + 5, y, 5, color), Text(x + 16, y, name)]
        x += width
    return rows

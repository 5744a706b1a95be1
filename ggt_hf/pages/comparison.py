"""A page of before/after sliders, with the facts and tables that belong to them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ggt_hf.pages.rendering import render
from ggt_hf.records import ImageFormat


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedImage:
    """A picture to be embedded in a page, byte for byte."""

    data: bytes
    """The encoded picture."""
    format: ImageFormat
    """Its encoding."""

    @property
    def uri(self) -> str:
        """The picture as a ``data:`` URI."""
        return f"data:image/{self.format};base64,{base64.b64encode(self.data).decode()}"


Tone = Literal["plain", "good", "bad", "open"]
"""What a word means for the reader: nothing in particular, yes, no, or not known yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What happened to a picture at one point of its way."""

    name: str
    """The step, in a word: ``measured``."""
    text: str
    """What came of it."""
    tone: Tone = "plain"
    """Whether that is good."""
    said: str | None = None
    """The outcome in a word, shown before the text: ``passed``."""
    chips: Sequence[str] = ()
    """Short findings, each by itself."""
    more: str | None = None
    """A longer text, folded away until it is asked for; its lines are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two pictures of the same size under one slider."""

    title: str
    """Names the pair; unique on its page."""
    before: EncodedImage
    """Shown left of the handle."""
    after: EncodedImage
    """Shown right of the handle."""
    width: int
    """Pixels across, of both."""
    height: int
    """Pixels down, of both."""
    before_label: str = "LQ"
    """What `before` is, in a word."""
    after_label: str = "GT"
    """What `after` is, in a word."""
    badge: str | None = None
    """A word that must not be overlooked, as ``synthetic``."""
    badge_tone: Tone = "open"
    """What that word means."""
    steps: Sequence[Step] = ()
    """Its way here, beside the slider."""
    notes: Sequence[str] = ()
    """Lines below the slider: prompt, scores, licence, credit."""

    def to_html(self) -> str:
        """Return the slider alone, for a page that brings `slider_style`; it moves by itself."""
        return render("slider.html.j2", c=self, alone=True)


def slider_style() -> str:
    """Return the style of sliders, for a page that shows them by `Comparison.to_html`."""
    return render("slider.css")


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """Some pictures of the same size, side by side."""

    title: str
    """Names the scene; unique on its page."""
    pictures: Mapping[str, EncodedImage]
    """What it is, in a word -> the picture, from left to right."""
    width: int
    """Pixels across, of each."""
    height: int
    """Pixels down, of each."""
    badge: str | None = None
    """A word beside the title."""
    notes: Sequence[str] = ()
    """Lines below."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonGroup:
    """Comparisons under one heading."""

    heading: str
    """Shown above them and in the page's navigation."""
    comparisons: Sequence[Comparison] = ()
    """In the order in which they are to be shown."""
    strips: Sequence[Strip] = ()
    """Likewise, after them."""
    lead: str | None = None
    """A sentence below the heading."""

    @property
    def wide(self) -> bool:
        """Whether one comparison takes the whole width: its steps stand beside it."""
        return any(comparison.steps for comparison in self.comparisons)


@dataclass(frozen=True, kw_only=True, slots=True)
class PageTable:
    """A table of facts."""

    heading: str
    """Shown above it."""
    columns: Sequence[str]
    """Column heads."""
    rows: Sequence[Sequence[str]]
    """Cells, as text."""
    note: str | None = None
    """A sentence below it."""
    folded: bool = False
    """Whether it is folded away until it is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonPage:
    """All of a page, before it is HTML."""

    title: str
    """Heading and window title."""
    lead: str
    """The paragraph that says what one sees."""
    groups: Sequence[ComparisonGroup]
    """The sliders."""
    tables: Sequence[PageTable] = ()
    """Facts, below the sliders."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """A few large numbers, above all else: label -> value."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Other pages, in the navigation: what they show -> a path relative to this one."""
    next_commands: Mapping[str, str] = field(default_factory=dict)
    """What to run next: command -> what it does."""

    def to_html(self) -> str:
        """Return the page as one self-contained HTML document."""
        return render("comparison.html.j2", page=self)

    def write(self, path: Path) -> None:
        """Write the page to `path`, whole or not at all."""
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(self.to_html(), encoding="utf-8")
        partial.replace(path)

"""A report: tables that are sorted by a click, figures, and sliders between any two versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ggt_hf.pages.comparison import EncodedImage
from ggt_hf.pages.drawing import Drawing
from ggt_hf.pages.rendering import render


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell of a table."""

    text: str
    """What it says."""
    small: str = ""
    """A second line, smaller."""
    sort: float | str | None = None
    """What it is sorted by; ``None`` = the text."""
    mark: str = ""
    """``first`` and ``second`` of their column, ``better``, ``worse``, or nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SortableTable:
    """A table whose columns sort it."""

    heading: str
    """Shown above it."""
    columns: Sequence[str]
    """Column heads; the first names the rows."""
    rows: Sequence[Sequence[Cell]]
    """Cells, as many in each row as there are columns."""
    note: str = ""
    """A sentence below it."""
    folded: bool = False
    """Whether it is shown only when asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A drawing with a heading."""

    name: str
    """Of its file, without ending; unique in the report."""
    heading: str
    """Shown above it."""
    drawing: Drawing
    """The figure."""

    @property
    def svg(self) -> str:
        """The figure as it stands in the page."""
        return self.drawing.to_svg()


@dataclass(frozen=True, kw_only=True, slots=True)
class Versions:
    """One picture in several versions, any two of which lie under a slider."""

    title: str
    """Names the picture."""
    badge: str
    """Why it is shown: best, median, worst, random."""
    images: Mapping[str, EncodedImage]
    """Name of the version -> picture; all of one size."""
    width: int
    """Pixels across."""
    height: int
    """Pixels down."""
    notes: Sequence[str] = ()
    """Lines below it: scores, licence, credit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportSection:
    """All about one task."""

    heading: str
    """Shown above it and in the page's navigation."""
    about: Sequence[str] = ()
    """Paragraphs: what it is, and what is not known of it."""
    tables: Sequence[SortableTable] = ()
    """Numbers."""
    figures: Sequence[Figure] = ()
    """Plots."""
    pictures: Sequence[Versions] = ()
    """Pictures to look at."""
    left: str = ""
    """Version that lies left of the handle at first."""
    right: str = ""
    """Version that lies right of it at first."""

    @property
    def choices(self) -> list[str]:
        """Names of the versions that every picture has."""
        return list(self.pictures[0].images) if self.pictures else []


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportPage:
    """All of a report, before it is HTML."""

    title: str
    """Heading and window title."""
    lead: str
    """The paragraph that says what one sees."""
    sections: Sequence[ReportSection]
    """One a task."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """A few large numbers: label -> value."""
    tables: Sequence[SortableTable] = ()
    """What holds for all tasks, at the end."""

    def to_html(self) -> str:
        """Return the page as one self-contained HTML document."""
        return render("report.html.j2", page=self)

    def write(self, path: Path) -> None:
        """Write the page to `path`, whole or not at all."""
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(self.to_html(), encoding="utf-8")
        partial.replace(path)

    def write_figures(self, folder: Path) -> list[Path]:
        """Write every figure as SVG and PNG; return the files."""
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for figure in (figure for section in self.sections for figure in section.figures):
            svg, png = (folder / f"{figure.name}.{ending}" for ending in ("svg", "png"))
            svg.write_text(figure.drawing.to_svg(alone=True), encoding="utf-8")
            png.write_bytes(figure.drawing.to_png())
            written += [svg, png]
        return written

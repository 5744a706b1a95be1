"""A ranking as one self-contained page: table, figure, raters, and the pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ggt_hf.evaluation.ranking.axes import Standing
from ggt_hf.evaluation.ranking.rank import Ranking
from ggt_hf.evaluation.ranking.tables import (
    FORMULA,
    cells_of,
    heads_of,
    measured_axes,
    place_of,
    write_tables,
)
from ggt_hf.evaluation.report import report_page
from ggt_hf.pages.drawing import SERIES
from ggt_hf.pages.plots import Mark, dots
from ggt_hf.pages.report import Cell, Figure, ReportPage, ReportSection, SortableTable

PAGE, FIGURES = "ranking.html", "figures"
"""Names in a ranking's folder."""

_VOTED = (
    "Win share: how often it would be preferred to another drawn at random, by Bradley and Terry. "
    "Chosen: of the comparisons that showed it, without ties."
)


def write_ranking(ranking: Ranking) -> Path:
    """Write tables, figure and page into the ranking's folder; return the page."""
    page = ranking_page(ranking)
    write_tables(ranking)
    page.write_figures(ranking.out / FIGURES)
    page.write(ranking.out / PAGE)
    return ranking.out / PAGE


def ranking_page(ranking: Ranking) -> ReportPage:
    """Return the page of a ranking."""
    rows = ranking.standings
    sections = [
        ReportSection(
            heading="Ranking",
            about=list(ranking.notes),
            tables=[*_tables(rows), *([_raters(ranking)] if ranking.poll.raters else [])],
            figures=[_averages(rows), _axes(rows)],
        )
    ]
    closing: list[SortableTable] = []
    last: list[SortableTable] = []
    for axis, report in ranking.reports.items():
        inner = report_page(report, title=axis)
        sections += inner.sections
        metrics, *others = inner.tables
        closing = [*closing, replace(metrics, heading=f"Metrics: {axis}")]
        last = others
    counting = sum(rater.counts for rater in ranking.poll.raters)
    return ReportPage(
        title="Editors ranked",
        lead=f"Which editor, with which prompts, makes the best ground truth? {FORMULA} Click a "
        "column to sort by it.",
        facts={
            "Contestants": str(len(rows)),
            "Axes": str(len(measured_axes(rows))),
            "Votes": f"{len(ranking.poll.votes):,}",
            "Raters that count": str(counting),
        },
        sections=sections,
        tables=[*closing, *last],
    )


def _tables(rows: Sequence[Standing]) -> list[SortableTable]:
    """Return the axes, and what stands behind them: two tables, so that both fit on paper."""
    heads, cells = heads_of(rows), [cells_of(row, rows) for row in rows]
    end = 3 + len(measured_axes(rows))
    behind = [0, *range(end, len(heads))]
    voted = any(row.preferred for row in rows)
    return [
        SortableTable(
            heading="Axes, each from 0 to 1",
            columns=["contestant", "average ↑", "first", *measured_axes(rows)],
            rows=[
                _cells(texts[:end], place_of(row, rows))
                for texts, row in zip(cells, rows, strict=True)
            ],
        ),
        SortableTable(
            heading="What stands behind them",
            columns=[heads[column] for column in behind],
            rows=[_cells([row[column] for column in behind]) for row in cells],
            note=_VOTED if voted else "",
        ),
    ]


def _cells(texts: Sequence[str], place: int | None = None) -> list[Cell]:
    """Return a row; the average of the first two places is marked."""
    made = []
    for column, text in enumerate(texts):
        value, _, inside = text.partition(" (")
        mark = {0: "first", 1: "second"}.get(-1 if place is None else place, "")
        mark = mark if column == 1 else ""
        made.append(Cell(text=value, small=inside.rstrip(")"), sort=_sort(value), mark=mark))
    return made


def _sort(text: str) -> float | str:
    try:
        return float(text.rstrip("%"))
    except ValueError:
        return text


def _raters(ranking: Ranking) -> SortableTable:
    return SortableTable(
        heading="Raters",
        columns=["rater", "votes", "checks", "missed", "counts"],
        rows=[
            [
                Cell(text=rater.name),
                Cell(text=str(rater.num_votes), sort=rater.num_votes),
                Cell(text=str(rater.num_checks), sort=rater.num_checks),
                Cell(text=str(rater.num_missed), sort=rater.num_missed),
                Cell(text=rater.says, mark="" if rater.counts else "worse"),
            ]
            for rater in ranking.poll.raters
        ],
        note="An attention check shows a picture beside the same picture in coarse blocks.",
        folded=True,
    )


def _averages(rows: Sequence[Standing]) -> Figure:
    marks = [Mark(value=r.average.mean, low=r.average.low, high=r.average.high) for r in rows]
    return Figure(
        name="ranking",
        heading="Average of the axes",
        drawing=dots(
            "average, 0 to 1", [row.contestant for row in rows], {"average": marks}, zero=True
        ),
    )


def _axes(rows: Sequence[Standing]) -> Figure:
    names = [row.contestant for row in rows]
    series = {
        axis: [Mark(value=row.axes[axis], low=row.axes[axis], high=row.axes[axis]) for row in rows]
        for axis in measured_axes(rows)
    }
    return Figure(
        name="axes",
        heading="Each axis",
        drawing=dots(
            "0 = last, 1 = first of the contestants", names, series, zero=True, colors=SERIES
        ),
    )

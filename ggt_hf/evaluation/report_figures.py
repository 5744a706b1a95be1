"""The figures of a report: scores by category, differences, running time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from ggt_hf.evaluation.restorers import INPUT
from ggt_hf.evaluation.run import BenchmarkReport
from ggt_hf.evaluation.scores import PictureScore
from ggt_hf.evaluation.summary import Summary
from ggt_hf.evaluation.tables import MINUS, columns, rows_of
from ggt_hf.metrics import metric
from ggt_hf.pages.drawing import series_color
from ggt_hf.pages.plots import Mark, bars, dots
from ggt_hf.pages.report import Figure


def figures(report: BenchmarkReport, task: str) -> list[Figure]:
    """Return the figures of a task: for each metric its scores and differences, then the time."""
    made = []
    for name in columns(report.summary, task):
        made += [*_scores(report.summary, task, name), *_differences(report.summary, task, name)]
    return [*made, *_times(report, task)]


def median_seconds(rows: Sequence[PictureScore]) -> float | None:
    """Return the median time that restoring one picture took; ``None`` where none was restored."""
    times = [row.restore_seconds for row in rows if row.restore_seconds is not None]
    return median(times) if times else None


def spoken(category: str) -> str:
    """Return a category's name as people write it."""
    return category.replace("_", " ")


def _scores(summary: Summary, task: str, name: str) -> Iterator[Figure]:
    groups = _groups([row.category for row in summary.means if row.task == task])
    series: dict[str, list[Mark | None]] = {}
    for restorer in rows_of(summary, task):
        found = [summary.mean(task, restorer, group, name) for group in groups]
        series[restorer] = [
            None if row is None else Mark(value=row.value.mean, low=row.value.low,
                                          high=row.value.high)
            for row in found
        ]  # fmt: skip
    row = metric(name)
    heading = (
        f"{row.title} {row.arrow} by category" if len(groups) > 1 else f"{row.title} {row.arrow}"
    )
    drawing = dots(_axis(name), [spoken(group) for group in groups], series, zero=False)
    yield Figure(name=f"{task}-{name}", heading=heading, drawing=drawing)


def _differences(summary: Summary, task: str, name: str) -> Iterator[Figure]:
    rows = [row for row in summary.differences if (row.task, row.metric) == (task, name)]
    if not rows:
        return
    groups = _groups([row.category for row in rows])
    series: dict[str, list[Mark | None]] = {}
    for row in rows:
        label = f"{row.restorer} {MINUS} {row.against}"
        marks = series.setdefault(label, [None] * len(groups))
        marks[groups.index(row.category)] = Mark(
            value=row.value.mean,
            low=row.value.low,
            high=row.value.high,
            tone=row.says if len({(r.restorer, r.against) for r in rows}) == 1 else None,
        )
    # A restorer has the colour that it has in the figure of its scores.
    places = [rows_of(summary, task).index(r) for r in dict.fromkeys(r.restorer for r in rows)]
    only = f", {next(iter(series))}" if len(series) == 1 else ""
    yield Figure(
        name=f"{task}-{name}-difference",
        heading=f"Difference in {metric(name).title} {metric(name).arrow}{only}",
        drawing=dots(
            _axis(name),
            [spoken(group) for group in groups],
            series,
            zero=True,
            colors=[series_color(place) for place in places],
        ),
    )


def _times(report: BenchmarkReport, task: str) -> Iterator[Figure]:
    values: dict[str, float] = {}
    for restorer in report.scores.restorers(task):
        seconds = median_seconds(report.scores.of(task, restorer))
        if seconds is not None and restorer != INPUT:
            values[restorer] = seconds
    if values:
        texts = {name: seconds_text(value) for name, value in values.items()}
        yield Figure(
            name=f"{task}-time",
            heading="Time to restore one picture",
            drawing=bars("median seconds", values, texts),
        )


def seconds_text(seconds: float) -> str:
    """Return a time as people read it."""
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.3g} s"


def _groups(categories: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(categories))


def _axis(name: str) -> str:
    row = metric(name)
    return f"{row.title}, {row.unit}" if row.unit else row.title

"""The tables of a report: means, differences, every category, and how it was measured."""

from __future__ import annotations

from collections.abc import Sequence

from ggt_hf.evaluation.report_figures import median_seconds, seconds_text, spoken
from ggt_hf.evaluation.restorers import INPUT
from ggt_hf.evaluation.run import BenchmarkReport
from ggt_hf.evaluation.scores import ALL
from ggt_hf.evaluation.statistics import Interval
from ggt_hf.evaluation.summary import ENOUGH, Difference, Summary
from ggt_hf.evaluation.tables import MINUS, columns, rank, rows_of, shown, signed
from ggt_hf.metrics import metric
from ggt_hf.pages.report import Cell, SortableTable

_FIRST = {0: "first", 1: "second"}


def of_task(report: BenchmarkReport, task: str) -> list[SortableTable]:
    """Return the tables of one task."""
    made = [_means(report, task)]
    differences = [row for row in report.summary.differences if row.task == task]
    overall = [row for row in differences if row.category == ALL]
    if overall:
        made.append(_differences("Differences on the same pictures", overall, folded=False))
    if len({row.category for row in report.summary.means if row.task == task}) > 1:
        made.append(_by_category(report.summary, task))
    if len(differences) > len(overall):
        made.append(_differences("Differences in every category", differences, folded=True))
    return made


def closing(report: BenchmarkReport) -> list[SortableTable]:
    """Return what holds for the whole run: metrics, restorers, failures."""
    made = [_metrics(report), _restorers(report)]
    if report.failures:
        made.append(
            SortableTable(
                heading="Pictures without scores",
                columns=["picture", "task", "restorer", "what went wrong"],
                rows=[
                    [Cell(text=text) for text in (row.key, row.task, row.restorer, row.error)]
                    for row in report.failures
                ],
                note="The means leave them out.",
            )
        )
    return made


def _means(report: BenchmarkReport, task: str) -> SortableTable:
    summary, names = report.summary, columns(report.summary, task)
    rows = []
    for restorer in rows_of(summary, task):
        scored = report.scores.of(task, restorer)
        cells = [Cell(text=restorer)]
        for name in names:
            mean = summary.mean(task, restorer, ALL, name)
            mark = _FIRST.get(rank(summary, task, restorer, name), "")
            cells.append(_interval(mean.value, name, mark) if mean else Cell(text="", sort=0))
        seconds = None if restorer == INPUT else median_seconds(scored)
        cells.append(Cell(text=seconds_text(seconds) if seconds else "", sort=seconds or 0.0))
        cells.append(Cell(text=str(len(scored)), sort=len(scored)))
        rows.append(cells)
    heads = [f"{metric(name).title} {metric(name).arrow}" for name in names]
    return SortableTable(
        heading="All pictures",
        columns=["restorer", *heads, "a picture takes", "pictures"],
        rows=rows,
        note=" ".join(
            [
                "Bold is the best, underlined the second. Below each mean, its interval.",
                *summary.notes,
            ]
        ),
    )


def _differences(heading: str, differences: Sequence[Difference], *, folded: bool) -> SortableTable:
    rows = []
    for row in differences:
        low, high = (signed(end, row.metric) for end in (row.value.low, row.value.high))
        cells = [
            Cell(text=f"{row.restorer} {MINUS} {row.against}"),
            Cell(text=spoken(row.category)),
            Cell(text=f"{metric(row.metric).title} {metric(row.metric).arrow}"),
            Cell(
                text=signed(row.value.mean, row.metric),
                small=f"{low} to {high}",
                sort=row.value.mean,
                mark=row.says if row.says != "open" else "",
            ),
            Cell(text=f"{row.better:.0%}", sort=row.better),
            Cell(text=str(row.value.count), sort=row.value.count),
        ]
        rows.append(cells if folded else [cells[0], *cells[2:]])
    heads = ["difference of", "category", "metric", "mean difference", "better on", "pictures"]
    return SortableTable(
        heading=heading,
        columns=heads if folded else [heads[0], *heads[2:]],
        rows=rows,
        note=f"Coloured where the interval does not hold zero, from {ENOUGH} pictures on.",
        folded=folded,
    )


def _by_category(summary: Summary, task: str) -> SortableTable:
    names = columns(summary, task)
    groups = dict.fromkeys(
        (row.restorer, row.category) for row in summary.means if row.task == task
    )
    rows = []
    for restorer, category in groups:
        cells = [Cell(text=restorer), Cell(text=spoken(category))]
        for name in names:
            mean = summary.mean(task, restorer, category, name)
            cells.append(_interval(mean.value, name, "") if mean else Cell(text="", sort=0))
        rows.append(cells)
    heads = [f"{metric(name).title} {metric(name).arrow}" for name in names]
    return SortableTable(
        heading="Every category",
        columns=["restorer", "category", *heads],
        rows=rows,
        folded=True,
    )


def _interval(value: Interval, name: str, mark: str) -> Cell:
    return Cell(
        text=shown(value.mean, name),
        small=f"{shown(value.low, name)} to {shown(value.high, name)}",
        sort=value.mean,
        mark=mark,
    )


def _metrics(report: BenchmarkReport) -> SortableTable:
    prints = [stands_for["metrics"] for stands_for in report.scores.fingerprints.values()]
    rows = []
    for name in report.scores.metrics:
        row = metric(name)
        print_ = next(one[name] for one in prints if name in one)
        weights = ", ".join(f"{file} {digest[:12]}" for file, digest in print_["weights"].items())
        better = "higher" if row.higher_is_better else "lower"
        texts = (row.title, better, row.source, print_["code"], weights or "none", row.license)
        rows.append([Cell(text=text) for text in texts])
    decoders = {stands_for["decoder"] for stands_for in report.scores.fingerprints.values()}
    return SortableTable(
        heading="Metrics",
        columns=["metric", "better is", "definition", "code", "weights", "licence"],
        rows=rows,
        note=f"Pictures were decoded by {'; '.join(sorted(decoders))}.{_of_judge(report)}",
    )


def _of_judge(report: BenchmarkReport) -> str:
    """Return what must be said of the judge; nothing where nobody judged."""
    if report.calibration is None:
        return ""
    tried = "; ".join(str(ranking) for ranking in report.calibration.kinds)
    unsaid = (
        f" Pictures of which it could not say: {report.num_unsaid}." if report.num_unsaid else ""
    )
    return f" The judge was tried on planted faults: {tried}.{unsaid}"


def _restorers(report: BenchmarkReport) -> SortableTable:
    rows = []
    for name in dict.fromkeys(row.restorer for row in report.scores.rows):
        first = next(row for row in report.scores.rows if row.restorer == name)
        identity = report.scores.fingerprints[first.fingerprint]["restorer"]
        weights = identity.get("weights", {})
        told = [f"{path} {digest[:12]}" for path, digest in weights.items()]
        settings = [
            f"{key} {value}"
            for key, value in identity.items()
            if key not in ("kind", "code", "weights", "configs")
        ]
        texts = (name, identity["kind"], ", ".join([*told, *settings]), identity.get("code", ""))
        rows.append([Cell(text=text) for text in texts])
    return SortableTable(
        heading="Restorers",
        columns=["restorer", "kind", "weights and settings", "code"],
        rows=rows,
        note="Weights are named by the first digits of their SHA-256.",
    )

"""The report of a run: one HTML page that holds everything, and its figures as files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.data.streaming.order import salt
from ggt_hf.evaluation import report_tables
from ggt_hf.evaluation.cases import Case
from ggt_hf.evaluation.report_figures import figures
from ggt_hf.evaluation.restorers import INPUT
from ggt_hf.evaluation.run import BenchmarkReport
from ggt_hf.evaluation.scores import PictureScore
from ggt_hf.evaluation.statistics import COVERAGE
from ggt_hf.evaluation.tables import shown
from ggt_hf.evaluation.task import Task
from ggt_hf.images import decode
from ggt_hf.metrics import metric
from ggt_hf.metrics.scorer import cropped
from ggt_hf.pages.comparison import EncodedImage
from ggt_hf.pages.report import ReportPage, ReportSection, Versions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAGE, FIGURES = "report.html", "figures"
"""Names in a run's folder."""

GROUND_TRUTH = "ground truth"
"""Name of a version."""

_NUM_RANDOM = 3
_LONGEST = 640
"""Pixels of the longer side of pictures in the page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """A picture to be shown."""

    key: str
    """Its key."""
    why: str
    """``best``, ``median``, ``worst`` or ``random``."""


def write_report(report: BenchmarkReport, *, title: str = "Restorers compared") -> Path:
    """Write the page and the figures into the run's folder; return the page."""
    page = report_page(report, title=title)
    page.write_figures(report.out / FIGURES)
    page.write(report.out / PAGE)
    return report.out / PAGE


def report_page(report: BenchmarkReport, *, title: str = "Restorers compared") -> ReportPage:
    """Return the page of a run.

    Its pictures are those whose scores of the main restorer are best, middle and worst against
    what it is compared with, and a few drawn at random.
    """
    scores = report.scores
    names = list(dict.fromkeys(row.restorer for row in scores.rows))
    return ReportPage(
        title=title,
        lead=(
            f"Means over the pictures of each task, with {COVERAGE:.0f} % bootstrap intervals. "
            "Click a column to sort by it. Under the sliders, choose any two versions of the same "
            "pictures; large ones are shown smaller than they were scored."
        ),
        facts={
            "Restorers": str(len(names)),
            "Tasks": str(len(scores.tasks)),
            "Pictures scored": f"{len(scores.rows):,}",
            "Pictures failed": f"{len(report.failures):,}",
        },
        sections=[_section(report, task) for task in scores.tasks],
        tables=report_tables.closing(report),
    )


def _section(report: BenchmarkReport, name: str) -> ReportSection:
    task, rows = report.tasks[name], report.scores
    main, other = _shown_pair(report, name)
    pictures = [_versions(report, task, one) for one in choose(rows.of(name, main), main, other)]
    versions = list(pictures[0].images)
    return ReportSection(
        heading=task.title,
        about=[*_about(task)],
        tables=report_tables.of_task(report, name),
        figures=figures(report, name),
        pictures=pictures,
        left=INPUT,
        right=main if main in versions else versions[-1],
    )


def _about(task: Task) -> Iterator[str]:
    if task.about:
        yield task.about.strip()
    size = f"cropped to multiples of {task.multiple}, top left kept" if task.multiple > 1 else ""
    facts = [f"Licence: {task.license}" if task.license != "unknown" else "", size]
    if said := ". ".join(fact for fact in facts if fact):
        yield said[0].upper() + said[1:] + "."
    if task.unknown:
        yield f"Not known: {'; '.join(task.unknown)}."


def _shown_pair(report: BenchmarkReport, task: str) -> tuple[str, Mapping[str, float]]:
    """Return the restorer whose pictures are shown, and what each picture's score is taken from.

    It is the last one that was compared, else the last one that is not the input.
    """
    names = report.scores.restorers(task)
    compared = {row.restorer: row.against for row in report.summary.differences}
    others = [name for name in names if name != INPUT]
    main = next((name for name in reversed(names) if name in compared), (others or names)[-1])
    against = compared.get(main)
    if against is None:
        return main, {}
    name = _first_metric(report.scores.of(task, main))
    rows = report.scores.of(task, against)
    return main, {row.key: row.scores[name] for row in rows if name in row.scores}


def choose(rows: Sequence[PictureScore], main: str, others: Mapping[str, float]) -> list[Chosen]:
    """Return the best, the middle and the worst of `rows` by their first metric, and others.

    Args:
        rows: the scores of one restorer.
        main: its name; decides, with the keys, what is drawn at random.
        others: key -> score that is taken from the picture's own; empty = nothing is.
    """
    name = _first_metric(rows)
    sign = 1 if not name or metric(name).higher_is_better else -1
    scored = [row for row in rows if name in row.scores and (not others or row.key in others)]
    ordered = sorted(
        scored, key=lambda row: (sign * (others.get(row.key, 0) - row.scores[name]), row.key)
    )
    picks = {ordered[0].key: "best"} if ordered else {}
    for place, why in ((-1, "worst"), (len(ordered) // 2, "median")) if ordered else ():
        picks.setdefault(ordered[place].key, why)
    rest = [row.key for row in rows if row.key not in picks]
    rest.sort(key=lambda key: salt("shown", main, key))
    picks |= dict.fromkeys(rest[:_NUM_RANDOM], "random")
    order = ("best", "median", "worst", "random")
    return sorted(
        (Chosen(key=key, why=why) for key, why in picks.items()),
        key=lambda chosen: order.index(chosen.why),
    )


def _first_metric(rows: Sequence[PictureScore]) -> str:
    """Return the first metric of the rows; a judge may have nothing to say of some, or of all."""
    return next((name for row in rows for name in row.scores), "")


def _versions(report: BenchmarkReport, task: Task, chosen: Chosen) -> Versions:
    case = report.cases[task.name][chosen.key]
    rows = {row.restorer: row for row in report.scores.rows if row.task == task.name
            and row.key == chosen.key}  # fmt: skip
    pictures = dict(_pictures(report, task, case, rows))
    height, width = _shown_size(next(iter(pictures.values())))
    credit = " · ".join(
        filter(None, [case.license if case.license != "unknown" else "", case.credit])
    )
    return Versions(
        title=chosen.key,
        badge=chosen.why,
        images={name: _encoded(picture) for name, picture in pictures.items()},
        width=width,
        height=height,
        notes=[*_score_notes(rows), *([credit] if credit else [])],
    )


def _pictures(
    report: BenchmarkReport, task: Task, case: Case, rows: Mapping[str, PictureScore]
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    gt = None if case.gt is None else _decoded(case.gt.read(), case.gt.name, task)
    yield INPUT, _input(case, gt, task, rows)
    for name, row in rows.items():
        if name != INPUT and row.output is not None:
            path = report.out / row.output
            yield name, _decoded(path.read_bytes(), str(path), task)
    if gt is not None:
        yield GROUND_TRUTH, gt


def _input(
    case: Case, gt: NDArray[np.uint8] | None, task: Task, rows: Mapping[str, PictureScore]
) -> NDArray[np.uint8]:
    if task.simulate and gt is not None and case.category is not None:
        from ggt_hf.degradation import degrade

        return degrade(gt, case.category, seed=next(iter(rows.values())).seed).lq
    return _decoded(case.lq.read(), case.lq.name, task)


def _decoded(data: bytes, name: str, task: Task) -> NDArray[np.uint8]:
    return cropped(decode(data, name), task.multiple)


def _shown_size(picture: NDArray[np.uint8]) -> tuple[int, int]:
    height, width = picture.shape[:2]
    factor = min(1.0, _LONGEST / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _encoded(picture: NDArray[np.uint8]) -> EncodedImage:
    from PIL import Image

    height, width = _shown_size(picture)
    image = Image.fromarray(picture)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "WEBP", quality=88, method=4)
    return EncodedImage(data=file.getvalue(), format="webp")


def _score_notes(rows: Mapping[str, PictureScore]) -> Iterator[str]:
    names = list(dict.fromkeys(name for row in rows.values() for name in row.scores))
    for name in names[:2]:
        said = (
            f"{restorer} {shown(row.scores[name], name)}"
            for restorer, row in rows.items()
            if name in row.scores
        )
        yield f"{metric(name).title}: {' · '.join(said)}"

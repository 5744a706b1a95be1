"""What a run says: means by task, restorer and category, and paired differences, with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ggt_hf.evaluation.scores import PictureScore, ScoreTable, categories, in_category
from ggt_hf.evaluation.statistics import Interval, interval
from ggt_hf.metrics import metric

ENOUGH = 8
"""Pictures below which an interval decides nothing: it is too narrow to be believed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanScore:
    """The mean of one metric over the pictures of one category."""

    task: str
    """The task's name."""
    restorer: str
    """The restorer's name."""
    category: str
    """``all``, or a degradation."""
    metric: str
    """The metric's name."""
    value: Interval
    """Mean and interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How much a restorer's scores differ from another's on the same pictures."""

    task: str
    """The task's name."""
    restorer: str
    """Whose scores; the minuend."""
    against: str
    """Whose scores are taken away."""
    category: str
    """``all``, or a degradation."""
    metric: str
    """The metric's name."""
    value: Interval
    """Mean difference and interval."""
    better: float
    """Share of the pictures on which `restorer` is better, ties counted half."""

    @property
    def says(self) -> str:
        """``better``, ``worse``, or ``open``: the interval holds zero, or stands on too few."""
        if self.value.count < ENOUGH:
            return "open"
        sign = 1 if metric(self.metric).higher_is_better else -1
        low, high = sorted((sign * self.value.low, sign * self.value.high))
        return "better" if low > 0 else "worse" if high < 0 else "open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """All means and differences of a run."""

    means: tuple[MeanScore, ...]
    """By task, restorer, category and metric."""
    differences: tuple[Difference, ...]
    """Likewise; empty where nothing was compared."""
    notes: tuple[str, ...] = ()
    """What must be said beside the numbers, a sentence each."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "means": [asdict(row) for row in self.means],
            "differences": [asdict(row) | {"says": row.says} for row in self.differences],
            "notes": list(self.notes),
        }

    def mean(self, task: str, restorer: str, category: str, name: str) -> MeanScore | None:
        """Return one mean; ``None`` where nothing was measured."""
        wanted = (task, restorer, category, name)
        for row in self.means:
            if (row.task, row.restorer, row.category, row.metric) == wanted:
                return row
        return None


def summarise(
    table: ScoreTable,
    against: Mapping[str, str] | None = None,
    *,
    notes: Iterable[str] = (),
) -> Summary:
    """Sum a run up.

    Args:
        table: the scores.
        against: restorer -> the one that it is compared with; both are in the table.
        notes: sentences that belong to the numbers.
    """
    pairs = dict(against or {})
    means: list[MeanScore] = []
    differences: list[Difference] = []
    for task in table.tasks:
        for restorer in table.restorers(task):
            rows = table.of(task, restorer)
            means.extend(_means(task, restorer, rows))
            other = pairs.get(restorer)
            if other is not None:
                differences.extend(_differences(task, rows, table.of(task, other)))
    return Summary(means=tuple(means), differences=tuple(differences), notes=tuple(notes))


def _means(task: str, restorer: str, rows: Sequence[PictureScore]) -> Iterator[MeanScore]:
    for category in categories(rows):
        group = in_category(rows, category)
        for name in _names(group):
            values = [row.scores[name] for row in group if name in row.scores]
            yield MeanScore(
                task=task,
                restorer=restorer,
                category=category,
                metric=name,
                value=interval(values),
            )


def _differences(
    task: str, rows: Sequence[PictureScore], others: Sequence[PictureScore]
) -> Iterator[Difference]:
    partners = {row.key: row for row in others}
    for category in categories(rows):
        group = [row for row in in_category(rows, category) if row.key in partners]
        for name in _names(group):
            apart = [
                row.scores[name] - partners[row.key].scores[name]
                for row in group
                if name in row.scores and name in partners[row.key].scores
            ]
            if not apart:
                continue
            sign = 1 if metric(name).higher_is_better else -1
            wins = sum((sign * value > 0) + 0.5 * (value == 0) for value in apart)
            yield Difference(
                task=task,
                restorer=rows[0].restorer,
                against=others[0].restorer,
                category=category,
                metric=name,
                value=interval(apart),
                better=wins / len(apart),
            )


def _names(rows: Iterable[PictureScore]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.scores))

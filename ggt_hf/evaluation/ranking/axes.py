"""Four axes, brought to one scale, and their mean: the formula of the ranking.

- A metric's mean over the pictures is brought to 0 to 1 over the contestants: 0 for the worst, 1
  for the best, linear between (min-max), turned round where lower is better. Where all are equal,
  each has 0.5.
- An axis is the mean of its metrics so scaled. Fidelity: metrics that compare with a ground truth.
  Perceptual: metrics that need none. VLM-R: what the judge says. Human preference: the share of
  comparisons that a contestant would win against another drawn at random, by Bradley and Terry.
- The average is the mean of the axes that were measured.

This is ours; how the paper of GGT-100K normalises is not known. Min-max says who is ahead of whom,
not by how much in any unit: with two contestants one has 1 and the other 0, however close they
are. So every average has an interval: pictures, raters and each rater's votes are drawn again,
everything is computed anew, and the share of draws in which a contestant comes first is told.
Raters, since the votes of one person are alike: the interval is to hold for other people too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ggt_hf.evaluation.ranking.bradley_terry import fit
from ggt_hf.evaluation.ranking.votes import Vote, outcomes_of, wins_of
from ggt_hf.evaluation.scores import ScoreTable
from ggt_hf.evaluation.statistics import COVERAGE, Interval
from ggt_hf.metrics import metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

DRAWS = 1000
"""Times that pictures, raters and their votes are drawn again."""

FIDELITY, PERCEPTUAL, VLM_R, PREFERENCE = "fidelity", "perceptual", "VLM-R", "human preference"
AXES = (FIDELITY, PERCEPTUAL, VLM_R, PREFERENCE)
"""In the order of the paper."""

_SEED = 20_260_531
EQUAL = 1e-12
"""What averages may differ by and still be equal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """One metric of one axis: scores of every contestant on every picture."""

    axis: str
    """Of `AXES`."""
    name: str
    """The metric."""
    task: str
    """Whose pictures."""
    scores: Matrix
    """``(contestants, pictures)``; NaN where a judge could not say."""

    @property
    def sign(self) -> int:
        """1 where higher is better, else -1."""
        return 1 if metric(self.name).higher_is_better else -1


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One contestant's row."""

    contestant: str
    """Its name."""
    axes: Mapping[str, float]
    """Axis -> 0 to 1; axes that were not measured are missing."""
    metrics: Mapping[str, float]
    """Metric -> mean over the pictures, in the metric's own unit."""
    average: Interval
    """Mean of the axes, and where it lies in 95 % of the draws; `count` is that of axes."""
    first: float
    """Share of the draws in which it came first."""
    preferred: Interval | None
    """Share of comparisons it would win against another at random; `count` is that of votes.
    ``None``: nobody voted."""
    chosen: float | None
    """Share of the comparisons shown with it in which it was chosen, 0 to 1; ties are not."""
    num_missing: int = 0
    """Pictures that it did not make, so that the input counts."""
    twin_of: str | None = None
    """A contestant that made the very same pictures; ``None`` = none did."""


def measures_of(table: ScoreTable, names: Sequence[str], axes: Mapping[str, str]) -> list[Measure]:
    """Return the measures in a table of scores.

    Args:
        table: scores by task, contestant and picture.
        names: the contestants, in order.
        axes: metric -> its axis; others are left out.
    """
    found = []
    for task in table.tasks:
        keys = sorted({row.key for row in table.rows if row.task == task})
        rows = {(row.restorer, row.key): row for row in table.rows if row.task == task}
        for name in table.metrics:
            if name not in axes:
                continue
            scores = np.array(
                [[_score(rows, one, key, name) for key in keys] for one in names], dtype=np.float64
            )
            if not np.isnan(scores).all(axis=1).any():
                found.append(Measure(axis=axes[name], name=name, task=task, scores=scores))
    return found


def _score(rows: Mapping[tuple[str, str], object], name: str, key: str, metric_name: str) -> float:
    row = rows.get((name, key))
    scores: Mapping[str, float] = getattr(row, "scores", {})
    return scores.get(metric_name, float("nan"))


def stand(
    names: Sequence[str],
    measures: Sequence[Measure],
    ballots: Sequence[Sequence[Vote]],
    twins: Mapping[str, str],
) -> list[Standing]:
    """Rank contestants; the best comes first.

    Args:
        names: the contestants.
        measures: of all axes but human preference.
        ballots: each rater's votes that count; they name no twin.
        twins: contestant -> the one whose pictures are its own too; that one's votes are its.
    """
    place = {name: index for index, name in enumerate(names)}
    stems = [name for name in names if name not in twins]
    stem_of = np.array([stems.index(twins.get(name, name)) for name in names])
    at = {measure.task: measure.scores.shape[1] for measure in measures}
    generator = np.random.default_rng(_SEED)
    whole = {task: np.arange(count) for task, count in at.items()}
    outcomes = [outcomes_of(votes, stems) for votes in ballots if votes]
    votes = [vote for ballot in ballots for vote in ballot]
    whole_shares = _shares(outcomes, len(stems), stem_of)
    axes = _axes(measures, whole, whole_shares)
    draws = np.empty((DRAWS, len(names)))
    shares = np.empty((DRAWS, len(names)))
    for draw in range(DRAWS):
        pictures = {task: generator.integers(0, count, count) for task, count in at.items()}
        drawn = _shares(_polled_again(outcomes, generator), len(stems), stem_of)
        draws[draw] = np.mean([*_axes(measures, pictures, drawn).values()], axis=0)
        shares[draw] = 0.5 if drawn is None else drawn
    average = np.mean([*axes.values()], axis=0)
    firsts = _firsts(draws)
    standings = [
        Standing(
            contestant=name,
            axes={axis: float(values[place[name]]) for axis, values in axes.items()},
            metrics={m.name: float(np.nanmean(m.scores[place[name]])) for m in measures},
            average=_interval(average[place[name]], draws[:, place[name]], len(axes)),
            first=float(firsts[place[name]]),
            preferred=None
            if whole_shares is None
            else _interval(whole_shares[place[name]], shares[:, place[name]], len(votes)),
            chosen=_chosen(votes, twins.get(name, name)),
            twin_of=twins.get(name),
        )
        for name in names
    ]
    return sorted(standings, key=lambda row: (-row.average.mean, place[row.contestant]))


def _axes(
    measures: Sequence[Measure], pictures: Mapping[str, NDArray[np.int64]], shares: Matrix | None
) -> dict[str, Matrix]:
    """Return axis -> the contestants' values, 0 to 1."""
    by_axis: dict[str, list[Matrix]] = {}
    for measure in measures:
        means = _means(measure.scores, pictures[measure.task])
        by_axis.setdefault(measure.axis, []).append(scaled(measure.sign * means))
    found = {axis: np.asarray(np.mean(values, axis=0)) for axis, values in by_axis.items()}
    if shares is not None:
        found[PREFERENCE] = scaled(shares)
    return {axis: found[axis] for axis in AXES if axis in found}


def _means(scores: Matrix, drawn: NDArray[np.int64]) -> Matrix:
    """Return each contestant's mean over the pictures drawn that have a score of it.

    Where none of them has, which happens if few pictures have, it is the mean over all.
    """
    again = scores[:, drawn]
    counts = (~np.isnan(again)).sum(axis=1)
    means = np.nansum(again, axis=1) / np.maximum(counts, 1)
    return np.asarray(np.where(counts > 0, means, np.nanmean(scores, axis=1)))


def scaled(values: Matrix) -> Matrix:
    """Return values from 0, the least, to 1, the greatest; all 0.5 where they are equal."""
    low, high = values.min(), values.max()
    if high - low < EQUAL:
        return np.full(len(values), 0.5)
    return np.asarray((values - low) / (high - low))


def _polled_again(outcomes: Sequence[Matrix], generator: np.random.Generator) -> list[Matrix]:
    """Return as many raters, drawn with replacement, and of each as many of the votes."""
    raters = [outcomes[i] for i in generator.integers(0, len(outcomes) or 1, len(outcomes))]
    return [votes[generator.integers(0, len(votes), len(votes))] for votes in raters]


def _shares(outcomes: Sequence[Matrix], count: int, stem_of: NDArray[np.int64]) -> Matrix | None:
    if not outcomes or count < 2:
        return None
    return np.asarray(fit(wins_of(np.concatenate(outcomes), count)).shares[stem_of])


def _chosen(votes: Sequence[Vote], name: str) -> float | None:
    shown = [vote for vote in votes if name in (vote.left, vote.right)]
    if not shown:
        return None
    chosen = sum(
        {"left": vote.left, "right": vote.right}.get(vote.choice) == name for vote in shown
    )
    return chosen / len(shown)


def _firsts(draws: Matrix) -> Matrix:
    """Return the share of draws that each won; who wins together shares it."""
    best = draws >= draws.max(axis=1, keepdims=True) - EQUAL
    return np.asarray((best / best.sum(axis=1, keepdims=True)).mean(axis=0))


def _interval(mean: float, drawn: Matrix, count: int) -> Interval:
    tail = (100 - COVERAGE) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Interval(mean=float(mean), low=float(low), high=float(high), count=count)

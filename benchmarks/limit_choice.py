"""How the limits of stage 1 are chosen from measured rows, all by one rule.

The tones of good targets are described first. Then one budget of refused good targets is divided
over all limits of all categories: time and again that limit is tightened which finds most faults
more for the good targets that it refuses more, by the tail of their values. The budget is the
largest that refuses no more than `ALARMS` of the good targets of photographs left out, five-fold
and three times over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.good_tones import describe, values_of, with_tone, written
from benchmarks.planted_tables import shows
from ggt_hf.quality.joint import TONE, Joint
from ggt_hf.quality.planting import GEOMETRIC, TONAL
from ggt_hf.records import DEGRADATIONS, Degradation

Row = dict[str, Any]
Marks = NDArray[np.bool_]

ALARMS = 0.017
"""Share of the good targets that may be refused: 2 %, less a margin. On other photographs it is
more, for the measures themselves were found on these."""
BUDGETS = (0.006, 0.008, 0.01, 0.012, 0.013, 0.014, 0.015, 0.016, 0.017, 0.018, 0.02, 0.025, 0.03)
"""Shares, summed over the tails, that are tried."""
TAILS = tuple(0.05 * 0.75**step for step in reversed(range(17)))
"""Shares of good targets outside of one limit that are tried, the smallest first: what lies beyond
one good target in 2000 is no good target, whether or not a fault was planted there."""
FOLDS, SHUFFLES = 5, 3
"""Parts of the photographs of which one is left out, and how often they are dealt anew."""

LATER = ("object_removed", "object_inserted", "over_smoothed", "over_sharpened", "text_altered")
"""Faults that judge and reviewer are for."""
WORTH, WORTH_HIDDEN, WORTH_LATER = 1.0, 0.2, 0.1
"""What finding one fault counts: most, a tone that the input hides, and one of `LATER`."""

_TAIL, _HEAVY = 0.1, 0.25
"""Share of the values that make a tail, and the shape of the Pareto distribution it follows."""
_LEAST_GAIN = 2
"""Faults of a category that a limit must find beside all others."""

LIMITED = (
    "shift",
    "scale",
    "rotation",
    "warp",
    "psnr_to_input",
    "tint",
    "hue",
    TONE,
)
"""Scores that get a most, where it finds enough. Sharpness is left to judge and reviewer: a limit
of it takes refusals that find more faults of place and tone elsewhere."""

GUARDS = {"contrast": 4.0, "brightness": 5.0, "structure": 0.05, "text_kept": 0.85}
"""Least values that are set by hand: far from any good target, and reached by plain failures."""

UNSEEN = {
    "shift": 0.6,
    "scale": 0.25,
    "rotation": 0.1,
    "warp": 0.5,
    "tint": 0.35,
    "hue": 5,
    "psnr_to_input": 36,
}
"""What nobody sees is no fault: no limit is tighter, however still the simulator keeps. Nor is a
candidate the input given back that differs from it by more than four grey levels."""


class Limit(NamedTuple):
    """The most that a score may be in a category."""

    category: Degradation
    score: str
    most: float
    tail: float
    """Share of the category's good targets that lie outside."""

    def broken_by(self, rows: Sequence[Row]) -> Marks:
        """Say which rows lie outside; a score that was not measured breaks nothing."""
        return np.asarray(values_of(rows, self.score) > self.most)


class Parts(NamedTuple):
    """The rows of one category."""

    good: list[Row]
    bad: list[Row]


def chosen_limits(rows: Sequence[Row]) -> str:
    """Return the limits as the lines of a thresholds file, and what they come to."""
    lines = ["# budget | refused, geometric and tonal found on photographs left out"]
    kept = BUDGETS[0]
    for budget in BUDGETS:
        refused, geometric, tonal = _tried_apart(rows, budget)
        lines.append(f"# {budget:.1%} | {refused:.2%}, {geometric:.1%}, {tonal:.1%}")
        if refused <= ALARMS:
            kept = budget
    joints, limits = _chosen(rows, kept)
    lines.append(f"# chosen with {kept:.1%}:")
    for category, (good, bad) in _split(rows, joints).items():
        alarms, caught = (_refused(limits, category, part) for part in (good, bad))
        lines.append(
            f"# {category}: {alarms.mean():.1%} of {len(good)} good targets refused,"
            f" {caught.mean():.1%} of {len(bad)} faults found"
        )
    guards = [f"  {score}:\n    min: {least:g}" for score, least in GUARDS.items()]
    return "\n".join([*lines, "limits:", *guards, *_written(limits), *written(joints)])


def _tried_apart(rows: Sequence[Row], budget: float) -> tuple[float, float, float]:
    """Return what is refused, and found of both kinds, on photographs that chose nothing."""
    refused: list[bool] = []
    geometric: list[bool] = []
    tonal: list[bool] = []
    for apart in _folds(rows):
        joints, limits = _chosen([row for row in rows if row["name"] not in apart], budget)
        tried = _split([row for row in rows if row["name"] in apart], joints)
        for category, (good, bad) in tried.items():
            refused += list(_refused(limits, category, good))
            for row, found in zip(bad, _refused(limits, category, bad), strict=True):
                if row["kind"] in GEOMETRIC:
                    geometric.append(found)
                elif row["kind"] in TONAL and shows(row):
                    tonal.append(found)
    return float(np.mean(refused)), float(np.mean(geometric)), float(np.mean(tonal))


def _folds(rows: Sequence[Row]) -> Iterator[set[str]]:
    """Yield the photographs to leave out, each in one fold of every shuffling."""
    names = sorted({row["name"] for row in rows})
    for seed in range(SHUFFLES):
        shuffled = np.random.default_rng(seed).permutation(names)
        for fold in range(FOLDS):
            yield set(shuffled[fold::FOLDS].tolist())


def _chosen(rows: Sequence[Row], budget: float) -> tuple[dict[Degradation, Joint], list[Limit]]:
    """Describe the tones, then divide the budget, a mean over the categories, over the limits."""
    joints = {name: describe(name, good) for name, (good, _) in _split(rows, {}).items()}
    parts = _split(rows, joints)
    offers = [
        Offer(choices, parts[category].bad)
        for category in DEGRADATIONS
        for choices in _choices(category, parts[category].good)
    ]
    _tighten(offers, budget * len(DEGRADATIONS))
    limits: list[Limit] = []
    for category in DEGRADATIONS:
        here = [offer.limit for offer in offers if offer.limit.category == category]
        limits += _useful(here, parts[category].bad)
    return joints, limits


def _split(rows: Sequence[Row], joints: Mapping[Degradation, Joint]) -> dict[Degradation, Parts]:
    """Return the rows by category, with their scores `tone` where the tones are described."""
    split = {}
    for category in DEGRADATIONS:
        here = [row for row in rows if row["category"] == category]
        if category in joints:
            here = [with_tone(row, joints[category]) for row in here]
        good = [row for row in here if row["kind"].startswith("good")]
        split[category] = Parts(good, [r for r in here if not r["kind"].startswith("good")])
    return split


def _choices(category: Degradation, good: Sequence[Row]) -> Iterator[list[Limit]]:
    """Yield the limits to choose from, score by score, the loosest first."""
    for score in LIMITED:
        values = values_of(good, score)
        tail = Tail.of(values[np.isfinite(values)])
        ends = [_outward(max(tail.end(share), UNSEEN.get(score, -math.inf))) for share in TAILS]
        yield [Limit(category, score, end, tail.outside(end)) for end in dict.fromkeys(ends)]


class Tail(NamedTuple):
    """The far tenth of some values, smoothed: single photographs must not place a limit."""

    start: float
    scale: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Tail:
        """Fit the tail of some values."""
        start = float(np.quantile(values, 1 - _TAIL))
        over = values[values > start] - start
        return cls(start, (1 - _HEAVY) * float(over.mean()) if len(over) else 1e-6)

    def end(self, share: float) -> float:
        """Return the value that a share of all exceeds."""
        return self.start + self.scale / _HEAVY * ((share / _TAIL) ** -_HEAVY - 1)

    def outside(self, value: float) -> float:
        """Return the share of all that exceeds a value."""
        away = max(0.0, value - self.start) / self.scale
        return float(_TAIL * (1 + _HEAVY * away) ** (-1 / _HEAVY))


class Offer:
    """The limits of one score to choose from, what each finds, and the one taken so far."""

    def __init__(self, choices: Sequence[Limit], bad: Sequence[Row]) -> None:
        self.choices = choices
        self.found = [limit.broken_by(bad) for limit in choices]
        self.worth = np.array([_worth(row) for row in bad])
        self.at = 0

    @property
    def limit(self) -> Limit:
        """The limit taken so far."""
        return self.choices[self.at]


def _worth(row: Row) -> float:
    if row["kind"] in LATER:
        return WORTH_LATER
    return WORTH if shows(row) else WORTH_HIDDEN


def _tighten(offers: Sequence[Offer], budget: float) -> None:
    """Tighten limits until the tails outside of all of them come to the budget."""
    counts = {
        category: np.sum([o.found[0] for o in offers if o.limit.category == category], axis=0)
        for category in DEGRADATIONS
    }
    spent = sum(offer.limit.tail for offer in offers)
    while True:
        best, most = None, 0.0
        for offer in offers:
            worth = offer.worth * (counts[offer.limit.category] == 0)
            for at in range(offer.at + 1, len(offer.choices)):
                cost = offer.choices[at].tail - offer.limit.tail
                gain = float(worth @ offer.found[at]) / max(cost, 1e-9)
                if spent + cost <= budget and gain > most:
                    best, most = (offer, at), gain
        if best is None:
            return
        offer, at = best
        spent += offer.choices[at].tail - offer.limit.tail
        counts[offer.limit.category] += offer.found[at] & ~offer.found[offer.at]
        offer.at = at


def _useful(limits: Sequence[Limit], bad: Sequence[Row]) -> list[Limit]:
    """Leave out, one by one, what finds least beside the others."""
    found = {limit: limit.broken_by(bad) for limit in limits}
    while found:
        counts = np.sum(list(found.values()), axis=0)
        alone = {limit: int((marks & (counts == 1)).sum()) for limit, marks in found.items()}
        least = min(alone, key=lambda limit: alone[limit])
        if alone[least] >= _LEAST_GAIN:
            break
        del found[least]
    return list(found)


def _refused(limits: Sequence[Limit], category: Degradation, rows: Sequence[Row]) -> Marks:
    """Say which rows of a category any limit refuses, those set by hand among them."""
    over = [limit.broken_by(rows) for limit in limits if limit.category == category]
    under = [values_of(rows, score) < least for score, least in GUARDS.items()]
    return np.any([*over, *under], axis=0)


def _outward(value: float) -> float:
    """Round up to two significant digits, to three where the first is 1."""
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value) / 2)) - 1)
    return round(math.ceil(value / step) * step, 6)


def _written(limits: Sequence[Limit]) -> Iterator[str]:
    """Yield the limits as YAML, score by score."""
    for score in dict.fromkeys(limit.score for limit in limits):
        yield f"  {score}:"
        of_score = [limit for limit in limits if limit.score == score]
        yield f"    max: {{{', '.join(f'{limit.category}: {limit.most:g}' for limit in of_score)}}}"

"""How the default limits of stage 1 are chosen from measured rows.

What is looked at in a category is set by hand, by what its weather leaves to be seen. Every limit
of a category then leaves the same share of that category's good targets outside: the largest share
for which all its limits together refuse no more than `ALARMS` of them. No limit is tighter than
what nobody sees; one that finds nothing beside the others is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ggt_hf.records import DEGRADATIONS

Row = dict[str, Any]
Marks = NDArray[np.bool_]

ALARMS = 0.02
"""Share of the good targets that may be refused."""
TAILS = (0.04, 0.03, 0.02, 0.015, 0.01, 0.0075, 0.005, 0.0025, 0.0)
"""Shares of good targets outside of one limit that are tried, the largest first."""
MARGIN = 1.2
"""How much farther from the median a limit is placed than that: other photographs differ more."""
LEAST_GAIN = 0.004
"""Share of the faults that a limit must find beside all others."""

EVERYWHERE = {
    "shift": "max",
    "scale": "max",
    "rotation": "max",
    "warp": "max",
    "sharpness_gain": "max",
}
"""Scores that mean something in any category -> their sides."""

WHERE_IT_SHOWS = {
    "mixed": {
        "at_black": "min max",
        "at_white": "min max",
        "gamma": "min max",
        "hue": "max",
        "tint": "max",
        "least_lost": "min",
        "least_gained": "min",
    },
    "rain": {"drift": "max", "at_veil": "min max", "hue": "max", "tint": "max"},
    "haze": {"drift": "max", "at_veil": "max", "hue": "max", "tint": "max", "least_lost": "min"},
    "snow": {"drift": "max", "at_veil": "min max", "hue": "max", "tint": "max"},
    "low_light": {"gamma": "min max", "hue": "max", "tint": "max"},
    "old_photo": {"at_veil": "min max", "at_black": "max", "hue": "max", "tint": "max"},
}
"""Category -> scores of tone and content that its inputs still show -> their sides."""

GUARDS = {"contrast": 4.0, "brightness": 5.0, "structure": 0.05, "text_kept": 0.85}
"""Least values that are set by hand: far from any good target, and reached by plain failures."""

UNSEEN = {
    ("shift", "max"): 0.6,
    ("scale", "max"): 0.25,
    ("rotation", "max"): 0.1,
    ("warp", "max"): 0.55,
    ("gamma", "min"): 0.91,
    ("gamma", "max"): 1.1,
    ("drift", "max"): 0.03,
    ("at_black", "min"): -3.0,
    ("at_black", "max"): 4.0,
    ("at_white", "min"): -6.0,
    ("at_white", "max"): 6.0,
    ("at_veil", "min"): -9.0,
    ("at_veil", "max"): 9.0,
    ("tint", "max"): 0.35,
    ("hue", "max"): 8.0,
}
"""What nobody sees is no fault: no limit is tighter, however still the simulator keeps."""


class Limit(NamedTuple):
    """One end of what a score may be."""

    score: str
    side: str
    bound: float

    def broken_by(self, rows: Sequence[Row]) -> Marks:
        """Say which rows lie outside; a score that was not measured breaks nothing."""
        sign = 1 if self.side == "max" else -1
        values = np.array([row["scores"].get(self.score, math.nan) for row in rows])
        return np.asarray(sign * values > sign * self.bound)


def chosen_limits(rows: Sequence[Row]) -> str:
    """Return the limits as the lines of a thresholds file, and what they come to."""
    chosen, lines, refused, found = {}, [], [], []
    for category in DEGRADATIONS:
        good, bad = _split([row for row in rows if row["category"] == category])
        chosen[category], tail = _fitted(category, good, bad)
        alarms, caught = (_any(chosen[category], part) for part in (good, bad))
        refused.append(alarms)
        found.append(caught)
        lines.append(
            f"# {category}: {tail:.2%} outside of each, {alarms.mean():.1%} of {len(good)} good"
            f" targets refused, {caught.mean():.1%} of faults found"
        )
    shares = np.concatenate(refused).mean(), np.concatenate(found).mean()
    lines.append(f"# in all: {shares[0]:.1%} refused, {shares[1]:.1%} found")
    guards = [f"  {score}:\n    min: {least:g}" for score, least in GUARDS.items()]
    return "\n".join([*lines, *guards, *_written(chosen)])


def _split(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    good = [row for row in rows if row["kind"].startswith("good")]
    return good, [row for row in rows if not row["kind"].startswith("good")]


def _fitted(category: str, good: Sequence[Row], bad: Sequence[Row]) -> tuple[list[Limit], float]:
    """Return the tightest limits that refuse few enough good targets, and their tail."""
    table = {**EVERYWHERE, **WHERE_IT_SHOWS[category]}
    known = {score for row in good for score in row["scores"]}
    ends = [(score, side) for score in table if score in known for side in table[score].split()]
    likeness = [_unchanged(good, bad)] if any(row["kind"] == "unchanged" for row in bad) else []
    for tail in TAILS:
        limits = _useful([*likeness, *(_placed(*end, tail, good) for end in ends)], bad)
        if _any(limits, good).mean() <= ALARMS or tail == TAILS[-1]:
            return limits, tail
    raise AssertionError("the last tail is always taken")


def _placed(score: str, side: str, tail: float, good: Sequence[Row]) -> Limit:
    """Place a limit so that a tail of the good targets lies outside."""
    sign = 1 if side == "max" else -1
    values = sign * np.array([row["scores"][score] for row in good if score in row["scores"]])
    middle = float(np.median(values))
    end = middle + MARGIN * float(np.quantile(values, 1 - tail, method="higher") - middle)
    unseen = UNSEEN.get((score, side), -math.inf * sign)
    return Limit(score, side, sign * _outward(max(end, sign * unseen)))


def _useful(limits: list[Limit], bad: Sequence[Row]) -> list[Limit]:
    """Leave out, one by one, what finds least beside the others."""
    found = {limit: limit.broken_by(bad) for limit in limits}
    while True:
        counts = np.sum(list(found.values()), axis=0)
        alone = {limit: int((marks & (counts == 1)).sum()) for limit, marks in found.items()}
        least = min(alone, key=lambda limit: alone[limit])
        if alone[least] >= LEAST_GAIN * len(bad):
            return list(found)
        del found[least]


def _unchanged(good: Sequence[Row], bad: Sequence[Row]) -> Limit:
    """Place the limit of likeness half-way between good targets and inputs given back."""
    score = "psnr_to_input"
    least = min(row["scores"][score] for row in bad if row["kind"] == "unchanged")
    most = max(row["scores"][score] for row in good)
    return Limit(score, "max", _outward((least + most) / 2))


def _any(limits: Sequence[Limit], rows: Sequence[Row]) -> Marks:
    guards = [Limit(score, "min", least) for score, least in GUARDS.items()]
    return np.any([limit.broken_by(rows) for limit in (*limits, *guards)], axis=0)


def _outward(value: float) -> float:
    """Round up to two significant digits, to three where the first is 1."""
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value) / 2)) - 1)
    return round(math.ceil(value / step) * step, 6)


def _written(chosen: Mapping[str, Sequence[Limit]]) -> list[str]:
    """Write the limits as YAML, score by score."""
    scores = dict.fromkeys(limit.score for limits in chosen.values() for limit in limits)
    lines = []
    for score in scores:
        lines.append(f"  {score}:")
        for side in ("min", "max"):
            bounds = {
                category: limit.bound
                for category, limits in chosen.items()
                for limit in limits
                if (limit.score, limit.side) == (score, side)
            }
            words = ", ".join(f"{category}: {bound:g}" for category, bound in bounds.items())
            lines += [f"    {side}: {{{words}}}"] if bounds else []
    return lines

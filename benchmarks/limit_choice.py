"""How the default limits of stage 1 are chosen from measured rows.

A limit is put where a good target would be a rarity: outside every good one seen, and at least
`DEVIATIONS` robust deviations from their median. Then limits are taken up one by one, the one
that finds the most faults first, as long as good targets that had no say in its place (four
folds of photographs) are refused in at most `ALARMS` of all cases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ggt_hf.quality.planting import GEOMETRIC, TONAL
from ggt_hf.records import DEGRADATIONS

Row = dict[str, Any]
Side = Literal["min", "max"]

DEVIATIONS = 3.3
ALARMS = 0.014
FOLDS = 4
LEAST_GAIN = 2.0
"""Faults, counted by weight, that a limit must add to be taken up."""
HEAVY = 2.0
"""Weight of a geometric or tonal fault: stage 1 is there for them first; others weigh 1."""


UNSEEN = {
    ("shift", "max"): 0.5,
    ("scale", "max"): 0.2,
    ("rotation", "max"): 0.1,
    ("warp", "max"): 1.0,
    ("gain", "min"): 0.85,
    ("gain", "max"): 1.18,
    ("at_black", "min"): -3.0,
    ("at_black", "max"): 3.0,
    ("at_white", "min"): -8.0,
    ("at_white", "max"): 8.0,
    ("cast", "max"): 8.0,
    ("tint", "max"): 0.15,
    ("hue", "max"): 8.0,
    ("chroma", "min"): 0.85,
    ("chroma", "max"): 1.2,
}
"""What nobody sees is no fault: no limit is tighter, however still the simulator keeps."""


class Candidate(NamedTuple):
    """A limit that may be taken up."""

    score: str
    side: Side
    by_category: bool


ONE_FOR_ALL = (
    ("contrast", "min"),
    ("brightness", "min"),
    ("darkest", "max"),
    ("crushed", "max"),
    ("blown", "max"),
    ("psnr_to_input", "max"),
    ("detail_kept", "max"),
    ("fine", "min"),
    ("fine", "max"),
    ("middle", "min"),
    ("middle", "max"),
    ("peaks", "max"),
    ("naturalness", "min"),
    ("naturalness", "max"),
)
BY_CATEGORY = (
    ("support", "min"),
    ("shift", "max"),
    ("scale", "max"),
    ("rotation", "max"),
    ("warp", "max"),
    ("structure", "min"),
    ("least_lost", "min"),
    ("least_gained", "min"),
    ("vanished", "min"),
    ("appeared", "max"),
    ("gain", "min"),
    ("gain", "max"),
    ("at_black", "min"),
    ("at_black", "max"),
    ("at_white", "min"),
    ("at_white", "max"),
    ("curve", "min"),
    ("curve", "max"),
    ("cast", "max"),
    ("tint", "max"),
    ("hue", "max"),
    ("chroma", "min"),
    ("chroma", "max"),
    ("unexplained", "max"),
    ("sharpness_gain", "min"),
    ("sharpness_gain", "max"),
    ("naturalness_gain", "min"),
    ("naturalness_gain", "max"),
)
CANDIDATES = [
    *(Candidate(score, side, False) for score, side in ONE_FOR_ALL),  # type: ignore[arg-type]
    *(Candidate(score, side, True) for score, side in BY_CATEGORY),  # type: ignore[arg-type]
]


def chosen_limits(rows: Sequence[Row]) -> str:
    """Return the limits as the lines of a thresholds file."""
    good = [row for row in rows if row["kind"] in ("good", "good, regenerated")]
    bad = [row for row in rows if not row["kind"].startswith("good")]
    alarms = {candidate: _alarms(candidate, good) for candidate in CANDIDATES}
    found = {c: _refused(_placed(c, good), c, bad) for c in CANDIDATES}
    weights = np.array([HEAVY if row["kind"] in GEOMETRIC + TONAL else 1.0 for row in bad])
    taken: list[Candidate] = []
    refused, caught = np.zeros(len(good), bool), np.zeros(len(bad), bool)
    while len(taken) < len(CANDIDATES):
        gains = {
            c: float(weights[found[c] & ~caught].sum())
            for c in CANDIDATES
            if c not in taken and (refused | alarms[c]).mean() <= ALARMS
        }
        # A limit that costs alarms must pay for them.
        worth = {c: g / (1 + 5 * (alarms[c] & ~refused).sum()) for c, g in gains.items()}
        best = max(worth, key=lambda c: worth[c], default=None)
        if best is None or worth[best] < LEAST_GAIN:
            break
        taken.append(best)
        refused |= alarms[best]
        caught |= found[best]
    head = f"# {refused.mean():.2%} of good targets refused over folds, {caught.mean():.1%} found"
    return "\n".join([head, *_lines(taken, good)])


def _alarms(candidate: Candidate, good: Sequence[Row]) -> np.ndarray:
    """Say which good targets are refused by a limit placed without their photographs."""
    fold = np.array([(row["photo"] // 2) % FOLDS for row in good])
    refused = np.zeros(len(good), bool)
    for number in range(FOLDS):
        others = [row for row, f in zip(good, fold, strict=True) if f != number]
        limits = _placed(candidate, others)
        refused |= _refused(limits, candidate, good) & (fold == number)
    return refused


def _placed(candidate: Candidate, good: Sequence[Row]) -> dict[str, float]:
    """Place the limit for every category."""
    sign = 1 if candidate.side == "max" else -1
    limits = {}
    for category in DEGRADATIONS:
        values = sign * np.array(
            [
                row["scores"][candidate.score]
                for row in good
                if candidate.score in row["scores"]
                and (row["category"] == category or not candidate.by_category)
            ]
        )
        middle, high = np.quantile(values, [0.5, 0.95])
        tail = middle + DEVIATIONS * (high - middle) / 1.645
        least = sign * UNSEEN.get((candidate.score, candidate.side), -math.inf * sign)
        limits[category] = sign * _outward(max(tail, float(values.max()), least))
    return limits


def _outward(value: float) -> float:
    """Round up to two significant digits, three near whole hundreds."""
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return round(math.ceil(value / step) * step, 6)


def _refused(limits: dict[str, float], candidate: Candidate, rows: Sequence[Row]) -> np.ndarray:
    sign = 1 if candidate.side == "max" else -1
    return np.array(
        [
            candidate.score in row["scores"]
            and sign * row["scores"][candidate.score] > sign * limits[row["category"]]
            for row in rows
        ]
    )


def _lines(taken: Sequence[Candidate], good: Sequence[Row]) -> list[str]:
    lines = []
    for score in dict.fromkeys(c.score for c in CANDIDATES if c in taken):
        lines.append(f"  {score}:")
        for candidate in (c for c in taken if c.score == score):
            limits = _placed(candidate, good)
            if len(set(limits.values())) == 1:
                lines.append(f"    {candidate.side}: {limits[DEGRADATIONS[0]]:g}")
            else:
                words = ", ".join(f"{name}: {value:g}" for name, value in limits.items())
                lines.append(f"    {candidate.side}: {{{words}}}")
    return lines

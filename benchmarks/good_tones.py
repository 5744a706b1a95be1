"""What the tones of good targets are like: usual values, spreads and correlations.

They make the score `tone` of `ggt_hf.quality.joint`; which scores it is made of in a category is
set by hand, by what its weather leaves to be seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ggt_hf.quality.joint import TONE, Joint, Part, compared_as
from ggt_hf.records import Degradation

Row = dict[str, Any]

_THROUGH_AIR = ("drift", "drift_power", "drift_offset", "crushed", "blown")
MADE_OF: Mapping[Degradation, Sequence[str]] = {
    "mixed": ("gamma", "at_black", "at_white"),
    "rain": _THROUGH_AIR,
    "haze": _THROUGH_AIR,
    "snow": _THROUGH_AIR,
    "low_light": ("gamma", "crushed", "blown"),
    "old_photo": ("darkest", "brightest", "crushed", "blown"),
}
"""Category -> scores. An old print hides its tones: only the candidate's own can be looked at."""

_PULL = 0.05
"""Pull of the correlations to 0."""


def describe(category: Degradation, good: Sequence[Row]) -> Joint:
    """Describe the tones of good targets, in numbers as round as they will be written."""
    names = MADE_OF[category]
    usual = [_rounded(float(np.median(values_of(good, name)))) for name in names]
    away = np.array(
        [
            [
                compared_as(name, value) - compared_as(name, middle)
                for value in values_of(good, name)
            ]
            for name, middle in zip(names, usual, strict=True)
        ]
    )
    covariance = away @ away.T / len(good)
    spread = np.sqrt(np.diag(covariance)) + 1e-6
    alike = (1 - _PULL) * covariance / np.outer(spread, spread)
    correlations = [
        tuple(round(float(alike[at, k]), 2) for k in range(at)) for at in range(len(names))
    ]
    spreads = (_rounded(float(value)) for value in spread)
    return Joint(parts=tuple(map(Part, names, usual, spreads, correlations)))


def with_tone(row: Row, joint: Joint) -> Row:
    """Return a row with its score `tone`, where all that it is made of was measured."""
    distance = joint.distance(row["scores"])
    return {**row, "scores": {**row["scores"], TONE: distance.value}} if distance else row


def values_of(rows: Sequence[Row], score: str) -> NDArray[np.float64]:
    """Return one score of all rows; NaN where it was not measured."""
    return np.array([row["scores"].get(score, math.nan) for row in rows], np.float64)


def written(joints: Mapping[Degradation, Joint]) -> Iterator[str]:
    """Yield the lines of a thresholds file."""
    yield f"{TONE}:"
    for category, joint in joints.items():
        yield f"  {category}:"
        for part in joint.parts:
            numbers = (part.usual, part.spread, *part.correlations)
            yield f"    {part.score}: [{', '.join(f'{number:g}' for number in numbers)}]"


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")

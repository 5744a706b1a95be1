"""One score made of several: how far a pair lies, all together, from good targets.

Single limits ask of each score by itself whether a good target could have it. Some pairs of values
that good targets do have, they never have at once; the distance of Mahalanobis (1936) sees that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ggt_hf.errors import UsageError

TONE = "tone"
"""The score that is made of others."""

_LEAST = 1e-3


def _log(value: float) -> float:
    return math.log(max(value, 0.0) + _LEAST)


def _root(value: float) -> float:
    return math.sqrt(max(value, 0.0))


_COMPARED_AS: dict[str, Callable[[float], float]] = {
    "gain": _log,
    "gamma": _log,
    "drift_power": _log,
    "chroma": _log,
    "crushed": _log,
    "blown": _log,
    "drift": _root,
    "darkest": _root,
    "tint": lambda octaves: math.asinh(octaves / 0.1),
    "hue": lambda degrees: math.asinh(degrees / 5),
}
"""Score -> the scale on which good targets spread about evenly; others are taken as they are."""


def compared_as(score: str, value: float) -> float:
    """Return a value of a score on the scale on which deviations are counted."""
    return _COMPARED_AS.get(score, float)(value)


class Part(NamedTuple):
    """One score of a joint one, as good targets have it."""

    score: str
    usual: float
    """Its usual value."""
    spread: float
    """Its deviation, on the scale of `compared_as`."""
    correlations: tuple[float, ...]
    """With the parts before it, -1 to 1."""


class Distance(NamedTuple):
    """How far a pair lies from good targets."""

    value: float
    """In deviations; of d independent scores, good targets have about the root of d."""
    furthest: Part
    """The part that contributes most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Joint:
    """What good targets of one category look like: usual values, spreads and correlations."""

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        for at, part in enumerate(self.parts):
            if part.spread <= 0:
                raise _wrong(f"The spread of {part.score} is {part.spread:g}, not above 0.")
            if len(part.correlations) != at:
                given = len(part.correlations)
                raise _wrong(f"{part.score} has {given} correlations with the {at} scores above.")
        if not self.parts:
            raise _wrong("There are no scores.")
        if _cholesky(self._correlations()) is None:
            raise _wrong("No scores could have these correlations.")

    def distance(self, scores: Mapping[str, float]) -> Distance | None:
        """Measure how far `scores` lie; None where one of the parts was not measured."""
        if any(part.score not in scores for part in self.parts):
            return None
        away = [
            (compared_as(part.score, scores[part.score]) - compared_as(part.score, part.usual))
            / part.spread
            for part in self.parts
        ]
        lower = _cholesky(self._correlations()) or []
        pulled = _solve(lower, away)
        shares = [one * other for one, other in zip(away, pulled, strict=True)]
        return Distance(_root(sum(shares)), self.parts[shares.index(max(shares))])

    def _correlations(self) -> list[list[float]]:
        rows = [[*part.correlations, 1.0] for part in self.parts]
        size = range(len(rows))
        return [[rows[max(i, j)][min(i, j)] for j in size] for i in size]


def _wrong(cause: str) -> UsageError:
    return UsageError(cause, hint="Give a usual value, a spread above 0 and fitting correlations.")


def _cholesky(matrix: Sequence[Sequence[float]]) -> list[list[float]] | None:
    """Return the lower factor of a symmetric matrix; None where it is not positive definite."""
    lower: list[list[float]] = []
    for i, row in enumerate(matrix):
        lower.append([])
        for j in range(i + 1):
            left = row[j] - sum(a * b for a, b in zip(lower[i], lower[j][:j], strict=False))
            if i == j and left < 1e-6:
                return None
            lower[i].append(math.sqrt(left) if i == j else left / lower[j][j])
    return lower


def _solve(lower: Sequence[Sequence[float]], values: Sequence[float]) -> list[float]:
    """Return x of ``lower lower' x = values``."""
    half: list[float] = []
    for row, value in zip(lower, values, strict=True):
        half.append((value - sum(a * b for a, b in zip(row, half, strict=False))) / row[-1])
    solved = [0.0] * len(half)
    for i in reversed(range(len(half))):
        rest = sum(lower[k][i] * solved[k] for k in range(i + 1, len(half)))
        solved[i] = (half[i] - rest) / lower[i][i]
    return solved

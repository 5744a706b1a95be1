"""Means with bootstrap intervals, of one restorer's scores and of paired differences.

Pictures are what is drawn: with replacement, as many as there are, `DRAWS` times; the interval is
between the 2.5th and the 97.5th percentile of the means. The draws are seeded, so that the same
scores have the same interval. It says how much the mean would move with other pictures of the same
kind; with few pictures it is a little too narrow, as every percentile bootstrap is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRAWS = 10_000
"""Resamples of the pictures."""

COVERAGE = 95.0
"""Per cent of the resampled means that lie in an interval."""

_SEED = 20_260_529
_CHUNK = 4_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A mean, and where it may lie."""

    mean: float
    """Over the pictures."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    count: int
    """Pictures it stands on; with one, the interval is a point."""


def interval(values: Sequence[float] | NDArray[np.float64]) -> Interval:
    """Return the mean of at least one value with its interval."""
    data = np.asarray(values, dtype=np.float64)
    means = _resampled(data)
    tail = (100 - COVERAGE) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return Interval(mean=float(data.mean()), low=float(low), high=float(high), count=len(data))


def _resampled(data: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `DRAWS` means of resamples of `data`."""
    if len(data) * DRAWS <= _CHUNK:
        return data[_places(len(data))].mean(1)  # type: ignore[no-any-return]
    generator = np.random.default_rng(_SEED)
    step = max(1, _CHUNK // len(data))
    means = [
        data[generator.integers(0, len(data), (min(step, DRAWS - done), len(data)))].mean(1)
        for done in range(0, DRAWS, step)
    ]
    return np.concatenate(means)


@lru_cache(maxsize=16)
def _places(count: int) -> NDArray[np.int64]:
    return np.random.default_rng(_SEED).integers(0, count, (DRAWS, count))

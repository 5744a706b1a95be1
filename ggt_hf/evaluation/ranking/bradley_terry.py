"""Strengths from comparisons of two: Bradley and Terry, 1952.

Contestant i is preferred to j with probability 1 / (1 + exp(b_j - b_i)); a tie counts half for
each. The strengths are those of the largest posterior under a weak normal prior (standard
deviation `PRIOR_DEVIATION`), which keeps finite who always wins, found by Newton's method; the
posterior is concave, so there is one. Strengths have mean zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PRIOR_DEVIATION = 3.0
"""Of a strength, before any comparison: odds of 20 to 1 are nothing unusual."""

_MAX_STEPS = 50
_CLOSE = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Strengths:
    """What comparisons say of contestants, in their order."""

    values: NDArray[np.float64]
    """Strengths, in units of log odds; their mean is zero."""
    covariance: NDArray[np.float64]
    """Of the strengths, their mean not held: the inverse of the Hessian at the maximum."""

    @property
    def shares(self) -> NDArray[np.float64]:
        """How often each would be preferred to another drawn at random, 0 to 1."""
        count = len(self.values)
        if count < 2:
            return np.full(count, 0.5)
        chances = 1 / (1 + np.exp(self.values[None, :] - self.values[:, None]))
        return np.asarray((chances.sum(1) - 0.5) / (count - 1))

    @property
    def deviations(self) -> NDArray[np.float64]:
        """Standard errors of the strengths, as their mean is held at zero."""
        centred = np.eye(len(self.values)) - 1 / len(self.values)
        return np.asarray(np.sqrt(np.diag(centred @ self.covariance @ centred)))


def fit(wins: NDArray[np.float64]) -> Strengths:
    """Return the strengths that comparisons speak for.

    Args:
        wins: ``wins[i, j]`` = times that i was preferred to j, ties half; ``(C, C)``.
    """
    count = len(wins)
    games = wins + wins.T
    won = wins.sum(1)
    precision = np.eye(count) / PRIOR_DEVIATION**2
    values = np.zeros(count)
    hessian = precision
    for _ in range(_MAX_STEPS):
        chances = 1 / (1 + np.exp(values[None, :] - values[:, None]))
        weights = games * chances * (1 - chances)
        gradient = won - (games * chances).sum(1) - precision @ values
        hessian = precision + np.diag(weights.sum(1)) - weights
        step = np.linalg.solve(hessian, gradient)
        # A long step overshoots where somebody has won everything so far.
        values += step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < _CLOSE:
            break
    covariance = np.asarray(np.linalg.inv(hessian), np.float64)
    return Strengths(values=values - values.mean(), covariance=covariance)

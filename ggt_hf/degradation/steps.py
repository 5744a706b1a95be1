"""What a recipe is made of: steps, and the dice that draw their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

Step = dict[str, Any]
"""One effect: ``{"effect": NAME, "severity": 0..1, PARAMETER: VALUE, ...}``, as JSON holds it."""

Range = tuple[float, float]


class Dice:
    """Seeded draws of parameters, rounded to what a reader of the settings wants to see.

    How many draws a recipe makes must never depend on severity: then one seed gives the same
    scene at every severity.
    """

    def __init__(self, seed: Sequence[int]) -> None:
        self._rng = np.random.default_rng(seed)

    def between(self, low: float, high: float) -> float:
        """Draw evenly from [low, high]."""
        return round(low + (high - low) * float(self._rng.random()), 4)

    def by(self, severity: float, mild: Range, hard: Range) -> float:
        """Draw evenly from a range that moves from `mild` (severity 0) to `hard` (1)."""
        low = mild[0] + (hard[0] - mild[0]) * severity
        high = mild[1] + (hard[1] - mild[1]) * severity
        return self.between(low, high)

    def share(self, severity: float, low: float, high: float) -> float:
        """Draw the severity of one step as a share of the whole, at most 1."""
        return round(min(1.0, severity * self.between(low, high)), 4)

    def chance(self, probability: float) -> bool:
        """Draw yes or no."""
        return bool(self._rng.random() < probability)

    def pick(self, options: Sequence[T]) -> T:
        """Draw one of `options`, all alike."""
        return options[int(self._rng.integers(len(options)))]

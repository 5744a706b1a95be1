"""How the learning rate goes: a function of the step alone, so that resuming needs no state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ggt_hf.training.recipe import OptimizerRecipe

LAST_SHARE = 0.01
"""Of the highest rate, at the last step."""


def rate_at(step: int, steps: int, recipe: OptimizerRecipe) -> float:
    """Return the learning rate of a step.

    Args:
        step: which, counted from 1.
        steps: how many there are.
        recipe: the highest rate, the rise and the fall.
    """
    rise = min(1.0, step / (recipe.warmup + 1))
    if recipe.decay == "constant":
        return recipe.rate * rise
    gone = min(1.0, max(0, step - recipe.warmup) / max(1, steps - recipe.warmup))
    left = 1 - gone if recipe.decay == "linear" else (1 + math.cos(math.pi * gone)) / 2
    return recipe.rate * rise * (LAST_SHARE + (1 - LAST_SHARE) * left)

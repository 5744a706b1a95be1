"""From the recipe's model to its learner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ggt_hf.training.recipe import OneStepRecipe, RegressionRecipe

if TYPE_CHECKING:
    from ggt_hf.training.learners.learner import Learner


def open_learner(recipe: OneStepRecipe | RegressionRecipe) -> Learner:
    """Build what is trained, on the CPU; the same weights each time for one state of torch's
    generator.

    Raises:
        GgtError: its base cannot be loaded, or its shape cannot be built.
    """
    if isinstance(recipe, OneStepRecipe):
        from ggt_hf.training.learners.pixels import one_step

        return one_step(recipe)
    from ggt_hf.training.learners.pixels import regression

    return regression(recipe)

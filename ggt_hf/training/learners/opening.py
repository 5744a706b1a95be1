"""From a recipe to the learner of its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ggt_hf.training.recipe import LoraRecipe, OneStepRecipe, Recipe

if TYPE_CHECKING:
    from ggt_hf.training.learners.learner import Learner


def open_learner(recipe: Recipe) -> Learner:
    """Build what is trained, on the CPU; the same weights each time for one state of torch's
    generator.

    Raises:
        GgtError: its base cannot be loaded, or its shape cannot be built.
    """
    model = recipe.model
    if isinstance(model, LoraRecipe):
        from ggt_hf.training.learners.editing.opening import lora

        return lora(model, recipe)
    from ggt_hf.training.learners import pixels

    return pixels.one_step(model) if isinstance(model, OneStepRecipe) else pixels.regression(model)

"""From a recipe to the learner of its base's family."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import MissingExtraError, ReadError, UsageError
from ggt_hf.synthesis.prompting import FIXED, FixedPrompter

if TYPE_CHECKING:
    from ggt_hf.training.learners.editing.learner import EditingLearner
    from ggt_hf.training.recipe import LoraRecipe, Recipe

LEARNERS: Mapping[str, str] = {
    "FluxKontextPipeline": "flux_kontext.FluxKontextLearner",
    "Flux2Pipeline": "flux2.Flux2Learner",
    "Flux2KleinPipeline": "flux2.Flux2Learner",
    "QwenImageEditPipeline": "qwen_image_edit.QwenImageEditLearner",
    "QwenImageEditPlusPipeline": "qwen_image_edit.QwenImageEditPlusLearner",
    "StableDiffusionInstructPix2PixPipeline": "instruct_pix2pix.InstructPix2PixLearner",
    "ZImagePipeline": "z_image.ZImageLearner",
    "ZImageImg2ImgPipeline": "z_image.ZImageLearner",
}
"""A pipeline class of diffusers -> module and class here."""

_INDEX = "model_index.json"
_GIVEN, _FAMILYS = "given", "family"
"""Versions of prompts that the recipe words itself, and that restoring with the family does."""


def lora(recipe: LoraRecipe, whole: Recipe) -> EditingLearner:
    """Return the learner of a LoRA, on the CPU.

    Args:
        recipe: the model's part.
        whole: what it is a part of: says the precision, the crops, and the steps of validation.

    Raises:
        MissingExtraError: peft or transformers is not installed.
        ReadError: the base cannot be loaded.
        UsageError: it is of a family that is not trained, or the crops do not suit it.
    """
    for package in ("peft", "transformers"):
        if find_spec(package) is None:
            raise MissingExtraError.of(package, "train", "A LoRA")
    name, revision = _family(recipe)
    module, _, found = LEARNERS[name].partition(".")
    kind = getattr(import_module(f"{__package__}.{module}"), found)
    prompt, version = _prompt(recipe, name)
    learner: EditingLearner = kind(
        load_pipeline(recipe.base, revision, whole.precision),
        recipe,
        prompt,
        inference_steps=whole.validation.inference_steps if whole.validation else 1,
        facts={
            "base": recipe.base,
            "revision": revision,
            "prompt_version": version,
        },
    )
    _refuse_crops(whole, learner.multiple, name)
    return learner


def load_pipeline(base: str, revision: str | None, precision: str) -> Any:
    """Load a pipeline of diffusers into main memory; no code of a repository is run.

    Raises:
        ReadError: it cannot be loaded.
    """
    import diffusers
    import torch

    from ggt_hf.restoration.loading import silent_loading

    pipelines: Any = diffusers.DiffusionPipeline
    try:
        with silent_loading():
            return pipelines.from_pretrained(
                base, revision=revision, dtype=getattr(torch, precision), use_safetensors=True
            )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, ImportError) as error:
        raise ReadError(
            f"{base} cannot be loaded: {_first_line(error)}",
            hint="Give an editing pipeline of diffusers, a folder or ORG/NAME; log in for gated "
            "ones.",
        ) from error


def _family(recipe: LoraRecipe) -> tuple[str, str | None]:
    """Return the base's pipeline class, and its commit; folders have none."""
    folder, commit = Path(recipe.base), None
    index = folder / _INDEX
    try:
        if not folder.is_dir():
            from huggingface_hub import hf_hub_download

            index = Path(hf_hub_download(recipe.base, _INDEX, revision=recipe.revision))
            commit = index.parent.name  # the cache keeps files below snapshots/COMMIT
        name = str(json.loads(index.read_text(encoding="utf-8"))["_class_name"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ReadError(
            f"{recipe.base} is no pipeline that can be fetched: {_first_line(error)}",
            hint="Check model.base and model.revision, your login and the network.",
        ) from error
    if name not in LEARNERS:
        raise UsageError(
            f"{recipe.base} is a {name}, which is not finetuned here.",
            hint=f"Give one of: {', '.join(LEARNERS)}.",
        )
    return name, commit


def _prompt(recipe: LoraRecipe, name: str) -> tuple[str, str]:
    """Return the prompt and its version: what a restoring call asks where nobody says anything."""
    from ggt_hf.restoration.pipelines.registry import editing_class

    kind = editing_class(name)
    if recipe.prompt is not None:
        return recipe.prompt, _GIVEN
    if kind is not None and kind.instruction is not None:
        return kind.instruction, _FAMILYS
    prompt = FixedPrompter().prompt()
    return prompt.text, prompt.template or FIXED


def _refuse_crops(whole: Recipe, multiple: int, name: str) -> None:
    crops = {"data.crop": whole.data.crop}
    if whole.validation and whole.validation.crop:
        crops["validation.crop"] = whole.validation.crop
    for field, side in crops.items():
        if side % multiple:
            raise UsageError(
                f"{name} takes sides that are multiples of {multiple}; {field} is {side}.",
                hint=f"Set {field} to {-(-side // multiple) * multiple}.",
            )


def _first_line(error: BaseException) -> str:
    said = str(error).strip()
    return said.splitlines()[0] if said else type(error).__name__

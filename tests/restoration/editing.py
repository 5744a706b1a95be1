"""Instruction-editing restorers over the tiny builds, their LoRAs, and editors that do nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model_state_dict
from PIL import Image

from ggt_hf.restoration.pipelines.registry import editing_class
from ggt_hf.synthesis.editors.families import FAMILIES
from ggt_hf.synthesis.editors.grid import Multiples, SizeRule
from tests.synthesis import tiny

RULES: dict[str, SizeRule] = tiny.SMALL | {
    name: replace(family.rule, max_pixels=tiny.SIDE**2)
    for name, family in FAMILIES.items()
    if isinstance(family.rule, Multiples)
}
"""Every family on small canvases, so that small pictures fall into tiles."""

Editing = Callable[[Image.Image], Image.Image]


def restorer(name: str) -> Any:
    """A restorer over a tiny build; `name` is that of its builder."""
    base = tiny.build(name)
    kind = editing_class(type(base).__name__)
    assert kind is not None
    made: Any = kind(**base.components)  # type: ignore[call-arg]
    made.set_progress_bar_config(disable=True)
    made.set_defaults(
        "Remove the rain.", num_inference_steps=2,
        **{k: list(v) if isinstance(v, tuple) else v for k, v in tiny.CALLS[name].items()},
    )  # fmt: skip
    return made


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def saved_lora(name: str, folder: Path) -> Path:
    """A LoRA of a tiny build, its weights drawn at random, as diffusers keeps one."""
    made = restorer(name)
    part = "unet" if hasattr(made, "unet") else "transformer"
    network = getattr(made, part)
    torch.manual_seed(7)
    targets = ["attention.to_q"] if name == "z_image" else ["to_q", "to_k"]
    network.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=targets))
    layers = {f"{part}_lora_layers": get_peft_model_state_dict(network)}
    made.save_lora_weights(folder, **layers)
    return folder


def let_edit(patch: pytest.MonkeyPatch, made: Any, editing: Editing) -> list[dict[str, Any]]:
    """Put `editing` in the place of the family's own call, and keep what it is called with.

    A fake, because no tiny model gives back what it is shown: it stands behind all that is ours.
    """
    family = next(k for k in type(made).__mro__ if k.__name__ == made.family)
    own = family.__call__
    calls: list[dict[str, Any]] = []

    @functools.wraps(own)
    def call(self: Any, *, image: Image.Image, **given: Any) -> Any:
        calls.append({"size": image.size, **given})
        answer = type("Answer", (), {})()
        answer.images = [editing(image)]
        return answer

    patch.setattr(family, "__call__", call)
    return calls

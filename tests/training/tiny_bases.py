"""Tiny builds of the editing pipelines, as bases of recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ggt_hf.training.learners.editing import opening
from tests.synthesis import tiny

FAMILIES = [name for name in tiny.BUILDERS if name != "instruct_pix2pix_xl"]
ENCODING = {
    "flux_kontext": {"max_sequence_length": 32},
    "flux2": {"max_sequence_length": 32, "text_encoder_out_layers": [1]},
    "flux2_klein": {"max_sequence_length": 32, "text_encoder_out_layers": [1]},
    "z_image": {"max_sequence_length": 32},
}
"""What the prompt's encoding needs to be told: tiny encoders have fewer layers."""


def base_at(name: str, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Save a tiny build; `name` is that of its builder."""
    pipeline = tiny.build(name)
    if hasattr(pipeline, "processor"):
        return unsaved(name, folder, patch)
    pipeline.save_pretrained(folder)
    return folder


def unsaved(name: str, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Build a pipeline anew each time it is loaded from `folder`: the stand-in for its processor,
    whose original needs torchvision, cannot be stored.
    """
    folder.mkdir(parents=True)
    kind = type(tiny.build(name)).__name__
    (folder / "model_index.json").write_text(f'{{"_class_name": "{kind}"}}')
    load = opening.load_pipeline

    def loaded(base: str, *options: Any) -> Any:
        return tiny.build(name) if base == str(folder) else load(base, *options)

    patch.setattr(opening, "load_pipeline", loaded)
    return folder

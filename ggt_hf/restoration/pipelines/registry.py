"""Which of our classes restores with the weights of which pipeline: a table of names."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from ggt_hf.restoration.pipelines.editing import EditingRestorer
from ggt_hf.synthesis.editors.families import EDITED_BY

EDITING: Mapping[str, str] = {
    "FluxKontextPipeline": "flux_kontext.FluxKontextRestorationPipeline",
    "Flux2Pipeline": "flux2.Flux2RestorationPipeline",
    "Flux2KleinPipeline": "flux2_klein.Flux2KleinRestorationPipeline",
    "QwenImageEditPipeline": "qwen_image_edit.QwenImageEditRestorationPipeline",
    "QwenImageEditPlusPipeline": "qwen_image_edit_plus.QwenImageEditPlusRestorationPipeline",
    "StableDiffusionInstructPix2PixPipeline": (
        "instruct_pix2pix.InstructPix2PixRestorationPipeline"
    ),
    "StableDiffusionXLInstructPix2PixPipeline": (
        "instruct_pix2pix_xl.InstructPix2PixXLRestorationPipeline"
    ),
    "ZImageImg2ImgPipeline": "z_image.ZImageRestorationPipeline",
}
"""A pipeline class of diffusers -> module and class here."""


def editing_class(name: str) -> type[EditingRestorer] | None:
    """Return our class for the weights of the pipeline class `name`; ``None``: there is none."""
    place = EDITING.get(EDITED_BY.get(name, name))
    if place is None:
        return None
    module, _, found = place.partition(".")
    kind: type[EditingRestorer] = getattr(import_module(f"{__package__}.{module}"), found)
    return kind

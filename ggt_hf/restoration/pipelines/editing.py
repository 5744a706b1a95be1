"""EditingRestorer: what makes an instruction-editing pipeline of diffusers a restorer.

It is mixed into the pipeline's own class, so loading, saving, LoRA, offloading, schedulers and
quantisation are those of diffusers. What it adds is the way of a pixel: any size goes in and
comes back exactly, unshifted; large pictures go in tiles; colours can be held to the input's.

What is saved is an ordinary repository of the family: diffusers loads it without this package (and
without trust) as the plain editing pipeline, and this class loads those of others. This file and
what it imports of ours also travel with a repository (`ggt_hf.restoration.export`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from os import PathLike
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from PIL import Image
from torch import Tensor

from ggt_hf.restoration.colour import COLOUR_FIXES, ColourFix
from ggt_hf.restoration.pipelines.pictures import OutputType, as_output, as_pictures
from ggt_hf.restoration.pipelines.tiled_edit import TileCallback, TiledEdit
from ggt_hf.restoration.tiling import OVERLAP
from ggt_hf.synthesis.editors.families import FAMILIES, Family
from ggt_hf.synthesis.editors.grid import Fit

DEFAULTS = "_restoration"
"""Key of the stored defaults in the pipeline's index; diffusers passes over such keys."""
BUNDLED: dict[str, Any] = {}
"""Defaults in the copy of this file that travels with a repository; else none."""

Generators = torch.Generator | Sequence[torch.Generator] | None


class EditingRestorer:
    """The restoring call, over the editing call of the pipeline class it is mixed into."""

    family: ClassVar[str]
    """Name of the editing pipeline's class: how it is called, and what is written when saved."""
    renamed: ClassVar[Mapping[str, str]] = {}
    """Name of an argument here -> its name in the editing call, where ours would hide it."""
    noise_cell: ClassVar[int | None] = None
    """Pixels that a cell of the noise covers; ``None``: the editing call takes no noise."""
    instruction: ClassVar[str | None] = None
    """What is asked where nobody says anything; ``None``: what all prompters of ours ask."""

    _encoded: dict[str, Any] | None = None
    """Prompts encoded in the call under way."""

    # Of the pipeline that this is mixed into.
    config: Any
    transformer: Any
    vae: Any
    register_to_config: Any
    _pack_latents: Any

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | PathLike[Any], **kwargs: Any
    ) -> Self:
        """Load a pipeline of this family from a folder or the Hub: its numbers, never its code.

        Args:
            pretrained_model_name_or_path: a folder, or ``namespace/name``; saved by this class or
                by that of diffusers.
            kwargs: what `DiffusionPipeline.from_pretrained` takes.
        """
        pipeline: Any = super().from_pretrained(pretrained_model_name_or_path, **kwargs)  # type: ignore[misc]
        where = ("cache_dir", "local_files_only", "revision", "token")
        config = pipeline.load_config(
            pretrained_model_name_or_path, **{k: v for k, v in kwargs.items() if k in where}
        )
        pipeline.register_to_config(**{DEFAULTS: config.get(DEFAULTS) or {}})
        return pipeline  # type: ignore[no-any-return]

    def set_defaults(self, prompt: str | None = None, **editing: Any) -> None:
        """Say what is used where a call names nothing; it is saved with the pipeline.

        Args:
            prompt: the instruction; ``None`` keeps what is set.
            editing: arguments of the editing call, such as ``num_inference_steps``; JSON holds
                them.
        """
        stored = self.defaults
        if prompt is not None:
            stored["prompt"] = prompt
        stored["editing"] = {**stored.get("editing", {}), **editing}
        self.register_to_config(**{DEFAULTS: stored})

    @property
    def prompt(self) -> str:
        """The instruction that is given where a call names none."""
        stored = self.defaults.get("prompt") or self.instruction
        if stored:
            return str(stored)
        # By name, so that a copy of this file that travels alone does not ask for our package.
        return str(import_module("ggt_hf.synthesis.prompting").FixedPrompter().prompt().text)

    def to_json_string(self) -> str:
        """Return the index as diffusers writes it, under the name that diffusers knows."""
        index = json.loads(super().to_json_string())  # type: ignore[misc]
        index["_class_name"] = self.family
        return json.dumps(index, indent=2, sort_keys=True) + "\n"

    @torch.no_grad()
    def __call__(
        self,
        image: Any,
        prompt: str | Sequence[str] | None = None,
        *,
        generator: Generators = None,
        tile: int | Literal["auto"] | None = "auto",
        overlap: int = OVERLAP,
        overview: bool = True,
        strength: float = 1.0,
        color_fix: ColourFix | None = None,
        output_type: OutputType = "pil",
        return_dict: bool = True,
        callback_on_tile_end: TileCallback | None = None,
        **editing: Any,
    ) -> ImagePipelineOutput | tuple[Any]:
        """Restore pictures, each of its own size.

        Args:
            image: a Pillow image, an array ``(H, W, 3)`` or ``(B, H, W, 3)``, a tensor
                ``(3, H, W)`` or ``(B, 3, H, W)``, or a list of them; RGB, ``uint8`` or floats in
                [0, 1], each side at least 16 pixels.
            prompt: the instruction, for all or one for each; ``None`` = `prompt` of the pipeline.
            generator: of the noise; a list holds one for each picture, which then depends on
                nothing but its own. On the CPU, unless you want results that differ by device.
            tile: side of the tiles in pixels; ``"auto"`` is the size that the model was trained
                on, for pictures that it cannot take whole; ``None`` takes each whole, reduced
                where the model must.
            overlap: pixels that neighbouring tiles share.
            overview: where a picture falls into tiles, restore it once whole, reduced, and hold
                the tiles to the colours of that; otherwise each tile has its own idea of the
                light. Not with `color_fix`, which holds them to the input's.
            strength: share of the change, from 0 (the input) to 1.
            color_fix: bring colours back to the input's; see `ggt_hf.restoration.colour`.
            output_type: ``"pil"``, ``"np"`` (``float32`` in [0, 1], ``(H, W, 3)``) or ``"pt"``
                (likewise, ``(3, H, W)``).
            return_dict: ``False`` returns a tuple.
            callback_on_tile_end: called after each tile.
            editing: arguments of the editing call: ``num_inference_steps``, ``guidance_scale``,
                ``callback_on_step_end``, ...

        Returns:
            ``images``: a list with a picture for each one given, of exactly its size.

        Raises:
            ValueError: an argument that cannot be meant.
            RuntimeError: the model answered with no picture.
        """
        _check(tile, color_fix, output_type)
        pictures = as_pictures(image)
        prompts = _each(self.prompt if prompt is None else prompt, len(pictures), "prompt")
        generators = _each(generator, len(pictures), "generator")
        call = self._call_of(editing)
        restored = []
        self._encoded = {}
        try:
            for picture, words, drawn in zip(pictures, prompts, generators, strict=True):
                asked = {"prompt": words, "generator": drawn, **call}
                work = TiledEdit(self, asked, strength, color_fix)
                made = work.run(picture, tile, overlap, overview, callback_on_tile_end)
                restored.append(as_output(made, output_type))
        finally:
            self._encoded = None
        return ImagePipelineOutput(images=restored) if return_dict else (restored,)

    def encode_prompt(self, *args: Any, **kwargs: Any) -> Any:
        """Encode a prompt as the family does; in one restoring call, for all tiles only once."""
        encode = super().encode_prompt  # type: ignore[misc]
        shown = [value for value in (*args, *kwargs.values()) if value is not None]
        if self._encoded is None or "image" in kwargs or any(isinstance(v, Tensor) for v in shown):
            return encode(*args, **kwargs)
        key = repr((args, sorted(kwargs.items())))
        if key not in self._encoded:
            self._encoded[key] = encode(*args, **kwargs)
        return self._encoded[key]

    def edit(self, image: Image.Image, **call: Any) -> Image.Image:
        """Edit one picture: fitted onto a canvas of the family, and brought back from there.

        Args:
            image: RGB.
            call: arguments of the editing call, but image, width and height.

        Returns:
            RGB, of the same size, unshifted.

        Raises:
            RuntimeError: the model answered with no picture.
        """
        fit = Fit.of(image.size, self.rules.rule)
        editing = super().__call__  # type: ignore[misc]
        given = self.rules.arguments(editing, fit.fed, call)
        result = editing(image=fit.to_model(image), output_type="pil", **given)
        if any(getattr(result, "nsfw_content_detected", None) or ()):
            raise RuntimeError("the model's safety checker blacked it out")
        made = result.images[0].convert("RGB")
        if not np.asarray(made).std() and np.asarray(image).std():
            raise RuntimeError("the model answered with one flat colour; float16 often overflows")
        return fit.from_model(made)

    def check(self, **editing: Any) -> None:
        """Check the names of arguments of the editing call.

        Raises:
            ValueError: it takes none of such a name.
        """
        call = super().__call__  # type: ignore[misc]
        self.rules.arguments(call, (64, 64), self._call_of(editing))

    @property
    def noise_channels(self) -> int:
        """Channels of the noise; as a rule, the transformer takes 2 x 2 of its cells as one."""
        return int(self.transformer.config.in_channels) // 4

    def as_latents(self, noise: Tensor) -> Tensor:
        """Return a tile's noise ``(1, C, h, w)`` as the editing call takes ``latents``."""
        return noise

    @property
    def rules(self) -> Family:
        """Which sizes the editing call takes, and with what it is called."""
        return FAMILIES[self.family]

    @property
    def defaults(self) -> dict[str, Any]:
        """What was set by `set_defaults`: ``prompt``, and ``editing``, a table of arguments."""
        return dict(self.config.get(DEFAULTS) or BUNDLED)

    def _call_of(self, editing: Mapping[str, Any]) -> dict[str, Any]:
        call = {**self.defaults.get("editing", {}), **editing}
        return {self.renamed.get(name, name): value for name, value in call.items()}


def _check(tile: object, color_fix: object, output_type: object) -> None:
    if color_fix not in (None, *COLOUR_FIXES):
        raise ValueError(f"color_fix must be one of {COLOUR_FIXES} or None, got {color_fix!r}")
    if output_type not in ("pil", "np", "pt"):
        raise ValueError(f"output_type must be 'pil', 'np' or 'pt', got {output_type!r}")
    if tile not in ("auto", None) and not (isinstance(tile, int) and tile >= 64):
        raise ValueError(f"tile must be 'auto', None or at least 64, got {tile!r}")


def _each(given: Any, count: int, name: str) -> list[Any]:
    """Return one of `given` for each picture."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        return [given] * count
    if len(given) != count:
        raise ValueError(f"{name} has {len(given)} entries for {count} pictures")
    return list(given)

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
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from os import PathLike
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from PIL import Image
from torch import Tensor

from ggt_hf.restoration.colour import COLOUR_FIXES, ColourFix, fix_statistics, fix_wavelet
from ggt_hf.restoration.pipelines.pictures import OutputType, as_output, as_pictures
from ggt_hf.restoration.tiling import OVERLAP, Place, as_floats, as_stored, places, run_tiled
from ggt_hf.synthesis.editors.families import FAMILIES, Family
from ggt_hf.synthesis.editors.grid import Fit

MULTIPLE = 16
"""Tiles begin and end at multiples of this, in pixels: the coarsest cell of a family's latents."""
LEAST_SCALE = 0.9
"""A picture is restored whole if the model's canvas holds it at this scale; otherwise in tiles."""
DEFAULTS = "_restoration"
"""Key of the stored defaults in the pipeline's index; diffusers passes over such keys."""
BUNDLED: dict[str, Any] = {}
"""Defaults in the copy of this file that travels with a repository; else none."""

TileCallback = Callable[[Any, int, int], None]
"""Called with the pipeline, the tiles done and the tiles in all, of one picture."""
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
        for picture, words, drawn in zip(pictures, prompts, generators, strict=True):
            work = _Work(self, {"prompt": words, "generator": drawn, **call}, strength, color_fix)
            made = work.run(picture, tile, overlap, overview, callback_on_tile_end)
            restored.append(as_output(made, output_type))
        return ImagePipelineOutput(images=restored) if return_dict else (restored,)

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
        family = self._family()
        fit = Fit.of(image.size, family.rule)
        editing = super().__call__  # type: ignore[misc]
        given = family.arguments(editing, fit.fed, call)
        result = editing(image=fit.to_model(image), output_type="pil", **given)
        if any(getattr(result, "nsfw_content_detected", None) or ()):
            raise RuntimeError("the model's safety checker blacked it out")
        made = result.images[0].convert("RGB")
        if not np.asarray(made).std() and np.asarray(image).std():
            raise RuntimeError("the model answered with one flat colour; float16 often overflows")
        return fit.from_model(made)

    @property
    def noise_channels(self) -> int:
        """Channels of the noise; as a rule, the transformer takes 2 x 2 of its cells as one."""
        return int(self.transformer.config.in_channels) // 4

    def as_latents(self, noise: Tensor) -> Tensor:
        """Return a tile's noise ``(1, C, h, w)`` as the editing call takes ``latents``."""
        return noise

    def _family(self) -> Family:
        return FAMILIES[self.family]

    @property
    def defaults(self) -> dict[str, Any]:
        """What was set by `set_defaults`: ``prompt``, and ``editing``, a table of arguments."""
        return dict(self.config.get(DEFAULTS) or BUNDLED)

    def _call_of(self, editing: Mapping[str, Any]) -> dict[str, Any]:
        call = {**self.defaults.get("editing", {}), **editing}
        return {self.renamed.get(name, name): value for name, value in call.items()}


class _Work:
    """One picture on its way."""

    def __init__(
        self,
        restorer: EditingRestorer,
        call: Mapping[str, Any],
        strength: float,
        color_fix: ColourFix | None,
    ) -> None:
        self._restorer, self._call = restorer, dict(call)
        self._strength, self._color_fix = strength, color_fix

    def run(
        self,
        picture: Tensor,
        tile: int | Literal["auto"] | None,
        overlap: int,
        overview: bool,
        callback: TileCallback | None,
    ) -> Tensor:
        """Return a picture ``(3, H, W)`` restored, of the same shape and dtype."""
        side = self._side(picture, tile)
        multiple = 1 if side >= max(picture.shape[1:]) else MULTIPLE
        where = places(picture, side, overlap, multiple)
        colours = None
        if len(where) > 1 and overview and not self._color_fix:
            colours = _pixels(self._restorer.edit(_image(picture), **self._call))
        noise = self._noise(where, side) if len(where) > 1 else None
        left = iter(enumerate(where, 1))

        def process(piece: Tensor) -> Tensor:
            done, place = next(left)
            drawn = {} if noise is None else {"latents": self._tile_noise(noise, place)}
            made = self._edited(piece, drawn, None if colours is None else place.cut(colours))
            if callback:
                callback(self._restorer, done, len(where))
            return made

        made = run_tiled(picture, process, tile=side, overlap=overlap, multiple=multiple)
        return fix_statistics(made, picture) if self._color_fix == "statistics" else made

    def _edited(self, piece: Tensor, drawn: Mapping[str, Any], colours: Tensor | None) -> Tensor:
        made = self._restorer.edit(_image(piece[0]), **self._call, **drawn)
        edited = as_floats(_pixels(made))[None]
        if colours is not None:
            edited = fix_wavelet(edited, as_floats(colours)[None])
        if self._color_fix == "wavelet":
            edited = fix_wavelet(edited, piece)
        return piece + self._strength * (edited - piece)

    def _side(self, picture: Tensor, tile: int | Literal["auto"] | None) -> int:
        height, width = picture.shape[1:]
        whole = max(height, width)
        if tile != "auto":
            return min(whole, tile or whole)
        rule = self._restorer._family().rule
        if Fit.of((width, height), rule).scale >= LEAST_SCALE:
            return whole
        return rule.canvas((whole, whole))[0]

    def _noise(self, where: Sequence[Place], side: int) -> Tensor | None:
        """Draw noise for all tiles at once: where two overlap, they begin from the same."""
        cell = self._restorer.noise_cell
        first = where[0]
        size = first.width, first.height
        if cell is None or Fit.of(size, self._restorer._family().rule).fed != size:
            return None
        bottom, right = where[-1].top + first.height, where[-1].left + first.width
        generator = self._call["generator"]
        shape = (1, self._restorer.noise_channels, bottom // cell, right // cell)
        return torch.randn(shape, generator=generator)

    def _tile_noise(self, noise: Tensor, place: Place) -> Tensor:
        cell = self._restorer.noise_cell or 1
        rows = slice(place.top // cell, (place.top + place.height) // cell)
        columns = slice(place.left // cell, (place.left + place.width) // cell)
        return self._restorer.as_latents(noise[:, :, rows, columns])


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


def _image(picture: Tensor) -> Image.Image:
    stored = picture if picture.dtype == torch.uint8 else as_stored(picture, torch.uint8)
    return Image.fromarray(stored.permute(1, 2, 0).cpu().contiguous().numpy())


def _pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)

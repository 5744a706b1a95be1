"""OneStepRestorationPipeline: any picture in, the same size out, restored in one pass.

This file, `pictures`, `tiling` and `colour` also travel with a repository
(`ggt_hf.restoration.export`), so that `DiffusionPipeline.from_pretrained(...,
trust_remote_code=True)` needs no package of ours. They therefore import nothing but torch,
diffusers, numpy, Pillow and each other.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from os import PathLike
from typing import Any, Literal, Self

import torch
from diffusers.models.modeling_utils import ModelMixin
from diffusers.pipelines.pipeline_utils import DiffusionPipeline, ImagePipelineOutput
from torch import Tensor

from ggt_hf.restoration.colour import COLOUR_FIXES, ColourFix, fix_statistics, fix_wavelet
from ggt_hf.restoration.pipelines.pictures import (
    OutputType,
    as_output,
    as_pictures,
    count_tiles,
)
from ggt_hf.restoration.tiling import (
    OVERLAP,
    free_memory,
    run_tiled,
    tile_size,
)

BYTES_PER_PIXEL = 800
"""Memory that a pass of the default network takes for each pixel of a tile: 650 bytes as measured
on a CPU in float32, and some to spare."""

TileCallback = Callable[["OneStepRestorationPipeline", int, int], None]
"""Called with the pipeline, the tiles done and the tiles in all, of one picture."""


class OneStepRestorationPipeline(DiffusionPipeline):
    """Restores pictures with a `OneStepRestorer`.

    There is no noise and no schedule: the same picture gives the same result, and a generator
    would have nothing to do.

    Args:
        restorer: the network.

    Examples:
        >>> pipeline = OneStepRestorationPipeline.from_pretrained("ORG/NAME")
        >>> restored = pipeline(Image.open("photo.jpg")).images[0]
    """

    model_cpu_offload_seq = "restorer"  # type: ignore[assignment]

    def __init__(self, restorer: ModelMixin) -> None:
        super().__init__()
        restorer.eval()
        self.register_modules(restorer=restorer)

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | PathLike[Any], **kwargs: Any
    ) -> Self:
        """Load a pipeline from a folder or the Hub: its numbers only, never its code.

        Args:
            pretrained_model_name_or_path: a folder, or ``namespace/name``.
            kwargs: ``restorer``, a network to use instead of the stored one; and what
                `ModelMixin.from_pretrained` takes: ``dtype``, ``variant``, ``revision``,
                ``token``, ``cache_dir``, ``local_files_only``, ...
        """
        place = str(pretrained_model_name_or_path)
        kwargs.pop("trust_remote_code", None)
        restorer = kwargs.pop("restorer", None)
        if restorer is None:
            # By name, so that a copy of this file that travels alone does not ask for our package.
            network = import_module("ggt_hf.restoration.network").OneStepRestorer
            options = {"subfolder": "restorer", "use_safetensors": True} | kwargs
            restorer = network.from_pretrained(place, **options)
        pipeline = cls(restorer)
        pipeline.register_to_config(_name_or_path=place)  # type: ignore[no-untyped-call]
        return pipeline

    @torch.no_grad()
    def __call__(
        self,
        image: Any,
        *,
        tile: int | Literal["auto"] | None = "auto",
        overlap: int = OVERLAP,
        strength: float = 1.0,
        color_fix: ColourFix | None = None,
        output_type: OutputType = "pil",
        return_dict: bool = True,
        callback_on_tile_end: TileCallback | None = None,
    ) -> ImagePipelineOutput | tuple[Any]:
        """Restore pictures, each of its own size.

        Args:
            image: a Pillow image, an array ``(H, W, 3)`` or ``(B, H, W, 3)``, a tensor
                ``(3, H, W)`` or ``(B, 3, H, W)``, or a list of them; RGB, ``uint8`` or floats in
                [0, 1], each side at least 16 pixels.
            tile: side of the tiles in pixels; ``"auto"`` chooses by the free memory, ``None``
                takes each picture whole.
            overlap: pixels that neighbouring tiles share.
            strength: share of the correction, from 0 (the input) to 1; above 1 overdoes it.
            color_fix: bring colours back to the input's; see `ggt_hf.restoration.colour`. A
                network that mends colours needs none.
            output_type: ``"pil"``, ``"np"`` (``float32`` in [0, 1], ``(H, W, 3)``) or ``"pt"``
                (likewise, ``(3, H, W)``).
            return_dict: ``False`` returns a tuple.
            callback_on_tile_end: called after each tile.

        Returns:
            ``images``: a list with a picture for each one given, of exactly its size.

        Raises:
            ValueError: an argument that cannot be meant.
        """
        if color_fix not in (None, *COLOUR_FIXES):
            raise ValueError(f"color_fix must be one of {COLOUR_FIXES} or None, got {color_fix!r}")
        if output_type not in ("pil", "np", "pt"):
            raise ValueError(f"output_type must be 'pil', 'np' or 'pt', got {output_type!r}")
        if tile != "auto" and tile is not None and tile < 1:
            raise ValueError(f"tile must be 'auto', None or positive, got {tile}")
        pictures = as_pictures(image)
        restored = []
        for picture in self.progress_bar(pictures):
            made = self._restore(picture, tile, overlap, strength, color_fix, callback_on_tile_end)
            restored.append(as_output(made, output_type))
        return ImagePipelineOutput(images=restored) if return_dict else (restored,)

    def _restore(
        self,
        picture: Tensor,
        tile: int | Literal["auto"] | None,
        overlap: int,
        strength: float,
        color_fix: ColourFix | None,
        callback: TileCallback | None,
    ) -> Tensor:
        device, dtype = self._execution_device, self.restorer.dtype
        side = self._tile(tile, picture)
        context = self.restorer.context(picture[None])

        def process(piece: Tensor) -> Tensor:
            given = piece.to(device, dtype)
            made = given + strength * (self.restorer(given, context) - given)
            made = fix_wavelet(made, given) if color_fix == "wavelet" else made
            return made.to(picture.device)

        multiple = self.restorer.multiple
        total, done = count_tiles(picture, side, overlap, multiple), 0

        def tell() -> None:
            nonlocal done
            done += 1
            if callback:
                callback(self, done, total)

        made = run_tiled(picture, process, tile=side, overlap=overlap, multiple=multiple, tell=tell)
        return fix_statistics(made, picture) if color_fix == "statistics" else made

    def _tile(self, tile: int | Literal["auto"] | None, picture: Tensor) -> int:
        if tile == "auto":
            needed = getattr(self.restorer, "bytes_per_pixel", BYTES_PER_PIXEL)
            return tile_size(free_memory(self._execution_device), needed)
        return max(picture.shape[-2:]) if tile is None else tile

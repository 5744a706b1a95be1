"""One picture through an instruction-editing restorer: whole, or tile by tile.

Each tile alone would have its own noise and its own idea of the light. So noise is drawn for the
whole picture, and all tiles are held to the colours of one pass over the whole, reduced.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ggt_hf.restoration.colour import ColourFix, fix_statistics, fix_wavelet
from ggt_hf.restoration.tiling import Place, as_floats, as_stored, places, run_tiled
from ggt_hf.synthesis.editors.grid import Fit

MULTIPLE = 16
"""Tiles begin and end at multiples of this, in pixels: the coarsest cell of a family's latents."""
LEAST_SCALE = 0.9
"""A picture is restored whole if the model's canvas holds it at this scale; otherwise in tiles."""

SMALLEST_TILE = 256
"""Below this, most of a tile is overlap, and models were trained on nothing so small."""

TileCallback = Callable[[Any, int, int], None]
"""Called with the pipeline, the tiles done and the tiles in all, of one picture."""


class TiledEdit:
    """One picture on its way through an `EditingRestorer`.

    Args:
        restorer: who edits, by its `edit`.
        call: arguments of each edit.
        strength: share of the change, from 0 to 1.
        color_fix: how colours are held to the input's.
    """

    def __init__(
        self,
        restorer: Any,
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
        """Return a picture ``(3, H, W)`` restored, of the same shape and dtype.

        Where ``tile="auto"`` and the accelerator's memory does not hold such a tile, smaller ones
        are tried, as far as the model takes smaller ones.
        """
        side = self._side(picture, tile)
        generator = self._call["generator"]
        state = generator.get_state() if generator else None
        while True:
            try:
                return self._tiled(picture, side, overlap, overview, callback)
            except torch.OutOfMemoryError:
                smaller = side // 2 // MULTIPLE * MULTIPLE
                fits = self._restorer.rules.rule.canvas((smaller, smaller)) == (smaller, smaller)
                if tile != "auto" or smaller < SMALLEST_TILE or not fits:
                    raise
            # Outside of the handler, which holds on to what filled the memory.
            side = smaller
            torch.cuda.empty_cache()
            if generator:
                generator.set_state(state)

    def _tiled(
        self,
        picture: Tensor,
        side: int,
        overlap: int,
        overview: bool,
        callback: TileCallback | None,
    ) -> Tensor:
        multiple = 1 if side >= max(picture.shape[1:]) else MULTIPLE
        where = places(picture, side, overlap, multiple)
        colours = None
        if len(where) > 1 and overview and not self._color_fix:
            colours = self._overview(picture, side)
        noise = self._noise(where) if len(where) > 1 else None
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

    def _overview(self, picture: Tensor, side: int) -> Tensor:
        """Restore a picture reduced to the area of one tile, and enlarge that again."""
        image = _image(picture)
        scale = side / math.sqrt(image.width * image.height)
        reduced = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        made = self._restorer.edit(image.resize(reduced, Image.Resampling.LANCZOS), **self._call)
        return _pixels(made.resize(image.size, Image.Resampling.BICUBIC))

    def _edited(self, piece: Tensor, drawn: Mapping[str, Any], colours: Tensor | None) -> Tensor:
        made = self._restorer.edit(_image(piece[0]), **self._call, **drawn)
        edited = as_floats(_pixels(made)).to(piece.device)[None]
        if colours is not None:
            edited = fix_wavelet(edited, as_floats(colours).to(piece.device)[None])
        if self._color_fix == "wavelet":
            edited = fix_wavelet(edited, piece)
        return piece + self._strength * (edited - piece)

    def _side(self, picture: Tensor, tile: int | Literal["auto"] | None) -> int:
        height, width = picture.shape[1:]
        whole = max(height, width)
        if tile != "auto":
            return min(whole, tile or whole)
        rule = self._restorer.rules.rule
        if Fit.of((width, height), rule).scale >= LEAST_SCALE:
            return whole
        return int(rule.canvas((whole, whole))[0])

    def _noise(self, where: Sequence[Place]) -> Tensor | None:
        """Draw noise for all tiles at once: where two overlap, they begin from the same."""
        cell = self._restorer.noise_cell
        first = where[0]
        size = first.width, first.height
        if cell is None or Fit.of(size, self._restorer.rules.rule).fed != size:
            return None
        bottom, right = where[-1].top + first.height, where[-1].left + first.width
        generator: torch.Generator | None = self._call["generator"]
        shape = (1, self._restorer.noise_channels, bottom // cell, right // cell)
        return torch.randn(
            shape, generator=generator, device=generator.device if generator else None
        )

    def _tile_noise(self, noise: Tensor, place: Place) -> Tensor:
        cell = self._restorer.noise_cell or 1
        rows = slice(place.top // cell, (place.top + place.height) // cell)
        columns = slice(place.left // cell, (place.left + place.width) // cell)
        latents: Tensor = self._restorer.as_latents(noise[:, :, rows, columns])
        return latents.to(self._restorer.dtype)  # not every family casts what it is given


def _image(picture: Tensor) -> Image.Image:
    stored = picture if picture.dtype == torch.uint8 else as_stored(picture, torch.uint8)
    return Image.fromarray(stored.permute(1, 2, 0).cpu().contiguous().numpy())


def _pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)

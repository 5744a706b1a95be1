"""Pictures as callers of a pipeline give them, and as they want them back."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ggt_hf.restoration.tiling import grid

MIN_SIDE = 16
"""The shortest side that can be restored, in pixels."""

OutputType = Literal["pil", "np", "pt"]


def count_tiles(picture: Tensor, tile: int, overlap: int, multiple: int) -> int:
    """Return how many tiles a picture ``(3, H, W)`` falls into."""
    sides = (grid(side, tile, overlap, multiple) for side in picture.shape[-2:])
    down, across = (len(axis.starts) for axis in sides)
    return down * across


def as_pictures(image: Any) -> list[Tensor]:
    """Return what a caller gave as tensors ``(3, H, W)``, ``uint8`` or ``float32`` in [0, 1].

    Raises:
        ValueError: no RGB picture, or one too small.
    """
    if isinstance(image, list | tuple):
        return [picture for one in image for picture in as_pictures(one)]
    pixels = _as_tensor(image)
    if pixels.ndim == 4:
        return [picture for one in pixels for picture in as_pictures(one)]
    if pixels.ndim != 3 or pixels.shape[0] != 3 or min(pixels.shape[1:]) < MIN_SIDE:
        raise ValueError(
            f"A picture must be RGB with sides of at least {MIN_SIDE} pixels, got one of "
            f"(channels, height, width) = {tuple(pixels.shape)}"
        )
    return [pixels if pixels.dtype == torch.uint8 else pixels.float().clamp(0, 1)]


def _as_tensor(image: Any) -> Tensor:
    if isinstance(image, Tensor):
        return image
    if isinstance(image, Image.Image):
        image = np.array(image.convert("RGB"))
    if isinstance(image, np.ndarray) and image.ndim in (3, 4):
        # What `np.asarray` makes of a Pillow image is read-only, and torch wants to write.
        return torch.from_numpy(np.require(image, requirements=["C", "W"])).movedim(-1, -3)
    raise ValueError(f"A picture must be a Pillow image, array or tensor, got {type(image)}")


def as_output(picture: Tensor, output_type: OutputType) -> Any:
    """Return a picture ``(3, H, W)`` as the caller wants it."""
    if output_type == "pil":
        stored = picture if picture.dtype == torch.uint8 else (picture * 255).round().byte()
        return Image.fromarray(stored.permute(1, 2, 0).cpu().contiguous().numpy())
    floats = picture.float() / 255 if picture.dtype == torch.uint8 else picture
    return floats if output_type == "pt" else floats.permute(1, 2, 0).cpu().numpy()

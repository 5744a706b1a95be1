"""Large pictures in bounded memory: overlapping tiles, blended so that no border shows.

Every tile starts at a multiple of the network's stride, so that it is sampled as the whole picture
would be. In the overlap of two tiles, the outer quarter of each counts for nothing (there a tile
lacks surroundings), and between them one fades into the other. One row of tiles is in work at a
time; beside it stand only the picture and its result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

LARGEST_TILE = 1024
"""Beyond this, larger tiles gain nothing in speed."""
SMALLEST_TILE = 256
"""Below this, most of a tile is overlap."""
OVERLAP = 128
"""Pixels that neighbouring tiles share, unless said otherwise."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Where the tiles of one axis lie, and how much each counts."""

    length: int
    """Pixels of a tile along the axis."""
    starts: tuple[int, ...]
    """First pixel of each tile."""
    weights: tuple[Tensor, ...]
    """Share of each tile in the result, ``(length,)``; at each place the shares sum to 1."""


def run_tiled(
    picture: Tensor,
    process: Callable[[Tensor], Tensor],
    *,
    tile: int,
    overlap: int = OVERLAP,
    multiple: int = 1,
    tell: Callable[[], None] | None = None,
) -> Tensor:
    """Run `process` over a picture of any size.

    Args:
        picture: ``(C, H, W)``, ``uint8`` or floats in [0, 1], on any device.
        process: takes floats in [0, 1], ``(1, C, h, w)``, h and w multiples of `multiple`, and
            returns the same shape.
        tile: side of a tile in pixels; rounded up to `multiple`.
        overlap: pixels that neighbours share; at most half a tile, rounded up to `multiple`.
        multiple: the stride of the network.
        tell: called after each tile.

    Returns:
        Of the shape, dtype and device of `picture`; clamped to its range.
    """
    height, width = picture.shape[-2:]
    down, across = (grid(side, tile, overlap, multiple) for side in (height, width))
    result = torch.empty_like(picture)
    strip = _strip(picture, down, across)
    for row, top in enumerate(down.starts):
        rows = reflected(top, down.length, height).to(picture.device)
        for column, left in enumerate(across.starts):
            columns = reflected(left, across.length, width).to(picture.device)
            piece = as_floats(picture[:, rows][:, :, columns])[None]
            share = down.weights[row][:, None] * across.weights[column]
            made = process(piece)[0].float().clamp(0, 1)
            strip[:, :, left : left + across.length] += made * share.to(made.device)
            if tell:
                tell()
        last = row + 1 == len(down.starts)
        done = down.length if last else down.starts[row + 1] - top
        bottom = min(top + done, height)
        result[:, top:bottom] = as_stored(strip[:, : bottom - top, :width], picture.dtype)
        if not last:
            strip = torch.cat([strip[:, done:], torch.zeros_like(strip[:, :done])], 1)
    return result


def grid(side: int, tile: int, overlap: int, multiple: int) -> Grid:
    """Lay tiles along one axis of `side` pixels, padded to a multiple of `multiple`."""
    padded = _up(side, multiple)
    length = min(_up(tile, multiple), padded)
    shared = min(_up(overlap, multiple), length // 2 // multiple * multiple)
    starts = [*range(0, padded - length, max(multiple, length - shared)), padded - length]
    fade = _fade(length, shared)
    raised = []
    for number in range(len(starts)):
        weight = torch.ones(length)
        if number > 0:
            weight = weight * fade
        if number + 1 < len(starts):
            weight = weight * fade.flip(0)
        raised.append(weight)
    total = torch.zeros(padded)
    for start, weight in zip(starts, raised, strict=True):
        total[start : start + length] += weight
    weights = [w / total[s : s + length] for s, w in zip(starts, raised, strict=True)]
    return Grid(length=length, starts=tuple(starts), weights=tuple(weights))


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a tile lies in a picture, in pixels; it may reach over the end."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, picture: Tensor) -> Tensor:
        """Return this part of a picture ``(C, H, W)``, mirrored at the picture's end."""
        rows = reflected(self.top, self.height, picture.shape[1]).to(picture.device)
        columns = reflected(self.left, self.width, picture.shape[2]).to(picture.device)
        return picture[:, rows][:, :, columns]


def places(picture: Tensor, tile: int, overlap: int, multiple: int) -> list[Place]:
    """Return the tiles of a picture ``(C, H, W)`` in the order in which `run_tiled` takes them."""
    down, across = (grid(side, tile, overlap, multiple) for side in picture.shape[-2:])
    return [
        Place(top=top, left=left, height=down.length, width=across.length)
        for top in down.starts
        for left in across.starts
    ]


def reflected(start: int, length: int, side: int) -> Tensor:
    """Return the pixel to be read for each of `length` places, mirrored at the picture's end."""
    places = torch.arange(start, start + length)
    period = max(1, 2 * (side - 1))
    places = places % period
    return torch.where(places < side, places, period - places)


def as_floats(pixels: Tensor) -> Tensor:
    """Return pixels as ``float32`` in [0, 1]."""
    return pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()


def as_stored(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """Return floats in [0, 1] as `dtype`; rounded where that is ``uint8``."""
    return (pixels * 255).round().to(dtype) if dtype == torch.uint8 else pixels.to(dtype)


def tile_size(bytes_free: int, bytes_per_pixel: int) -> int:
    """Return the largest sensible tile whose work fits into half of the free memory."""
    side = math.isqrt(max(0, bytes_free // 2) // bytes_per_pixel)
    return max(SMALLEST_TILE, min(LARGEST_TILE, side // 64 * 64))


def free_memory(device: torch.device) -> int:
    """Return the bytes that may still be taken on a device: of the machine, or of its container."""
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    return min([_machine_free(), *_container_free()])


def _machine_free() -> int:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 4 * 2**30


def _container_free() -> Sequence[int]:
    limit = _lines(Path("/sys/fs/cgroup/memory.max"))
    used = _lines(Path("/sys/fs/cgroup/memory.current"))
    if not limit or not used or not limit[0].isdigit():
        return []
    return [max(0, int(limit[0]) - int(used[0]))]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _strip(picture: Tensor, down: Grid, across: Grid) -> Tensor:
    padded = across.starts[-1] + across.length
    return torch.zeros(picture.shape[0], down.length, padded, device=picture.device)


def _fade(length: int, shared: int) -> Tensor:
    """Return weights that rise from 0 to 1 within the middle half of the first `shared` pixels."""
    if not shared:
        return torch.ones(length)
    place = (torch.arange(length) + 0.5) / shared
    rise = ((place - 0.25) * 2).clamp(0, 1)
    # Never quite nothing: where three tiles meet, somebody has to speak.
    return (rise * rise * (3 - 2 * rise)).clamp(min=1e-6)


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple

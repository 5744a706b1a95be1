"""Seekable pictures by their parts: read and decode only those that a rectangle touches.

The *index* of a seekable picture holds, from its head to the end of the file, the byte length of
each part that decodes alone, 4 bytes a part, little-endian:

- JPEG: the rows of restart cells;
- strip PNG: the strips, and last what follows them.

What is left of the file's length is the head. So a few short reads bring all that is needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ggt_hf import images
from ggt_hf.data.regions.cells import cut_cells
from ggt_hf.data.regions.decoder import decode_for_now
from ggt_hf.data.regions.jpeg import cells_needed, parse_head
from ggt_hf.data.regions.png import SIGNATURE, cut_strips, parse_rest
from ggt_hf.data.regions.region import TURNS, Region, Turn
from ggt_hf.errors import ImageError

Read = Callable[[int, int], bytes | memoryview]
"""(start, stop) -> those bytes of an encoded picture; the next call may overwrite a view."""


def from_parts(
    read: Read, num_bytes: int, region: Region, index: bytes, name: str
) -> NDArray[np.uint8] | None:
    """Decode `region` of a picture; ``None`` if it is not what `index` says.

    The pixels may lie in memory that the next call in this thread overwrites.

    Args:
        read: gives bytes of the picture.
        num_bytes: its length.
        region: a rectangle of the upright picture.
        index: its index.
        name: what to call it in an error.

    Raises:
        UsageError: `region` leaves the picture.
    """
    ends = _ends(index)
    head_bytes = num_bytes - int(ends[-1]) if len(ends) else 0
    if head_bytes <= 0:
        return None
    head = bytes(read(0, head_bytes))
    from_kind = _png if head.startswith(SIGNATURE) else _jpeg
    try:
        return from_kind(read, head, ends, region, name)
    except ImageError:
        return None  # the whole picture may still be one


def _ends(index: bytes) -> NDArray[np.int64]:
    """Return where the parts end, counted from the end of the head; none if `index` is none."""
    if not index or len(index) % 4:
        return np.empty(0, np.int64)
    return np.frombuffer(index, "<u4").cumsum(dtype=np.int64)


def _jpeg(
    read: Read, head: bytes, ends: NDArray[np.int64], region: Region, name: str
) -> NDArray[np.uint8] | None:
    found = parse_head(head)
    grid = found.frame.grid if found else None
    if found is None or grid is None or found.frame.width * found.frame.height > images.MAX_PIXELS:
        return None
    if found.scan_at != len(head) or grid.rows != len(ends):
        return None
    frame = found.frame
    turn = turn_of(head, name) if found.has_metadata else TURNS[1]
    region = stored(region, turn, frame.width, frame.height, name)
    box = cells_needed(frame, grid, region)
    start = int(ends[box.top - 1]) if box.top else 0
    stops = ends[box.top : box.bottom] - start
    first = len(head) + start
    try:
        jpeg = cut_cells(read(first, first + int(stops[-1])), stops, found, grid, box)
    except (ValueError, IndexError):
        return None
    pixels, remark = decode_for_now(jpeg, *grid.size_of(box, frame))
    if remark:
        return None
    y, x = region.y - box.top * grid.cell_height, region.x - box.left * grid.cell_width
    return turn.upright(pixels[y : y + region.height, x : x + region.width])


def _png(
    read: Read, head: bytes, ends: NDArray[np.int64], region: Region, name: str
) -> NDArray[np.uint8] | None:
    *strip_ends, end = (len(head) + ends).tolist()
    rest = b"".join((head, read(strip_ends[-1] if strip_ends else len(head), end)))
    png = parse_rest(rest)
    if png is None or png.count != len(strip_ends) or png.width * png.height > images.MAX_PIXELS:
        return None
    turn = turn_of(rest, name) if png.has_metadata else TURNS[1]
    region = stored(region, turn, png.width, png.height, name)
    first, last = png.strips_of(region)
    start = strip_ends[first - 1] if first else len(head)
    pixels = cut_strips(read(start, strip_ends[last]), png, region)
    return None if pixels is None else turn.upright(pixels)


def turn_of(data: bytes, name: str) -> Turn:
    """Return how the pixels of a picture are turned upright."""
    return TURNS[images.inspect(data, name).orientation]


def stored(region: Region, turn: Turn, width: int, height: int, name: str) -> Region:
    """Return where `region` of the upright picture lies in the stored one."""
    region.within(*turn.upright_size(width, height), name)
    return region if turn is TURNS[1] else turn.stored(region, width, height)

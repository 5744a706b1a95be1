"""Where the restart cells of a JPEG end: found by their markers, and listed in its own header.

The list stands in APP9 segments that begin with ``ggt cells`` and a zero byte: for each cell, row
after row, how far from the start of its row of cells its marker stands, in 2 bytes, little-endian.
It saves a reader the search for markers. To every other program it is metadata that means nothing;
a program that writes the picture anew and keeps the list leaves one that fits no more, which is why
`cells.cut_cells` compares it with the markers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from ggt_hf.data.regions.jpeg import CELL_LIST, Grid, metadata_end, parse_head, segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

EOI = b"\xff\xd9"
MARKER_BYTES = 2
_TURNS = np.tile(np.arange(0xD0, 0xD8, dtype=np.uint8), 512)
_TURNS.setflags(write=False)
_MAX_CONTENT = 65_522 - len(CELL_LIST[1])
"""Bytes of the list in one segment, which holds 65,533: an even number."""


def jpeg_index(data: bytes) -> bytes | None:
    """Return the byte length of each row of cells, ``<u4``: the `regions.parts` index of a JPEG.

    ``None`` if `data` is no JPEG whose restart markers stand on a grid.
    """
    ends = _all_ends(data)
    return None if ends is None else _row_lengths(ends).astype("<u4").tobytes()


def list_cells(data: bytes) -> bytes:
    """Return the list that a JPEG's header should hold.

    It is empty where a list would tell nothing that the index does not, where a row is too long
    for it, and where restart markers do not stand on a grid.
    """
    ends = _all_ends(data)
    if ends is None or ends.shape[1] == 1:
        return b""
    lengths = _row_lengths(ends)
    if lengths.max() > np.iinfo(np.uint16).max:
        return b""
    return (ends - (np.cumsum(lengths) - lengths)[:, None]).astype("<u2").tobytes()


def with_cell_list(data: bytes) -> bytes:
    """Return a JPEG with the list of its cells in its header, as it is where there is none."""
    content = list_cells(data)
    parts = (content[at : at + _MAX_CONTENT] for at in range(0, len(content), _MAX_CONTENT))
    at = metadata_end(data)
    return b"".join((data[:at], *map(_segment, parts), data[at:]))


def without_cell_list(data: bytes) -> bytes:
    """Return a JPEG without the list of its cells, which it may have or not."""
    marker, name = CELL_LIST
    kept, done = [], 0
    for found, start, stop in segments(data):
        if found == marker and data.startswith(name, start + 4):
            kept.append(data[done:start])
            done = stop
    return b"".join((*kept, data[done:]))


def find_ends(
    scan: bytes | memoryview, first: int, count: int, grid: Grid
) -> NDArray[np.int64] | None:
    """Return where each of `count` cells from number `first` on ends in `scan`, at its marker.

    ``None`` unless `scan` begins with exactly the expected markers, in turn.
    """
    window = np.frombuffer(scan, np.uint8)
    at = np.flatnonzero(window[:-1] == EOI[0])
    numbers = window[at + 1]
    is_marker = numbers != 0
    at, numbers = at[is_marker][:count], numbers[is_marker][:count]
    expected = in_turn(first, count).copy()
    if first + count == grid.count:
        expected[-1] = EOI[1]
    return at if np.array_equal(numbers, expected) else None


def in_turn(first: int, count: int) -> NDArray[np.uint8]:
    """Return the second bytes of `count` restart markers, the first one being number `first`."""
    first &= 7
    if first + count <= len(_TURNS):
        return _TURNS[first : first + count]
    return (0xD0 + (np.arange(first, first + count) & 7)).astype(np.uint8)


def _all_ends(data: bytes) -> NDArray[np.int64] | None:
    """Return where each cell ends in the entropy-coded data, ``(rows, columns)``."""
    head = parse_head(data)
    grid = head.frame.grid if head else None
    if head is None or grid is None:
        return None
    ends = find_ends(memoryview(data)[head.scan_at :], 0, grid.count, grid)
    return None if ends is None else ends.reshape(grid.rows, grid.columns)


def _row_lengths(ends: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.diff(ends[:, -1] + MARKER_BYTES, prepend=0)


def _segment(content: bytes) -> bytes:
    marker, name = CELL_LIST
    return struct.pack(">BBH", 0xFF, marker, 2 + len(name) + len(content)) + name + content

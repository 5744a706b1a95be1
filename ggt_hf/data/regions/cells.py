"""Cutting a rectangle of restart cells out of a JPEG: bytes in, a smaller JPEG out.

Where the cells end is listed in the JPEG's own header (`cell_list`). Where there is no list, their
markers are looked for. A list is believed where the expected markers stand at the places it names;
else it is wrong, or what is said of the rows is, and which of the two cannot be told.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ggt_hf.data.regions.cell_list import EOI, MARKER_BYTES, find_ends, in_turn
from ggt_hf.data.regions.jpeg import CellBox, Grid, JpegHead

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = bytes | memoryview
    Ends = tuple[NDArray[np.int64], NDArray[np.int64]]
    """First byte of each row of a box, and marker of each of its cells, ``(rows, columns)``."""


def cut_cells(
    rows: Bytes, row_ends: NDArray[np.int64], head: JpegHead, grid: Grid, box: CellBox
) -> bytearray:
    """Return a JPEG of the cells in `box` alone.

    Args:
        rows: the entropy-coded data of the rows of cells in `box`, whole rows.
        row_ends: where each of these rows ends in it.
        head: of the picture.
        grid: its cells.
        box: the wanted cells.

    Raises:
        ValueError, IndexError: `rows` does not hold exactly the expected markers, in turn, or not
            where the list says.
    """
    listed = _listed(rows, row_ends, head, grid, box) if head.cell_list else None
    starts, ends = listed or _found(rows, grid, box)
    stops = ends[:, -1] + MARKER_BYTES
    view = memoryview(rows)
    parts = [view[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
    header = head.frame.sized(*grid.size_of(box, head.frame))
    jpeg = bytearray().join((header, *parts))
    # What stood at `stops[row]` in `rows` stands so much further on in the new JPEG.
    shifts = (stops - starts).cumsum() - stops + (len(header) + 1)
    numbers_at = (ends + shifts[:, None]).ravel()
    numbers = np.frombuffer(jpeg, np.uint8)
    numbers[numbers_at] = in_turn(0, len(numbers_at))
    numbers[-1] = EOI[1]
    return jpeg


def _listed(
    rows: Bytes, row_ends: NDArray[np.int64], head: JpegHead, grid: Grid, box: CellBox
) -> Ends:
    """Take the ends of the cells in `box` from the list.

    Raises:
        ValueError, IndexError: it does not fit them.
    """
    every_row = np.frombuffer(head.cell_list, "<u2").reshape(grid.rows, grid.columns)
    listed = every_row[box.top : box.bottom]
    tops = np.empty_like(row_ends)
    tops[0], tops[1:] = 0, row_ends[:-1]
    ends = listed + tops[:, None]
    # Numbers alone would not tell a cell from the eighth after it. As many markers as a row has,
    # each further on than the one before, up to its end: these are all of them.
    is_complete = ends[:, -1].tobytes() == (row_ends - MARKER_BYTES).tobytes()
    in_order = ends.ravel()
    if not is_complete or np.count_nonzero(in_order[1:] > in_order[:-1]) < len(in_order) - 1:
        raise ValueError("the list of cells does not fit their rows")
    # Two bytes from any place on, seen as one number.
    found = np.ndarray(len(rows) - 1, "<u2", rows, 0, 1)[ends]
    if found.tobytes() != _markers(grid, box):
        raise ValueError("restart markers are missing, or not where the list says")
    starts = ends[:, box.left - 1] + MARKER_BYTES if box.left else tops
    return starts, ends[:, box.left : box.right]


def _markers(grid: Grid, box: CellBox) -> bytes:
    """Return the markers after the cells in the rows of `box`, row after row."""
    count = (box.bottom - box.top) * grid.columns
    markers = _in_rows(box.top * grid.columns & 7, count)
    return markers[:-1] + EOI[1:] if box.bottom == grid.rows else markers


@lru_cache(maxsize=1024)
def _in_rows(first: int, count: int) -> bytes:
    """Return `count` restart markers, the first one being number `first`."""
    return b"\xff" + b"\xff".join(bytes([number]) for number in in_turn(first, count).tolist())


def _found(rows: Bytes, grid: Grid, box: CellBox) -> Ends:
    """Look for the ends of the cells in `box`.

    Raises:
        ValueError: not exactly the expected markers are there.
    """
    count = (box.bottom - box.top) * grid.columns
    found = find_ends(rows, box.top * grid.columns, count, grid)
    if found is None or found[-1] + MARKER_BYTES != len(rows):
        raise ValueError("restart markers are missing, or not where the index says")
    starts = np.concatenate([[0], found[:-1] + MARKER_BYTES]).reshape(-1, grid.columns)
    return starts[:, box.left], found.reshape(-1, grid.columns)[:, box.left : box.right]

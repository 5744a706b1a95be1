"""Cutting a rectangle of restart cells out of a JPEG: bytes in, a smaller JPEG out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ggt_hf.data.regions.jpeg import CellBox, Grid, JpegFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EOI = b"\xff\xd9"


def build_index(data: bytes, frame: JpegFrame, grid: Grid) -> bytes | None:
    """Return the byte length of each row of cells, ``<u4``: the `regions.parts` index of a JPEG.

    ``None`` if its restart markers are not as they must be.
    """
    scan = memoryview(data)[frame.scan_at :]
    ends = _ends(scan, 0, grid.count, grid)
    if ends is None:
        return None
    rows = ends.reshape(grid.rows, grid.columns)[:, -1] + 2
    return np.diff(rows, prepend=0).astype("<u4").tobytes()


def cut_cells(rows: bytes | memoryview, frame: JpegFrame, grid: Grid, box: CellBox) -> bytearray:
    """Return a JPEG of the cells in `box` alone.

    Args:
        rows: the entropy-coded data of the rows of cells in `box`, whole rows.
        frame: the picture's header.
        grid: its cells.
        box: the wanted cells.

    Raises:
        ValueError: `rows` does not hold exactly the expected markers, numbered in turn.
    """
    count = (box.bottom - box.top) * grid.columns
    found = _ends(rows, box.top * grid.columns, count, grid)
    if found is None or found[-1] + 2 != len(rows):
        raise ValueError("restart markers are missing, or not where the index says")
    ends = found.reshape(-1, grid.columns)[:, box.left : box.right]
    starts = (np.concatenate([[-2], found[:-1]]) + 2).reshape(-1, grid.columns)[:, box.left]
    stops = ends[:, -1] + 2
    parts = [rows[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
    head = frame.sized(*grid.size_of(box, frame))
    jpeg = head.join((b"", b"".join(parts)))
    lengths = stops - starts
    marker_at = (ends + (np.cumsum(lengths) - lengths + len(head) - starts + 1)[:, None]).ravel()
    numbers = np.frombuffer(jpeg, np.uint8)
    numbers[marker_at] = _turn(0, len(marker_at))
    numbers[marker_at[-1]] = _EOI[1]
    return jpeg


def _ends(scan: bytes | memoryview, first: int, count: int, grid: Grid) -> NDArray[np.int64] | None:
    """Return where each of `count` cells from number `first` on ends in `scan`, at its marker.

    ``None`` unless `scan` begins with exactly the expected markers, in turn.
    """
    window = np.frombuffer(scan, np.uint8)
    at = np.flatnonzero(window[:-1] == 0xFF)
    numbers = window[at + 1]
    is_marker = numbers != 0
    at, numbers = at[is_marker][:count], numbers[is_marker][:count]
    expected = _turn(first, count)
    if first + count == grid.count:
        expected[-1] = _EOI[1]
    return at if np.array_equal(numbers, expected) else None


def _turn(first: int, count: int) -> NDArray[np.uint8]:
    """Return the second bytes of `count` restart markers, the first one being number `first`."""
    return (0xD0 + (np.arange(first, first + count) & 7)).astype(np.uint8)

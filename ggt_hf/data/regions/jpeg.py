"""The frame of a baseline JPEG: what its header says, and how to cut a smaller JPEG out of it.

A *cell* is the stretch of entropy-coded data that decodes alone: the MCUs between two restart
markers. Where cells form a grid over the picture, any rectangle of cells is a JPEG again once it
gets a header with its own size and restart markers numbered anew. No coefficient is touched.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ggt_hf.data.regions.region import Region

_SOI = b"\xff\xd8"
_SOF_HUFFMAN, _SOF_ALL = {0xC0, 0xC1}, set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_DHT, _SOS, _DQT, _DRI, _APP0, _APP1, _APP14 = 0xC4, 0xDA, 0xDB, 0xDD, 0xE0, 0xE1, 0xEE
_KEPT = _SOF_HUFFMAN | {_DHT, _SOS, _DQT, _DRI, _APP0, _APP14}
"""What decides about pixels; APP0 and APP14 tell the colour space."""
_METADATA = set(range(0xE0, 0xF0)) | {0xFE}
_KNOWN = _KEPT | _SOF_ALL | _METADATA
"""What else may stand in a header: other frames, metadata, comments."""
CELL_LIST = 0xE9, b"ggt cells\0"
"""Marker (APP9) and first bytes of the segments that say where cells end: `cell_list`."""
_LONGEST = 1 << 16
"""Bytes of a header without metadata, from which on the full decoder takes over; 600 are usual."""
_CONTEXT = 2
"""Pixels around a region that smooth chroma upsampling looks at."""
_NARROWEST = 16
"""Below 9 columns libjpeg upsamples chroma without smoothing: never cut narrower than this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Cells over a picture, all of one size but for the last ones."""

    columns: int
    """Cells across."""
    rows: int
    """Cells down."""
    cell_width: int
    """Pixels across a cell."""
    cell_height: int
    """Pixels down a cell."""

    @property
    def count(self) -> int:
        """Cells in all."""
        return self.columns * self.rows

    def size_of(self, box: CellBox, frame: JpegFrame) -> tuple[int, int]:
        """Return (width, height) in pixels of the cells in `box`; the last ones may be cut off."""
        return (
            min(box.right * self.cell_width, frame.width) - box.left * self.cell_width,
            min(box.bottom * self.cell_height, frame.height) - box.top * self.cell_height,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class JpegFrame:
    """A baseline JPEG of one scan and 8 bits, grey or in three components."""

    width: int
    """Pixels across, as stored."""
    height: int
    """Pixels down, as stored."""
    mcu_width: int
    """Pixels across that one MCU covers."""
    mcu_height: int
    """Pixels down that one MCU covers."""
    subsampled: bool
    """Whether any component is coarser than another."""
    interval: int
    """MCUs between restart markers; 0 = none."""
    grid: Grid | None
    """The cells, where restart markers stand on a grid."""
    header: bytes
    """SOI to SOS without metadata: only what decides about pixels."""
    size_at: int
    """Where in `header` the height stands (2 bytes), followed by the width."""

    @property
    def across(self) -> int:
        """MCUs across."""
        return -(-self.width // self.mcu_width)

    def sized(self, width: int, height: int) -> bytearray:
        """Return `header` for a picture of another size."""
        header = bytearray(self.header)
        struct.pack_into(">HH", header, self.size_at, height, width)
        return header


class JpegHead(NamedTuple):
    """What stands before the entropy-coded data of a JPEG."""

    frame: JpegFrame
    scan_at: int
    """Where in the file the entropy-coded data starts."""
    has_metadata: bool
    """Whether EXIF or XMP is there, which may hold an orientation."""
    cell_list: bytes
    """Where the header says that cells end: `cell_list`; empty where it says nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellBox:
    """A rectangle of cells: rows ``[top, bottom)``, columns ``[left, right)``."""

    top: int
    bottom: int
    left: int
    right: int


def parse_head(data: bytes) -> JpegHead | None:
    """Read the header of a JPEG; ``None`` if it is of a kind that cannot be cut.

    Progressive, arithmetic, lossless, 12-bit, four-component and many-scan files, and damaged
    headers, are of that kind.
    """
    try:
        return _parse(data) if data[:2] == _SOI else None
    except (struct.error, IndexError):
        return None


def _parse(data: bytes) -> JpegHead | None:
    kept, cell_list, has_metadata = [_SOI], b"", False
    marker, scan_at = 0, 2
    for marker, start, scan_at in segments(data):
        if marker in _KEPT:
            kept.append(data[start:scan_at])
        elif marker in _SOF_ALL:
            return None
        elif marker == CELL_LIST[0] and data.startswith(CELL_LIST[1], start + 4):
            cell_list += data[start + 4 + len(CELL_LIST[1]) : scan_at]
        else:
            has_metadata |= marker == _APP1
    is_whole = marker == _SOS and sum(map(len, kept)) < _LONGEST
    frame = _frame(tuple(kept)) if is_whole else None
    return JpegHead(frame, scan_at, has_metadata, cell_list) if frame else None


@lru_cache(maxsize=256)
def _frame(kept: tuple[bytes, ...]) -> JpegFrame | None:
    """Return the frame of a header; kept, because the pictures of a dataset are often alike.

    Args:
        kept: its segments, SOI to SOS, without metadata.

    Raises:
        struct.error, IndexError: a segment is cut off.
    """
    frames = [at for at, segment in enumerate(kept) if segment[1] in _SOF_HUFFMAN]
    layout = _layout(kept[frames[0]], kept[-1]) if len(frames) == 1 else None
    if layout is None:
        return None
    width, height, mcu_width, mcu_height, subsampled = layout
    interval = 0
    for segment in kept:
        if segment[1] == _DRI:
            (interval,) = struct.unpack_from(">H", segment, 4)
    return JpegFrame(
        width=width,
        height=height,
        mcu_width=mcu_width,
        mcu_height=mcu_height,
        subsampled=subsampled,
        interval=interval,
        grid=_grid(width, height, mcu_width, mcu_height, interval),
        header=b"".join(kept),
        size_at=sum(map(len, kept[: frames[0]])) + 5,
    )


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, stop) after SOI, up to and with SOS; stop early at anything else.

    Raises:
        IndexError: the header is cut off.
    """
    at, marker = 2, 0
    while marker != _SOS and data[at] == 0xFF and data[at + 1] in _KNOWN:
        marker = data[at + 1]
        stop = at + 2 + (data[at + 2] << 8 | data[at + 3])
        yield marker, at, stop
        at = stop


def metadata_end(data: bytes) -> int:
    """Return where the metadata at the head of a JPEG ends (APPn and comments)."""
    at = 2
    for marker, _, stop in segments(data):
        if marker not in _METADATA:
            break
        at = stop
    return at


def _layout(sof: bytes, sos: bytes) -> tuple[int, int, int, int, bool] | None:
    """Return width, height, those of an MCU, and whether chroma is coarser; ``None`` = unfit.

    Args:
        sof: the segment that describes the frame.
        sos: the segment that describes its scan.
    """
    height, width = struct.unpack_from(">HH", sof, 5)
    if not (height and width) or sof[4] != 8 or sof[9] not in (1, 3) or sos[4] != sof[9]:
        return None
    factors = sof[11 : 11 + 3 * sof[9] : 3]
    across, down = [factor >> 4 for factor in factors], [factor & 15 for factor in factors]
    if len(factors) != sof[9] or min(*across, *down) < 1 or max(*across, *down) > 4:
        return None
    if len(factors) == 1:
        # A lone component is not interleaved: its MCU is one block, whatever its factors say.
        return width, height, 8, 8, False
    return width, height, 8 * max(across), 8 * max(down), len(set(factors)) > 1


def _grid(width: int, height: int, mcu_width: int, mcu_height: int, interval: int) -> Grid | None:
    """Return the cells, or ``None`` if restart markers do not stand on a grid."""
    across, down = -(-width // mcu_width), -(-height // mcu_height)
    if interval and across % interval == 0:
        columns, high = across // interval, 1
    elif interval and interval % across == 0:
        columns, high = 1, interval // across
    else:
        return None
    return Grid(
        columns=columns,
        rows=-(-down // high),
        cell_width=min(interval, across) * mcu_width,
        cell_height=high * mcu_height,
    )


def rows_needed(frame: JpegFrame, region: Region) -> int:
    """Return to which row, exclusively, a picture must be decoded for `region` to be exact."""
    context = _CONTEXT if frame.subsampled else 0
    full = -(-(region.bottom + context) // frame.mcu_height) * frame.mcu_height
    return min(full, frame.height)


def surroundings(frame: JpegFrame, region: Region) -> Region:
    """Return what must be decoded, from the left edge of an MCU on, for `region` to be exact."""
    context = _CONTEXT if frame.subsampled else 0
    right, bottom = min(region.right + context, frame.width), region.bottom + context
    left = max(min(region.x - context, right - _NARROWEST), 0) // frame.mcu_width * frame.mcu_width
    top = max(region.y - context, 0)
    height = min(bottom, frame.height) - top
    return Region(x=left, y=top, width=right - left, height=height)


def cells_needed(frame: JpegFrame, grid: Grid, region: Region) -> CellBox:
    """Return the cells that must be decoded for `region` to be exact."""
    around = surroundings(frame, region)
    return CellBox(
        top=around.y // grid.cell_height,
        bottom=-(-around.bottom // grid.cell_height),
        left=around.x // grid.cell_width,
        right=-(-around.right // grid.cell_width),
    )

"""Strip PNGs: ordinary PNG files whose rows can be inflated a few at a time.

Every reader opens them; three properties make them seekable:

- the deflate stream is fully flushed after every strip of rows, so each strip inflates alone;
- each strip is one IDAT chunk, whose CRC proves it, and which is found by hopping over chunks;
- the first row of a strip is filtered by Sub and the others by Up, so a column of pixels is a
  running sum of bytes, and only the wanted columns need be summed.

A private chunk, ``ggST``, holds the rows of a strip. Its name says to editors that it must go
when the pixels change.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from ggt_hf.data.regions.inflating import inflater
from ggt_hf.data.regions.scratch import Scratch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ggt_hf.data.regions.region import Region

SIGNATURE = b"\x89PNG\r\n\x1a\n"
STRIP_CHUNK = b"ggST"
CHANNELS = {0: 1, 2: 3, 6: 4}
"""PNG colour type -> bytes a pixel, for the types that can be seekable: grey, RGB, RGBA."""
SUB, UP = 1, 2
"""Numbers of the two filters in use."""
_ZLIB_HEAD = 2
"""Bytes before the deflate stream in the first strip."""
_TURNABLE = (b"XML:com.adobe.xmp", b"Raw profile type", b"exif\0", b"xmp\0")
"""How texts begin that Pillow takes for EXIF or XMP."""
_TEXT = (b"tEXt", b"zTXt", b"iTXt")
_memory = Scratch()


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """One chunk of a PNG file."""

    kind: bytes
    """Its four letters."""
    start: int
    """Where its content starts in the file."""
    stop: int
    """Where its content ends and its CRC starts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StripPng:
    """A PNG whose strips can be inflated alone."""

    width: int
    """Pixels across, as stored."""
    height: int
    """Pixels down, as stored."""
    channels: int
    """Bytes a pixel: 1, 3 or 4."""
    strip_rows: int
    """Rows of every strip but the last."""
    has_metadata: bool
    """Whether EXIF or XMP is there, which may hold an orientation."""

    @property
    def row_bytes(self) -> int:
        """Bytes of a filtered row, its filter number included."""
        return 1 + self.width * self.channels

    @property
    def count(self) -> int:
        """Strips in all."""
        return -(-self.height // self.strip_rows)

    def strips_of(self, region: Region) -> tuple[int, int]:
        """Return the first and the last strip that `region` touches."""
        return region.y // self.strip_rows, (region.bottom - 1) // self.strip_rows


def chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks of a PNG up to IEND; stop early where the file is cut off."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = Chunk(kind=kind, start=at + 8, stop=at + 8 + length)
        if chunk.stop + 4 > len(data):
            return
        yield chunk
        if kind == b"IEND":
            return
        at = chunk.stop + 4


def is_orderly(found: list[Chunk]) -> bool:
    """Say whether the chunks of a PNG stand so that all decoders see the same picture.

    There is one header, and no gap in the pixels.
    """
    kinds = b" ".join(chunk.kind for chunk in found)
    pixels = b" ".join([b"IDAT"] * kinds.count(b"IDAT"))
    has_ends = kinds.startswith(b"IHDR") and kinds.endswith(b"IEND")
    return has_ends and kinds.count(b"IHDR") == 1 and pixels in kinds


def has_turn(data: bytes, chunk: Chunk) -> bool:
    """Say whether `chunk` may hold an orientation (EXIF or XMP)."""
    if chunk.kind == b"eXIf":
        return True
    return chunk.kind in _TEXT and data[chunk.start : chunk.start + 17].startswith(_TURNABLE)


def strip_index(data: bytes) -> bytes | None:
    """Return the `regions.parts` index of a strip PNG; ``None`` if it is none, or not whole."""
    # An ordinary PNG is known by its head: walking over all of its chunks would take longer.
    head = takewhile(lambda chunk: chunk.kind != b"IDAT", chunks(data))
    if all(chunk.kind != STRIP_CHUNK for chunk in head):
        return None
    found = list(chunks(data))
    strips = [chunk for chunk in found if chunk.kind == b"IDAT"]
    if not strips or found[-1].kind != b"IEND":
        return None
    starts = [chunk.start - 8 for chunk in strips]
    ends = [chunk.stop + 4 for chunk in strips]
    if starts[1:] != ends[:-1]:
        return None
    return np.diff([*starts, ends[-1], len(data)]).astype("<u4").tobytes()


def parse_rest(data: bytes) -> StripPng | None:
    """Read a strip PNG without its strips: what stands before and after them.

    ``None`` if it is not of a kind that strips make up, or a checksum is wrong.
    """
    found = list(chunks(data))
    if not is_orderly(found) or any(chunk.kind == b"IDAT" for chunk in found):
        return None
    marks = [chunk for chunk in found if chunk.kind == STRIP_CHUNK]
    try:
        width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
        (rows,) = struct.unpack(">I", data[marks[0].start : marks[0].stop])
    except (struct.error, IndexError):
        return None
    if depth != 8 or colour not in CHANNELS or interlaced or not rows:
        return None
    if not all(is_intact(data, chunk) for chunk in found):
        return None
    return StripPng(
        width=width,
        height=height,
        channels=CHANNELS[colour],
        strip_rows=rows,
        has_metadata=any(has_turn(data, chunk) for chunk in found),
    )


def cut_strips(data: bytes | memoryview, png: StripPng, region: Region) -> NDArray[np.uint8] | None:
    """Return the pixels of `region`, stored orientation: RGB, ``uint8``, ``(h, w, 3)``.

    ``None`` if the file breaks the promise of its ``ggST`` chunk: a CRC, a length or a filter
    is not what it must be.

    Args:
        data: the strips that `region` touches, each a whole IDAT chunk.
        png: the rest of the picture.
        region: what is wanted.
    """
    rows = png.strip_rows
    first, last = png.strips_of(region)
    top, bottom = first * rows, min((last + 1) * rows, png.height)
    parts = _deflated(data, first)
    if len(parts) != last + 1 - first:
        return None
    raw = _inflated(parts, (bottom - top) * png.row_bytes)
    if raw is None:
        return None
    filtered = raw.reshape(bottom - top, png.row_bytes)
    pixels = np.empty((bottom - top, region.width, png.channels), np.uint8)
    whole = (bottom - top) // rows * rows
    for start, stop, high in ((0, whole, rows), (whole, bottom - top, bottom - top - whole)):
        is_none = start == stop
        if not (is_none or _unfilter(filtered[start:stop], high, region, pixels[start:stop])):
            return None
    wanted = pixels[region.y - top : region.bottom - top]
    return wanted[:, :, :3] if png.channels != 1 else wanted.repeat(3, axis=2)


def _deflated(data: bytes | memoryview, first: int) -> list[memoryview]:
    """Return the deflate blocks of each strip in `data` up to one that is not intact."""
    parts: list[memoryview] = []
    view, at = memoryview(data), 0
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = Chunk(kind=kind, start=at + 8, stop=at + 8 + length)
        at = chunk.stop + 4
        if kind != b"IDAT" or at > len(data) or not is_intact(data, chunk):
            break
        head = 0 if first or parts else _ZLIB_HEAD
        parts.append(view[chunk.start + head : chunk.stop])
    return parts


def is_intact(data: bytes | memoryview, chunk: Chunk) -> bool:
    """Say whether the CRC of `chunk` is right."""
    (crc,) = struct.unpack_from(">I", data, chunk.stop)
    return bool(inflater().crc32(memoryview(data)[chunk.start - 4 : chunk.stop]) == crc)


def _inflated(parts: list[memoryview], size: int) -> NDArray[np.uint8] | None:
    """Return, for now, the `size` bytes of `parts`; ``None`` if they hold more, less or none."""
    library, raw, done = inflater(), _memory.take(size), 0
    inflate = library.decompressobj(-15)
    for part in parts:
        try:
            # A limit, because a hostile strip may hold gigabytes.
            piece = inflate.decompress(part, size - done + 1)
        except library.error:
            return None
        if len(piece) > size - done:
            return None
        raw[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
        done += len(piece)
        if inflate.eof:
            break
    return raw if done == size else None


def _unfilter(
    filtered: NDArray[np.uint8], high: int, region: Region, pixels: NDArray[np.uint8]
) -> bool:
    """Undo the filters of strips of `high` rows into `pixels`, the wanted columns; say if it could.

    All strips go at once. Each pass doubles the rows that are summed: a few long sums outside of
    Python's global lock, where row after row would take and give the lock all the time.
    """
    strips = filtered.reshape(-1, high, filtered.shape[1])
    if (strips[:, 0, 0] != SUB).any() or (strips[:, 1:, 0] != UP).any():
        return False
    count, channels = len(strips), pixels.shape[2]
    heads = strips[:, 0, 1 : 1 + region.right * channels].reshape(count, region.right, channels)
    sums = np.add.accumulate(heads, axis=1, dtype=np.uint8)[:, region.x :]
    rows = strips[:, :, 1 + region.x * channels : 1 + region.right * channels].copy()
    rows[:, 0] = sums.reshape(count, -1)
    wanted = spare = pixels.reshape(rows.shape)
    step = 1
    while step < high:
        spare[:, :step] = rows[:, :step]
        np.add(rows[:, step:], rows[:, :-step], out=spare[:, step:])
        rows, spare, step = spare, rows, 2 * step
    if rows is not wanted:
        wanted[:] = rows
    return True

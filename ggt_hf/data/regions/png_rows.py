"""The part of an ordinary PNG that a region's pixels follow from.

A PNG's filters look left and up, never right or down, and two of the five do not look up. So its
filtered rows from one of those on, down to the region's last and cut off at its last column, are
the filtered rows of a smaller PNG. They are inflated by ISA-L where it is installed, and written
anew in *stored* blocks, which cost next to nothing; what is left to do for a decoder is to undo
the filters of the pixels that remain.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ggt_hf import images
from ggt_hf.data.regions.inflating import inflater
from ggt_hf.data.regions.png import (
    CHANNELS,
    SIGNATURE,
    SUB,
    Chunk,
    chunks,
    has_turn,
    is_intact,
    is_orderly,
)
from ggt_hf.data.regions.scratch import Scratch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ggt_hf.data.regions.region import Region

_LAST_FILTER = 4
"""Paeth's. The first two, None and Sub, do not look at the row above."""
_MAX_STORED = 65_535
"""Bytes that a stored block holds."""
_BLOCK_HEAD = 5
"""Bytes before them."""
_ZLIB_HEAD = b"\x78\x01"
_PIECE = 1 << 16
"""Bytes inflated at a time."""
_rows_memory, _stored_memory = Scratch(), Scratch()


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainPng:
    """A PNG that is upright as stored, one picture, and not interlaced; its chunks are intact."""

    width: int
    """Pixels across."""
    height: int
    """Pixels down."""
    channels: int | None
    """Bytes a pixel, where they are as a region wants them: 8 bits of grey, RGB or RGBA."""
    chunks: list[Chunk]
    """All of it."""


def plain_png(data: bytes) -> PlainPng | None:
    """Read a PNG's chunks; ``None`` if it is of another kind, too large, or damaged.

    Whoever decodes only the upper rows never reaches the checksum of the whole stream: the CRCs of
    all chunks are compared here instead.
    """
    found = list(chunks(data))
    if len(found) < 3 or not is_orderly(found):
        return None
    width, height, depth, colour, _, _, is_interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    is_plain = not any(chunk.kind == b"acTL" or has_turn(data, chunk) for chunk in found)
    if is_interlaced or not is_plain or width * height > images.MAX_PIXELS:
        return None
    if not all(is_intact(data, chunk) for chunk in found):
        return None
    channels = CHANNELS.get(colour) if depth == 8 else None
    return PlainPng(width=width, height=height, channels=channels, chunks=found)


def cut_rows(data: bytes, png: PlainPng, region: Region) -> bytes | None:
    """Return `data` as a PNG that ends with the last row of `region`, where a decoder stops.

    ``None`` if `region` reaches the picture's last row, or leaves it.
    """
    if region.bottom >= png.height or region.right > png.width:
        return None
    head = bytearray(data[:33])
    struct.pack_into(">I", head, 20, region.bottom)
    struct.pack_into(">I", head, 29, zlib.crc32(head[12:29]))
    return bytes(head) + data[33:]


def cut_part(data: bytes, png: PlainPng, region: Region) -> tuple[bytes, int] | None:
    """Return a PNG that ends with the last row and column of `region`, and its first row in `data`.

    It starts at the left edge, and has no metadata. ``None`` if its pixels are of a kind or a width
    for which this is no help, if `region` leaves it, or if its rows are not what they must be.
    """
    if png.channels is None or region.right > png.width or region.bottom > png.height:
        return None
    row_bytes = 1 + region.right * png.channels
    if row_bytes > _MAX_STORED:
        return None
    rows = _inflated(data, png, region.bottom)
    if rows is None or rows[:, 0].max() > _LAST_FILTER:
        return None
    alone = np.flatnonzero(rows[: region.y + 1, 0] <= SUB)
    top = int(alone[-1]) if len(alone) else 0
    head = struct.pack(">II", region.right, region.bottom - top) + data[24:29]
    parts = (
        (b"IHDR", head),
        (b"IDAT", _stored(rows[top:, :row_bytes])),
        (b"IEND", b""),
    )
    return b"".join((SIGNATURE, *(piece for part in parts for piece in _chunk(*part)))), top


def _inflated(data: bytes, png: PlainPng, down: int) -> NDArray[np.uint8] | None:
    """Return the first `down` filtered rows, ``(down, bytes of a row)``, for now.

    Inflated piece by piece, the stream is never copied, nor what comes out of it moved while it
    grows: with the page faults that this costs, it took a third of the time.
    """
    size = down * (1 + png.width * (png.channels or 0))
    raw, done = _rows_memory.take(size), 0
    library, view = inflater(), memoryview(data)
    inflate = library.decompressobj()
    for start, stop in _pieces(png):
        try:
            piece = inflate.decompress(view[start:stop], size - done)
        except library.error:
            return None
        raw[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
        done += len(piece)
        if done == size:
            return raw.reshape(down, -1)
        if inflate.eof:
            break
    return None


def _pieces(png: PlainPng) -> Iterator[tuple[int, int]]:
    """Yield where parts of the deflate stream lie in the file."""
    for chunk in png.chunks:
        if chunk.kind == b"IDAT":
            for start in range(chunk.start, chunk.stop, _PIECE):
                yield start, min(start + _PIECE, chunk.stop)


def _stored(rows: NDArray[np.uint8]) -> memoryview:
    """Return `rows` as a zlib stream of stored blocks, each of as many rows as it can hold.

    For now: the next call in this thread overwrites it.
    """
    down, row_bytes = rows.shape
    high = _MAX_STORED // row_bytes
    tops = range(0, down, high)
    sizes = [min(high, down - top) * row_bytes for top in tops]
    stream = _stored_memory.take(len(_ZLIB_HEAD) + sum(sizes) + _BLOCK_HEAD * len(sizes) + 4).data
    stream[: len(_ZLIB_HEAD)] = _ZLIB_HEAD
    at, checksum = len(_ZLIB_HEAD), 1
    for top, size in zip(tops, sizes, strict=True):
        is_last = top == tops[-1]
        struct.pack_into("<BHH", stream, at, is_last, size, size ^ 0xFFFF)
        at += _BLOCK_HEAD
        block = stream[at : at + size]
        np.frombuffer(block, np.uint8).reshape(-1, row_bytes)[...] = rows[top : top + high]
        checksum = inflater().adler32(block, checksum)
        at += size
    struct.pack_into(">I", stream, at, checksum)
    return stream


def _chunk(kind: bytes, content: bytes | memoryview) -> tuple[bytes, bytes | memoryview, bytes]:
    crc = inflater().crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind, content, struct.pack(">I", crc)

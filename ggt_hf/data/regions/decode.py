"""Decode a rectangle of an encoded picture, with the pixels a full decode would give it.

========================================  ========================================
picture                                   what is decoded
========================================  ========================================
JPEG, baseline, restart markers on grid   the restart cells the region touches
JPEG, baseline, other                     with libjpeg-turbo 3 the region alone, else
                                          the rows down to the region's last
strip PNG (`ggt_hf.data.building.seekable`)        the strips the region touches
PNG, 8 bits of grey, RGB or RGBA          rows and columns up to the region's last,
                                          from a row on that does not look up
PNG, other, upright, not interlaced       the rows down to the region's last
everything else                           the whole picture, by `ggt_hf.images`
========================================  ========================================

Whatever a shortcut finds amiss sends the picture to the full decoder, which gives its pixels or
says what is wrong. JPEGs are decoded by libjpeg-turbo, simplejpeg's or that of `turbojpeg`:
accurate integer DCT, smooth chroma upsampling, which gives the very bits of Pillow with
libjpeg-turbo, and outside of Python's global lock.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ggt_hf import images
from ggt_hf.data.regions.cell_list import jpeg_index
from ggt_hf.data.regions.decoder import decode_for_now, decode_png, decode_rectangle_for_now
from ggt_hf.data.regions.jpeg import JpegHead, parse_head, rows_needed, surroundings
from ggt_hf.data.regions.parts import Read, from_parts, stored, turn_of
from ggt_hf.data.regions.png import SIGNATURE, strip_index
from ggt_hf.data.regions.png_rows import cut_part, cut_rows, plain_png
from ggt_hf.data.regions.region import TURNS, Region
from ggt_hf.data.regions.turbojpeg import library
from ggt_hf.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SOI = b"\xff\xd8"
_CUT_SHORT = re.compile(r"extraneous bytes before marker 0xd9")
"""What libjpeg remarks, and remarks first, when a picture goes on below the rows asked for."""


def decode_region(
    data: bytes,
    region: Region,
    *,
    index: bytes | None = None,
    out: NDArray[np.uint8] | None = None,
    name: str = "the picture",
) -> NDArray[np.uint8]:
    """Decode `region` of an encoded picture, no more of it than needed.

    Args:
        data: the encoded picture: JPEG, PNG or WebP.
        region: a rectangle of the upright picture.
        index: `Seekable.index` of this picture, where there is one; only a help to speed.
        out: where to write, RGB, ``uint8``, ``(h, w, 3)``, of any strides.
        name: what to call the picture in an error.

    Returns:
        `out`, or a new array: RGB, ``uint8``, ``(h, w, 3)``, the bits of
        ``images.decode(data, name)[y : y + h, x : x + w]``.

    Raises:
        ImageError: no picture, or one that is corrupt where it had to be read.
        UsageError: `region` leaves the picture.
        MissingExtraError: a JPEG, and simplejpeg is not installed.
    """
    index = index or seek_index(data)
    pixels = _from_index(data, region, index, name) if index else None
    if pixels is None and data[:2] == _SOI:
        pixels = _jpeg_region(data, region, name)
    elif pixels is None and data[:8] == SIGNATURE:
        pixels = _from_png_rows(data, region, name)
    if pixels is None:
        full = images.decode(data, name)
        height, width, _ = full.shape
        pixels = region.within(width, height, name).crop(full)
    return _delivered(pixels, out)


def read_region(
    read: Read,
    num_bytes: int,
    region: Region,
    *,
    index: bytes | None = None,
    out: NDArray[np.uint8] | None = None,
    name: str = "the picture",
) -> NDArray[np.uint8]:
    """Decode `region` of a picture that lies elsewhere, reading no more of it than needed.

    Args:
        read: (start, stop) -> those bytes of the picture.
        num_bytes: length of the picture.
        region: a rectangle of the upright picture.
        index: `Seekable.index` of this picture; without it all of the picture is read.
        out: as `decode_region`.
        name: what to call it in an error.

    Returns:
        As `decode_region`.

    Raises:
        ImageError, UsageError, MissingExtraError: as `decode_region`.
    """
    pixels = from_parts(read, num_bytes, region, index, name) if index else None
    if pixels is None:
        return decode_region(bytes(read(0, num_bytes)), region, out=out, name=name)
    return _delivered(pixels, out)


def _jpeg_region(data: bytes, region: Region, name: str) -> NDArray[np.uint8] | None:
    head = parse_head(data)
    if head is None or head.frame.width * head.frame.height > images.MAX_PIXELS:
        return None
    turn = turn_of(data, name) if head.has_metadata else TURNS[1]
    region = stored(region, turn, head.frame.width, head.frame.height, name)
    from_kind = _from_rectangle if library() else _from_rows
    pixels = from_kind(data, head, region)
    return None if pixels is None else turn.upright(pixels)


def seek_index(data: bytes) -> bytes | None:
    """Return the `regions.parts` index of an encoded picture; ``None`` if it is not seekable."""
    if data[:8] == SIGNATURE:
        return strip_index(data)
    return jpeg_index(data) if data[:2] == _SOI else None


def _from_index(data: bytes, region: Region, index: bytes, name: str) -> NDArray[np.uint8] | None:
    return from_parts(lambda start, stop: data[start:stop], len(data), region, index, name)


def _from_png_rows(data: bytes, region: Region, name: str) -> NDArray[np.uint8] | None:
    """Decode no further down and across than `region` goes; ``None`` if something is amiss."""
    png = plain_png(data)
    if png is None:
        return None
    part = cut_part(data, png, region)
    if part and png.channels:
        smaller, top = part
        pixels = decode_png(smaller, region.right, region.bottom - top, png.channels)
        return None if pixels is None else pixels[region.y - top :, region.x :]
    shortened = cut_rows(data, png, region)
    try:
        return region.crop(images.decode(shortened, name)) if shortened else None
    except ImageError:
        return None


def _from_rectangle(data: bytes, head: JpegHead, region: Region) -> NDArray[np.uint8] | None:
    """Decode the region and a margin; ``None`` if something is amiss down to its last row."""
    if not _has_end(data):
        return None
    around = surroundings(head.frame, region)
    pixels, remark = decode_rectangle_for_now(data, around)
    if remark:
        return None
    y, x = region.y - around.y, region.x - around.x
    return pixels[y : y + region.height, x : x + region.width]


def _from_rows(data: bytes, head: JpegHead, region: Region) -> NDArray[np.uint8] | None:
    """Decode the rows from the top down to the region's last; ``None`` if something is amiss."""
    frame = head.frame
    rows = rows_needed(frame, region)
    if frame.interval or not _has_end(data):
        # Remarks about restart markers cannot be told apart.
        rows = frame.height
    jpeg = b"".join((frame.sized(frame.width, rows), memoryview(data)[head.scan_at :]))
    pixels, remark = decode_for_now(jpeg, frame.width, rows)
    if remark and not (rows < frame.height and _CUT_SHORT.search(remark)):
        return None
    return region.crop(pixels)


def _has_end(data: bytes) -> bool:
    """Say whether a JPEG ends with its end marker, or bytes after it; else it may be cut off."""
    return b"\xff\xd9" in data[-64:]


def _delivered(pixels: NDArray[np.uint8], out: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Copy `pixels`, which may lie in memory that is used again, to where they are to stay."""
    if out is None:
        return pixels.copy()
    out[...] = pixels
    return out

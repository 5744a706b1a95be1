"""Decode a rectangle of an encoded picture, with the pixels a full decode would give it.

========================================  ========================================
picture                                   what is decoded
========================================  ========================================
JPEG, baseline, restart markers on grid   the restart cells the region touches
JPEG, baseline, other                     the rows down to the region's last
strip PNG (`ggt_hf.data.building.seekable`)        the strips the region touches
PNG, other, upright, not interlaced       the rows down to the region's last
everything else                           the whole picture, by `ggt_hf.images`
========================================  ========================================

Whatever a shortcut finds amiss sends the picture to the full decoder, which gives its pixels or
says what is wrong. JPEGs are decoded by libjpeg-turbo through simplejpeg: accurate integer DCT,
smooth chroma upsampling, which gives the very bits of Pillow with libjpeg-turbo. Decoding
happens outside of Python's global lock.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from ggt_hf import images
from ggt_hf.data.regions.cells import cut_cells
from ggt_hf.data.regions.jpeg import (
    JpegFrame,
    cells_needed,
    grid_of,
    parse_frame,
    rows_needed,
)
from ggt_hf.data.regions.png import SIGNATURE, cut_rows, cut_strips, parse_strips
from ggt_hf.data.regions.region import TURNS, Region, Turn
from ggt_hf.errors import ImageError, MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    if data[:2] == b"\xff\xd8":
        pixels = _jpeg_region(data, region, index, name)
    elif data[:8] == SIGNATURE:
        pixels = _png_region(data, region, name)
    else:
        pixels = None
    if pixels is None:
        full = images.decode(data, name)
        height, width, _ = full.shape
        pixels = region.within(width, height, name).crop(full)
    return _delivered(pixels, out)


def _jpeg_region(
    data: bytes, region: Region, index: bytes | None, name: str
) -> NDArray[np.uint8] | None:
    frame = parse_frame(data)
    if frame is None or frame.width * frame.height > images.MAX_PIXELS:
        return None
    turn = _turn(data, name) if frame.has_metadata else TURNS[1]
    stored = _stored(region, turn, frame.width, frame.height, name)
    pixels = _from_cells(data, frame, stored, index)
    if pixels is None:
        pixels = _from_rows(data, frame, stored)
    return None if pixels is None else turn.upright(pixels)


def _png_region(data: bytes, region: Region, name: str) -> NDArray[np.uint8] | None:
    png = parse_strips(data)
    if png is None:
        return _from_png_rows(data, region, name)
    if png.width * png.height > images.MAX_PIXELS:
        return None
    turn = _turn(data, name) if png.has_metadata else TURNS[1]
    stored = _stored(region, turn, png.width, png.height, name)
    pixels = cut_strips(data, png, stored)
    return None if pixels is None else turn.upright(pixels)


def _from_png_rows(data: bytes, region: Region, name: str) -> NDArray[np.uint8] | None:
    """Decode the rows from the top down to the region's last; ``None`` if something is amiss."""
    shortened = cut_rows(data, region)
    if shortened is None:
        return None
    try:
        pixels = images.decode(shortened, name)
    except ImageError:
        return None
    return region.crop(pixels)


def _from_cells(
    data: bytes, frame: JpegFrame, region: Region, index: bytes | None
) -> NDArray[np.uint8] | None:
    """Decode a JPEG of the cells that `region` touches; ``None`` if there is no such JPEG."""
    grid = grid_of(frame)
    if grid is None:
        return None
    box = cells_needed(frame, grid, region)
    jpeg = cut_cells(data, frame, grid, box, index)
    if jpeg is None:
        return None
    height = min(box.bottom * grid.cell_height, frame.height) - box.top * grid.cell_height
    width = min(box.right * grid.cell_width, frame.width) - box.left * grid.cell_width
    pixels = np.empty((height, width, 3), np.uint8)
    if _decode_into(jpeg, pixels):
        return None
    y, x = region.y - box.top * grid.cell_height, region.x - box.left * grid.cell_width
    return pixels[y : y + region.height, x : x + region.width]


def _from_rows(data: bytes, frame: JpegFrame, region: Region) -> NDArray[np.uint8] | None:
    """Decode the rows from the top down to the region's last; ``None`` if something is amiss."""
    rows = rows_needed(frame, region)
    if frame.interval or b"\xff\xd9" not in data[-64:]:
        # Remarks about restart markers cannot be told apart; a missing end may be a cut file.
        rows = frame.height
    jpeg = b"".join((frame.sized(frame.width, rows), memoryview(data)[frame.scan_at :]))
    pixels = np.empty((rows, frame.width, 3), np.uint8)
    remark = _decode_into(jpeg, pixels)
    if remark and not (rows < frame.height and _CUT_SHORT.search(remark)):
        return None
    return region.crop(pixels)


def _decode_into(jpeg: bytes | bytearray, pixels: NDArray[np.uint8]) -> str:
    """Decode into `pixels` and return the decoder's first remark; empty = none."""
    try:
        _decoder()(jpeg, colorspace="RGB", buffer=pixels)
    except ValueError as error:
        return str(error)
    return ""


class _Decoder(Protocol):
    def __call__(
        self, data: bytes | bytearray, *, colorspace: str, buffer: object = None
    ) -> NDArray[np.uint8]: ...


@cache
def _decoder() -> _Decoder:
    try:
        import simplejpeg
    except ImportError as error:
        raise MissingExtraError.of("simplejpeg", "stream", "Decoding JPEG regions") from error
    return cast("_Decoder", simplejpeg.decode_jpeg)


def _turn(data: bytes, name: str) -> Turn:
    return TURNS[images.inspect(data, name).orientation]


def _stored(region: Region, turn: Turn, width: int, height: int, name: str) -> Region:
    region.within(*turn.upright_size(width, height), name)
    return turn.stored(region, width, height)


def _delivered(pixels: NDArray[np.uint8], out: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    if out is None:
        return np.ascontiguousarray(pixels)
    out[...] = pixels
    return out

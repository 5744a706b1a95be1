"""Rewrite pictures without loss so that a region of them decodes alone.

The rewritten files are ordinary JPEG and PNG files. JPEGs get a restart marker about every 32
pixels, through libjpeg-turbo's ``jpegtran`` (only the entropy coding changes), and note in a
segment of their header where the markers stand; PNGs are written as strip PNGs
(`ggt_hf.data.regions.png`). Every rewriting is proven before it is returned.
"""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ggt_hf import images
from ggt_hf.data.regions import Region, decode_region
from ggt_hf.data.regions.cell_list import jpeg_index, with_cell_list, without_cell_list
from ggt_hf.data.regions.jpeg import JpegFrame, parse_head
from ggt_hf.data.regions.png import (
    CHANNELS,
    SIGNATURE,
    STRIP_CHUNK,
    SUB,
    UP,
    Chunk,
    chunks,
    strip_index,
)
from ggt_hf.errors import MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL_PIXELS = 32
"""Pixels across a restart cell, about."""
STRIP_ROWS = 32
"""Rows of a PNG strip."""
_MARKER_PIXELS = (CELL_PIXELS // 2, CELL_PIXELS * 4)
_SECONDS = 120
_LEVEL = 9

How = Literal["restart markers", "strips", "unchanged"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seekable:
    """A picture, seekable if it could be made so."""

    data: bytes
    """The encoded picture: the given bytes where `how` is ``unchanged``."""
    index: bytes | None
    """For `decode_region` and `read_region`: where its parts begin, as `regions.parts` has it.
    ``None`` = none possible."""
    how: How
    """What was done."""
    reason: str = ""
    """Why nothing was done; empty where something was."""


def make_seekable(data: bytes, name: str = "the picture") -> Seekable:
    """Rewrite a picture so that its regions decode alone; same pixels, same metadata.

    Pictures that cannot be rewritten (progressive, CMYK, palette, 16-bit, WebP, ...), or whose
    rewriting cannot be proven to be lossless, come back unchanged, with the reason.

    Raises:
        ImageError: `data` is no whole picture.
        MissingExtraError: a JPEG, and there is no ``jpegtran``.
    """
    info = images.verify(data, name)
    if info.format == "jpeg":
        return _with_restarts(data, name)
    if info.format == "png":
        return _with_strips(data, name)
    return _unchanged(data, f"{info.format} has no parts that decode alone")


def find_jpegtran() -> str:
    """Return the path of libjpeg-turbo's ``jpegtran``.

    Raises:
        MissingExtraError: there is none.
    """
    path = shutil.which("jpegtran")
    if path is None:
        raise MissingExtraError(
            "Making JPEGs seekable needs libjpeg-turbo's jpegtran, which is not on the PATH.",
            hint="Run: apt install libjpeg-turbo-progs (or: brew install jpeg-turbo, "
            "conda install libjpeg-turbo). Reading needs nothing.",
        )
    return path


def cell_mcus(frame: JpegFrame) -> int:
    """Return the MCUs between restart markers: a divisor of a row, as near `CELL_PIXELS` as may be.

    Where no divisor is near, one marker ends each row of MCUs.
    """
    low, high = (pixels // frame.mcu_width for pixels in _MARKER_PIXELS)
    near = [n for n in range(max(low, 1), high + 1) if frame.across % n == 0]
    wanted = CELL_PIXELS / frame.mcu_width
    return min(near, key=lambda n: (max(n / wanted, wanted / n), n), default=frame.across)


def _with_restarts(data: bytes, name: str) -> Seekable:
    head = parse_head(data)
    if head is None:
        return _unchanged(data, "not a baseline JPEG of one scan, grey or three components")
    if not data.endswith(b"\xff\xd9") or data.find(b"\xff\xd9", head.scan_at) != len(data) - 2:
        return _unchanged(data, "bytes follow the end of the JPEG, which jpegtran would drop")
    program = find_jpegtran()
    # An earlier list of cells would not fit the new ones.
    old = without_cell_list(data)
    rewritten = _jpegtran(program, old, "-restart", f"{cell_mcus(head.frame)}B")
    plain = _jpegtran(program, old)
    if rewritten is None or plain is None:
        return _unchanged(data, "jpegtran could not read it")
    listed = with_cell_list(rewritten)
    # Without restart markers and list both must be one file: same coefficients, tables, metadata.
    is_same = without_cell_list(listed) == rewritten and _jpegtran(program, rewritten) == plain
    if not (is_same and _same_pixels(data, listed, name)):
        return _unchanged(data, "its rewriting was not lossless")
    index = jpeg_index(listed)
    if index is None:
        return _unchanged(data, "its rewriting has no grid of restart markers")
    return Seekable(data=listed, index=index, how="restart markers")


def _jpegtran(program: str, data: bytes, *options: str) -> bytes | None:
    command = [program, "-copy", "all", "-optimize", *options]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def _with_strips(data: bytes, name: str) -> Seekable:
    found = list(chunks(data))
    kinds = {chunk.kind for chunk in found}
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if depth != 8 or colour not in CHANNELS or interlaced or b"tRNS" in kinds:
        return _unchanged(data, "not 8-bit grey, RGB or RGBA, or interlaced")
    if b"acTL" in kinds:
        return _unchanged(data, "it is animated")
    if not found or found[-1].kind != b"IEND" or found[-1].stop + 4 != len(data):
        return _unchanged(data, "bytes follow the end of the PNG")
    pixels = _stored_pixels(data).reshape(height, width * CHANNELS[colour])
    rewritten = _restripped(data, found, _strips(pixels, CHANNELS[colour]))
    if not np.array_equal(_stored_pixels(rewritten).reshape(pixels.shape), pixels):
        return _unchanged(data, "its rewriting was not lossless")
    if not _same_pixels(data, rewritten, name):
        return _unchanged(data, "its rewriting does not decode by strips")
    return Seekable(data=rewritten, index=strip_index(rewritten), how="strips")


def _stored_pixels(data: bytes) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image, dtype=np.uint8)


def _strips(pixels: NDArray[np.uint8], channels: int) -> list[bytes]:
    """Return a zlib stream in parts, one a strip; `pixels` is ``(H, W * channels)``."""
    height, across = pixels.shape
    filtered = np.empty((height, 1 + across), np.uint8)
    filtered[:, 0] = UP
    filtered[1:, 1:] = pixels[1:] - pixels[:-1]
    heads = slice(None, None, STRIP_ROWS)
    filtered[heads, 0] = SUB
    filtered[heads, 1 : 1 + channels] = pixels[heads, :channels]
    filtered[heads, 1 + channels :] = pixels[heads, channels:] - pixels[heads, :-channels]
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, 15, 9, zlib.Z_FILTERED)
    parts = [
        deflate.compress(filtered[top : top + STRIP_ROWS].tobytes())
        + deflate.flush(zlib.Z_FULL_FLUSH)
        for top in range(0, height, STRIP_ROWS)
    ]
    parts[-1] += deflate.flush()
    return parts


def _restripped(data: bytes, found: list[Chunk], strips: list[bytes]) -> bytes:
    """Return the PNG with its IDAT chunks replaced, every other chunk as and where it was."""
    parts, is_done = [SIGNATURE], False
    for chunk in found:
        if chunk.kind == STRIP_CHUNK:
            continue
        if chunk.kind != b"IDAT":
            parts.append(data[chunk.start - 8 : chunk.stop + 4])
        elif not is_done:
            parts.append(_chunk(STRIP_CHUNK, struct.pack(">I", STRIP_ROWS)))
            parts += [_chunk(b"IDAT", strip) for strip in strips]
            is_done = True
    return b"".join(parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def _same_pixels(old: bytes, new: bytes, name: str) -> bool:
    """Say whether both decode to the same upright pixels, the new one by its parts as well."""
    pixels = images.decode(old, name)
    height, width, _ = pixels.shape
    whole = Region(x=0, y=0, width=width, height=height)
    part = Region(x=width // 3, y=height // 3, width=-(-width // 3), height=-(-height // 3))
    return (
        np.array_equal(images.decode(new, name), pixels)
        and np.array_equal(decode_region(new, whole, name=name), pixels)
        and np.array_equal(decode_region(new, part, name=name), part.crop(pixels))
    )


def _unchanged(data: bytes, reason: str) -> Seekable:
    return Seekable(data=data, index=None, how="unchanged", reason=reason)

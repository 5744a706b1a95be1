"""Encoded pictures of every kind that tests of regions need, made in code."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from ggt_hf.data.regions import Region
from tests.making import encoded, picture

SAMPLINGS = ("444", "422", "420", "411", "440", "grey")
SIZES = ((1, 1), (7, 13), (17, 16), (33, 40), (200, 145))


def jpeg(pixels: NDArray[np.uint8], sampling: str = "420", **options: object) -> bytes:
    """A JPEG of `pixels` in any chroma sampling; `options` are Pillow's."""
    if sampling == "grey":
        return _saved(Image.fromarray(pixels).convert("L"), "JPEG", quality=93, **options)
    if sampling in ("411", "440"):
        # Pillow cannot write these two.
        return simplejpeg.encode_jpeg(pixels, quality=93, colorsubsampling=sampling)
    named = ":".join(sampling)
    return encoded(pixels, "JPEG", quality=93, subsampling=named, **options)


def converted(mode: str, form: str, **options: object) -> bytes:
    """A picture of 61 x 47 pixels in one of Pillow's modes."""
    return _saved(Image.fromarray(picture(5, 61, 47)).convert(mode), form, **options)


def interlaced() -> bytes:
    """An RGB PNG in the seven passes of Adam7, which Pillow reads and cannot write."""
    pixels = picture(5, 61, 47)
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4))
    passes += ((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    raw = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in passes for row in pixels[y::dy, x::dx])
    header = struct.pack(">IIBBBBB", 61, 47, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, content)
        for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    )


def animated() -> bytes:
    """A PNG of two frames."""
    first, second = (Image.fromarray(picture(seed, 61, 47)) for seed in (5, 6))
    return _saved(first, "PNG", save_all=True, append_images=[second])


def turned(
    form: str, orientation: int, size: tuple[int, int] = (61, 47), **options: object
) -> bytes:
    """A picture with an EXIF orientation; `size` is the stored width and height."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture(5, *size), form, exif=exif, **options)


def chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG chunk."""
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def regions(width: int, height: int, count: int, seed: int = 0) -> Iterator[Region]:
    """The whole picture, its four corners, and `count` rectangles drawn at random."""
    rng = random.Random(seed)
    yield Region(x=0, y=0, width=width, height=height)
    for x in (0, width - 1):
        for y in (0, height - 1):
            yield Region(x=x, y=y, width=1, height=1)
    for _ in range(count):
        across = rng.randint(1, rng.choice((3, width))) if width > 3 else rng.randint(1, width)
        down = rng.randint(1, height)
        x, y = rng.randint(0, width - across), rng.randint(0, height - down)
        yield Region(x=x, y=y, width=across, height=down)


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()

"""Pictures put together wrong on purpose: regions are never other pixels than the full decode.

Damage by chance is in `test_decode`. Here every part is whole, and every checksum right; parts are
missing, doubled, exchanged, cut or untrue.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from ggt_hf import images
from ggt_hf.data.building.seekable import make_seekable
from ggt_hf.data.regions import Region, decode, decode_region, seek_index, turbojpeg
from ggt_hf.data.regions.jpeg import parse_head, segments
from ggt_hf.data.regions.png import SIGNATURE, chunks
from ggt_hf.errors import ImageError, UsageError
from tests.data.regions import encoding
from tests.data.regions.encoding import chunk, jpeg
from tests.making import encoded, picture

ROUNDS = 400
LIBRARIES = ["as installed", *["simplejpeg alone"] * (turbojpeg.library() is not None)]
Parts = list[tuple[bytes, bytes]]
"""Marker or kind of each part, and what it holds."""


def assert_no_other_pixels(data: bytes, region: Region, index: bytes | None) -> None:
    """The region is that of the full decode; where that refuses the picture, it may be refused."""
    try:
        full = images.decode(data, "it")
    except ImageError:
        full = None
    try:
        found = decode_region(data, region, index=index)
    except (ImageError, UsageError):
        assert full is None or region.right > full.shape[1] or region.bottom > full.shape[0]
        return
    assert full is None or np.array_equal(found, region.crop(full))


def some_region(rng: random.Random) -> Region:
    x, y = rng.choice((0, rng.randrange(90))), rng.choice((0, rng.randrange(70)))
    width, height = rng.randint(1, 96 - x), rng.randint(1, 80 - y)
    return Region(x=x, y=y, width=width, height=height)


def jumbled(parts: Parts, rng: random.Random) -> Parts:
    """`parts` with one of them gone, doubled, elsewhere, cut off, or with other bytes in it."""
    changed = list(parts)
    at, to = rng.randrange(len(parts)), rng.randrange(len(parts))
    kind, content = parts[at]
    how = rng.choice(("gone", "doubled", "moved", "cut", "other"))
    if how in ("gone", "moved"):
        del changed[at]
    if how in ("doubled", "moved"):
        changed.insert(to, parts[at])
    if how == "cut":
        changed[at] = kind, content[: rng.randrange(len(content) + 1)]
    if how == "other" and content:
        place = rng.randrange(len(content))
        byte = rng.choice((0, 1, 2, 0x11, 0x22, 255, rng.randrange(256)))
        changed[at] = kind, content[:place] + bytes([byte]) + content[place + 1 :]
    return changed


def jpeg_parts(data: bytes) -> tuple[Parts, bytes]:
    found = list(segments(data))
    return [(data[at : at + 2], data[at + 4 : stop]) for _, at, stop in found], data[found[-1][2] :]


def joined_jpeg(parts: Parts, scan: bytes, rng: random.Random) -> bytes:
    lies = rng.random() < 0.1
    at = rng.randrange(len(parts))
    lengths = [
        len(content) + 2 + (lies and i == at) * rng.choice((-3, -1, 1, 60_000))
        for i, (_, content) in enumerate(parts)
    ]
    return (
        b"\xff\xd8"
        + b"".join(
            kind + struct.pack(">H", length & 0xFFFF) + content
            for (kind, content), length in zip(parts, lengths, strict=True)
        )
        + scan
    )


JPEGS: dict[str, Callable[[], bytes]] = {
    "plain": lambda: jpeg(picture(9, 96, 80), "420"),
    "4:4:4": lambda: jpeg(picture(9, 96, 80), "444", optimize=True),
    "restarts": lambda: jpeg(picture(9, 96, 80), "420", restart_marker_blocks=2),
    "restarts on no grid": lambda: jpeg(picture(9, 96, 80), "444", restart_marker_blocks=5),
    "turned": lambda: encoding.turned("JPEG", 6, size=(80, 96), restart_marker_blocks=5),
    "progressive": lambda: jpeg(picture(9, 96, 80), "420", progressive=True),
}
EXTRA_SEGMENTS: Parts = [
    (b"\xff\xdd", b"\0\1"),
    (b"\xff\xdd", b"\0\5"),
    (b"\xff\xee", b"Adobe\0d\0\0\0\0\0"),
    (b"\xff\xe9", b"ggt cells\0" + bytes(range(60))),
    (b"\xff\xe1", b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\3" + bytes(6)),
    (b"\xff\xe1", b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="3"/>'),
    (b"\xff\xfe", b""),
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on damaged EXIF
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", JPEGS)
def test_jpegs_of_jumbled_parts(kind: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if library == "simplejpeg alone":
        monkeypatch.setattr(decode, "library", lambda: None)
    data = JPEGS[kind]()
    parts, scan = jpeg_parts(data)
    rng = random.Random(kind)
    for _ in range(ROUNDS):
        changed = jumbled(parts, rng)
        if rng.random() < 0.3:
            changed.insert(rng.randrange(len(parts)), rng.choice(EXTRA_SEGMENTS))
        hostile = joined_jpeg(changed, scan, rng)
        assert_no_other_pixels(hostile, some_region(rng), rng.choice((None, seek_index(data))))


def png_parts(data: bytes) -> Parts:
    return [(found.kind, data[found.start : found.stop]) for found in chunks(data)]


def joined_png(parts: Parts) -> bytes:
    return SIGNATURE + b"".join(chunk(kind, content) for kind, content in parts)


PNGS: dict[str, Callable[[], bytes]] = {
    "plain": lambda: encoded(picture(9, 96, 80)),
    "strips": lambda: make_seekable(encoded(picture(9, 96, 80))).data,
    "turned strips": lambda: make_seekable(encoding.turned("PNG", 6, size=(80, 96))).data,
    "palette": lambda: encoding.converted("P", "PNG", transparency=3),
    "interlaced": encoding.interlaced,
    "animated": encoding.animated,
}
EXTRA_CHUNKS: Parts = [
    (b"IHDR", struct.pack(">IIBBBBB", 288, 80, 8, 0, 0, 0, 0)),
    (b"IDAT", b""),
    (b"DDAT", b"data?"),
    (b"ggST", struct.pack(">I", 16)),
    (b"tRNS", bytes(6)),
    (b"PLTE", bytes(range(255))),
    (b"acTL", struct.pack(">II", 1, 0)),
    (b"eXIf", b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\3" + bytes(6)),
    (b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="3"/>'),
    (b"tEXt", b"interlace\0x"),
    (b"zTXt", b"much\0\0" + zlib.compress(bytes(10**6))),
    (b"iCCP", b"much\0\0" + zlib.compress(bytes(10**6))),
    (b"IEND", b""),
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", PNGS)
def test_pngs_of_jumbled_parts(kind: str) -> None:
    data = PNGS[kind]()
    parts = png_parts(data)
    rng = random.Random(kind)
    for number in range(ROUNDS):
        changed = jumbled(parts, rng) if number % 2 else list(parts)
        if not number % 2 or rng.random() < 0.3:
            changed.insert(rng.randrange(len(parts)), rng.choice(EXTRA_CHUNKS))
        index = rng.choice((None, seek_index(data)))
        assert_no_other_pixels(joined_png(changed), some_region(rng), index)


def test_an_index_of_other_strips_costs_time_and_no_pixels() -> None:
    data = make_seekable(encoding.turned("PNG", 6, size=(80, 96))).data
    index = seek_index(data)
    for size in (1, 7, 100):
        split = joined_png(list(_split(png_parts(data), size)))
        assert_no_other_pixels(split, Region(x=3, y=4, width=40, height=30), index)


def _split(parts: Parts, size: int) -> Iterator[tuple[bytes, bytes]]:
    for kind, content in parts:
        step = size if kind == b"IDAT" else len(content) or 1
        for at in range(0, len(content) or 1, step):
            yield kind, content[at : at + step]


@pytest.mark.parametrize("seekable", [False, True])
def test_a_second_header_is_left_to_the_full_decoder(seekable: bool) -> None:
    data = encoded(picture(9, 96, 80))
    parts = png_parts(make_seekable(data).data if seekable else data)
    # As many bytes a row, as grey: Pillow takes the last header, others the first.
    hostile = joined_png([parts[0], EXTRA_CHUNKS[0], *parts[1:]])
    assert images.decode(hostile, "it").shape == (80, 288, 3)
    assert_no_other_pixels(hostile, Region(x=0, y=0, width=20, height=30), None)


@pytest.mark.parametrize("kind", [b"tEXt", b"DDAT"])
def test_pixels_with_a_gap_are_left_to_the_full_decoder(kind: bytes) -> None:
    parts = png_parts(encoded(picture(9, 96, 80)))
    pixels = next(content for name, content in parts if name == b"IDAT")
    middle = len(pixels) // 2
    gap = [(b"IDAT", pixels[:middle]), (kind, b"x"), (b"IDAT", pixels[middle:])]
    hostile = joined_png([parts[0], *gap, parts[-1]])
    with pytest.raises(ImageError):
        images.decode(hostile, "it")
    with pytest.raises(ImageError):
        decode_region(hostile, Region(x=0, y=60, width=20, height=10))


def test_a_header_of_megabytes_is_left_to_the_full_decoder_and_not_kept() -> None:
    data = jpeg(picture(1, 96, 80), restart_marker_blocks=3)
    table = next(data[start:stop] for marker, start, stop in segments(data) if marker == 0xDB)
    long = data[:2] + table * 2_000 + data[2:]
    assert parse_head(data) is not None
    assert parse_head(long) is None
    region = Region(x=30, y=20, width=40, height=40)
    assert np.array_equal(decode_region(long, region), region.crop(images.decode(data, "it")))

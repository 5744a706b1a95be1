from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ggt_hf.data.building.soundness import prove
from ggt_hf.errors import ImageError
from ggt_hf.images import decode, inspect
from tests.making import encoded, picture

WIDE = picture(0, 160, 96)
SOUND = {
    "jpeg": encoded(WIDE, "JPEG", quality=95, subsampling=0),
    "progressive": encoded(WIDE, "JPEG", quality=95, progressive=True),
    "restarts": encoded(WIDE, "JPEG", quality=95, restart_marker_blocks=2),
    "png": encoded(WIDE),
    "webp": encoded(WIDE, "WEBP"),
    "grey jpeg": encoded(WIDE[..., 0], "JPEG"),
    "grey png": encoded(WIDE[..., 0]),
    "tiny jpeg": encoded(WIDE[:1, :1], "JPEG"),
    "tiny png": encoded(WIDE[:1, :1]),
}


def interlaced() -> bytes:
    """A picture of one pixel, interlaced."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0abc")), (b"IEND", b""))
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("check", ["structure", "pixels"])
@pytest.mark.parametrize("name", SOUND)
def test_sound_pictures_pass(name: str, check: str) -> None:
    assert prove(SOUND[name], name, check) == inspect(SOUND[name], name)


def test_deep_grey_is_refused_because_readers_would_clip_it_to_white() -> None:
    deep = encoded(np.arange(96 * 64, dtype=np.uint16).reshape(64, 96))
    for read in (prove, decode):
        with pytest.raises(ImageError, match=r"deep\.png is grey with more than 8 bits"):
            read(deep, "deep.png")


def test_unusual_but_sound_pictures_pass() -> None:
    prove(interlaced(), "interlaced")
    several = io.BytesIO()
    frames = [Image.fromarray(picture(i)) for i in range(2)]
    frames[0].save(several, "MPO", save_all=True, append_images=frames[1:])
    prove(several.getvalue(), "multi-picture")
    exif = Image.Exif()
    exif[0x0112] = 6
    assert prove(encoded(WIDE, exif=exif), "tagged png").orientation == 6
    prove(SOUND["jpeg"] + b"trailing bytes", "trailing")


@pytest.mark.parametrize("check", ["structure", "pixels"])
@pytest.mark.parametrize("name", ["jpeg", "progressive", "restarts", "png", "webp"])
def test_every_truncation_is_found(name: str, check: str) -> None:
    data = SOUND[name]
    for cut in {0, 1, 10, 30, 200, *range(400, len(data) - 12, len(data) // 23)}:
        with pytest.raises(ImageError, match="x"):
            prove(data[:cut], "x", check)


@pytest.mark.parametrize("position", [40, 3_000, -30])
def test_a_flipped_bit_in_a_png_is_found(position: int) -> None:
    data = bytearray(SOUND["png"])
    data[position] ^= 4
    with pytest.raises(ImageError, match=r"checksum|cannot be decoded|not a picture"):
        prove(bytes(data), "x")


def test_zeros_in_place_of_a_jpegs_end_are_found() -> None:
    data = SOUND["jpeg"]
    half = len(data) // 2
    with pytest.raises(ImageError, match="end-of-image"):
        prove(data[:half] + bytes(len(data) - half), "x")


def test_broken_tables_are_found() -> None:
    data = SOUND["jpeg"]
    tables = data.index(b"\xff\xc4")
    with pytest.raises(ImageError):
        prove(data[: tables + 5] + b"\xfe" * 16 + data[tables + 21 :], "x")


def test_other_files_are_refused() -> None:
    for data in (b"not a picture at all", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\n", b"GIF89a"):
        with pytest.raises(ImageError):
            prove(data, "x")


def test_a_bomb_is_refused_by_its_header() -> None:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9)))
    with pytest.raises(ImageError, match="bomb"):
        prove(bomb + chunk(b"IEND", b""), "x")


def test_an_orientation_after_the_pixels_is_seen() -> None:
    plain = SOUND["png"]
    end = plain.rindex(b"IEND") - 4
    exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    late = plain[:end] + chunk(b"eXIf", exif) + plain[end:]
    assert inspect(late, "late").orientation == 6
    assert inspect(plain, "plain").orientation == 1

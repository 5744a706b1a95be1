from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from ggt_hf.errors import ImageError
from ggt_hf.restoration.photograph import read_photograph, write_photograph
from tests.making import encoded, picture

ORIENTATION, ARTIST = 0x0112, 0x013B


def at(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[ORIENTATION], tags[ARTIST] = orientation, "Somebody"
    return tags.tobytes()


def profile(name: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def linear_profile() -> bytes:
    """An RGB profile whose numbers are light itself: gamma 1 in place of sRGB's curve."""
    data = bytearray(profile("sRGB"))
    curve = data.index(b"para" + bytes(4))
    # A parametric curve of function type 0 is x to the power of its first parameter, 1.0.
    data[curve + 8 : curve + 10] = (0).to_bytes(2, "big")
    data[curve + 12 : curve + 16] = (0x10000).to_bytes(4, "big")
    return bytes(data).replace(b"s\0R\0G\0B", b"l\0i\0n\0e")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photographs_come_upright_and_say_so(tmp_path: Path, orientation: int) -> None:
    stored = picture(0, 40, 24)
    source = at(tmp_path / "a.png", encoded(stored, exif=exif(orientation)))
    photograph = read_photograph(source)
    write_photograph(photograph, photograph.image, tmp_path / "b.png", "png")
    with Image.open(tmp_path / "b.png") as made, Image.open(source) as given:
        from PIL import ImageOps

        assert np.array_equal(np.asarray(made), np.asarray(ImageOps.exif_transpose(given)))
        assert made.getexif().get(ORIENTATION, 1) == 1
        assert made.getexif()[ARTIST] == "Somebody"


def test_an_srgb_profile_stays_and_changes_no_pixel(tmp_path: Path) -> None:
    pixels, srgb = picture(0), profile("sRGB")
    photograph = read_photograph(at(tmp_path / "a.png", encoded(pixels, icc_profile=srgb)))
    assert np.array_equal(np.asarray(photograph.image), pixels)
    write_photograph(photograph, photograph.image, tmp_path / "b.jpg", "jpeg")
    with Image.open(tmp_path / "b.jpg") as made:
        assert made.info["icc_profile"] == srgb


def test_another_profile_is_turned_into_srgb(tmp_path: Path) -> None:
    gray = np.full((20, 20, 3), 55, dtype=np.uint8)
    source = at(tmp_path / "a.png", encoded(gray, icc_profile=linear_profile()))
    photograph = read_photograph(source)
    # 55 / 255 of the light is 0.502 in sRGB.
    assert np.abs(np.asarray(photograph.image).astype(int) - 128).max() <= 1
    assert photograph.profile is not None
    assert "sRGB" in ImageCms.getProfileDescription(io.BytesIO(photograph.profile))


def test_a_broken_profile_is_named(tmp_path: Path) -> None:
    source = at(tmp_path / "a.png", encoded(picture(0), icc_profile=b"no profile at all"))
    with pytest.raises(ImageError, match=r"a\.png has a colour profile that cannot be used"):
        read_photograph(source)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_stays_as_it_was(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(picture(0, 32, 20)).convert("RGBA")
    alpha = np.tile(np.arange(32, dtype=np.uint8) * 8, (20, 1))
    if mode == "P":
        alpha = ((alpha > 99) * 255).astype(np.uint8)
    image.putalpha(Image.fromarray(alpha))
    image.convert(mode).save(tmp_path / "a.png")
    photograph = read_photograph(tmp_path / "a.png")
    write_photograph(photograph, photograph.image, tmp_path / "b.png", "png")
    with Image.open(tmp_path / "b.png") as made, Image.open(tmp_path / "a.png") as given:
        assert made.mode == "RGBA"
        wanted = given.convert("RGBA").getchannel("A")
        assert np.array_equal(np.asarray(made.getchannel("A")), np.asarray(wanted))
    with pytest.raises(ImageError, match=r"b\.jpg cannot be a JPEG.*--format png"):
        write_photograph(photograph, photograph.image, tmp_path / "b.jpg", "jpeg")
    assert not (tmp_path / "b.jpg").exists()


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "YCbCr"])
def test_other_colours_become_rgb(tmp_path: Path, mode: str) -> None:
    form = "PNG" if mode in ("L", "1") else "JPEG"
    Image.fromarray(picture(0)).convert(mode).save(tmp_path / "a.img", form)
    assert read_photograph(tmp_path / "a.img").image.mode == "RGB"


def deep_rgb() -> bytes:
    """A PNG with 16 bits for each of red, green and blue, which Pillow itself cannot write."""
    import struct
    import zlib

    rows = b"".join(b"\0" + bytes(range(18 * 6)) for _ in range(18))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 18, 18, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    packed = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_sixteen_bits_are_refused_and_not_quietly_cut(tmp_path: Path) -> None:
    gray = Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 160)
    gray.save(tmp_path / "gray.png")
    at(tmp_path / "colour.png", deep_rgb())
    for name in ("gray.png", "colour.png"):
        with pytest.raises(ImageError, match=rf"{name} (has 16 bits a channel|.*more than 8 bits)"):
            read_photograph(tmp_path / name)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_moving_pictures_are_refused(tmp_path: Path, form: str) -> None:
    frames = [Image.fromarray(picture(seed)) for seed in (0, 1)]
    frames[0].save(tmp_path / "a.img", form, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="moves"):
        read_photograph(tmp_path / "a.img")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"II*\0 a TIFF, perhaps", "not a picture"),
        (encoded(picture(0), "JPEG")[:-200], "cannot be decoded"),
        (encoded(picture(0), "PNG")[:-200], "cannot be decoded"),
        (encoded(picture(0), "GIF"), "it is GIF"),
    ],
)
def test_what_is_no_whole_picture_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=rf"a\.jpg .*{words}"):
        read_photograph(at(tmp_path / "a.jpg", data))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg cannot be read: No such file"):
        read_photograph(tmp_path / "gone.jpg")

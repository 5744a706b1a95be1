from __future__ import annotations

import random
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import simplejpeg

from ggt_hf import images
from ggt_hf.data.building.seekable import make_seekable
from ggt_hf.data.regions import Region, decode, decode_region, decoder, turbojpeg
from ggt_hf.data.regions.cell_list import jpeg_index
from ggt_hf.data.regions.jpeg import parse_head
from ggt_hf.errors import ImageError, MissingExtraError, UsageError
from tests.data.regions import encoding
from tests.data.regions.encoding import SAMPLINGS, SIZES, jpeg, regions
from tests.making import encoded, picture

RESTARTS: dict[str, dict[str, object]] = {
    "none": {},
    "optimised": {"optimize": True},
    "every MCU": {"restart_marker_blocks": 1},
    "4 MCUs": {"restart_marker_blocks": 4},
    "7 MCUs": {"restart_marker_blocks": 7},
    "a row": {"restart_marker_rows": 1},
    "2 rows": {"restart_marker_rows": 2},
}


LIBRARIES = ["as installed", *["simplejpeg alone"] * (turbojpeg.library() is not None)]


@pytest.fixture(autouse=True, params=LIBRARIES)
def libraries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "simplejpeg alone":
        monkeypatch.setattr(decode, "library", lambda: None)


def assert_regions_equal(data: bytes, count: int, index: bytes | None = None) -> None:
    full = images.decode(data, "it")
    height, width, _ = full.shape
    for region in regions(width, height, count, seed=len(data)):
        found = decode_region(data, region, index=index)
        assert found.dtype == np.uint8
        assert found.flags.c_contiguous
        assert np.array_equal(found, region.crop(full)), region


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("restarts", RESTARTS)
@pytest.mark.parametrize("sampling", ["444", "422", "420", "grey"])
def test_any_region_of_a_jpeg_is_the_full_decodes_crop(
    sampling: str, restarts: str, size: tuple[int, int]
) -> None:
    assert_regions_equal(jpeg(picture(3, *size), sampling, **RESTARTS[restarts]), 40)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("sampling", ["411", "440"])
def test_any_region_of_a_rarely_sampled_jpeg(sampling: str, size: tuple[int, int]) -> None:
    assert_regions_equal(jpeg(picture(3, *size), sampling), 40)


@pytest.mark.parametrize("sampling", ["444", "420"])
def test_a_large_jpeg_of_odd_size(sampling: str) -> None:
    pixels = picture(8, 1023, 777)
    assert_regions_equal(jpeg(pixels, sampling), 20)
    assert_regions_equal(jpeg(pixels, sampling, restart_marker_blocks=8), 20)


OTHERS = {
    "progressive": lambda: jpeg(picture(5, 61, 47), "420", progressive=True),
    "cmyk": lambda: encoding.converted("CMYK", "JPEG"),
    "rgb jpeg": lambda: encoded(picture(5, 61, 47), "JPEG", keep_rgb=True),
    "rgb jpeg, restarts": lambda: encoded(
        picture(5, 64, 47), "JPEG", keep_rgb=True, restart_marker_blocks=4
    ),
    "png": lambda: encoded(picture(5, 61, 47)),
    "grey png": lambda: encoding.converted("L", "PNG"),
    "alpha png": lambda: encoding.converted("RGBA", "PNG"),
    "grey alpha png": lambda: encoding.converted("LA", "PNG"),
    "palette png": lambda: encoding.converted("P", "PNG"),
    "transparent palette png": lambda: encoding.converted("P", "PNG", transparency=3),
    "bilevel png": lambda: encoding.converted("1", "PNG"),
    "interlaced png": encoding.interlaced,
    "animated png": encoding.animated,
    "webp": lambda: encoded(picture(5, 61, 47), "WEBP"),
    "lossless webp": lambda: encoded(picture(5, 61, 47), "WEBP", lossless=True),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_every_other_kind_of_picture(kind: str) -> None:
    assert_regions_equal(OTHERS[kind](), 40)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("form", "options"), [("JPEG", {}), ("JPEG", {"restart_marker_blocks": 4}), ("PNG", {})]
)
def test_regions_are_upright(form: str, options: dict[str, object], orientation: int) -> None:
    data = encoding.turned(form, orientation, **options)
    assert images.inspect(data, "it").orientation == orientation
    assert_regions_equal(data, 25)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_both_jpeg_decoders_give_the_same_bits(sampling: str) -> None:
    data = jpeg(picture(4, 203, 150), sampling)
    assert np.array_equal(simplejpeg.decode_jpeg(data), images.decode(data, "it"))


def test_a_given_array_of_any_strides_is_written() -> None:
    data = jpeg(picture(1, 96, 64), "420", restart_marker_blocks=2)
    region = Region(x=9, y=7, width=32, height=24)
    batch = np.zeros((2, 3, 24, 32), np.uint8)
    out = batch[1].transpose(1, 2, 0)
    assert decode_region(data, region, out=out) is out
    assert np.array_equal(out, region.crop(images.decode(data, "it")))
    assert not batch[0].any()


def test_cells_outside_of_the_region_are_not_read() -> None:
    pixels = picture(2, 128, 128)
    data = jpeg(pixels, "444", restart_marker_blocks=4)
    region = Region(x=64, y=64, width=32, height=32)
    expected = region.crop(images.decode(data, "it"))
    at = parse_head(data).scan_at + 2
    spoilt = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
    assert not np.array_equal(images.decode(spoilt, "it")[:8], images.decode(data, "it")[:8])
    assert np.array_equal(decode_region(spoilt, region), expected)


def test_rows_below_the_region_are_not_read() -> None:
    data = jpeg(picture(2, 128, 128), "444")
    region = Region(x=64, y=8, width=32, height=32)
    expected = region.crop(images.decode(data, "it"))
    spoilt = data[:-400] + bytes(398) + data[-2:]
    assert not np.array_equal(images.decode(spoilt, "it"), images.decode(data, "it"))
    assert np.array_equal(decode_region(spoilt, region), expected)


DAMAGED = {
    "jpeg": lambda: jpeg(picture(9, 96, 80), "420"),
    "restarts": lambda: jpeg(picture(9, 96, 80), "420", restart_marker_blocks=2),
    "unaligned restarts": lambda: jpeg(picture(9, 96, 80), "420", restart_marker_blocks=5),
    "progressive": lambda: jpeg(picture(9, 96, 80), "420", progressive=True),
    "turned jpeg": lambda: encoding.turned("JPEG", 6, size=(96, 80), restart_marker_blocks=3),
    "png": lambda: encoded(picture(9, 96, 80)),
    "strips": lambda: make_seekable(encoded(picture(9, 96, 80))).data,
    "turned strips": lambda: make_seekable(encoding.turned("PNG", 6, size=(96, 80))).data,
    "webp": lambda: encoded(picture(9, 96, 80), "WEBP"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_truncated_picture_is_an_error_or_the_full_decoders_pixels(kind: str) -> None:
    data = DAMAGED[kind]()
    region = Region(x=38, y=8, width=40, height=40)
    for length in range(0, len(data), max(len(data) // 60, 1)):
        assert_sound(data, data[:length], region)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on damaged EXIF
@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_never_gives_other_pixels_than_the_full_decoders(kind: str) -> None:
    data = DAMAGED[kind]()
    rng = random.Random(7)
    for _ in range(250):
        region = Region(x=rng.randint(0, 50), y=rng.randint(0, 50), width=30, height=25)
        # Every second one within the headers, where a byte means most.
        at = rng.randrange(len(data) if rng.random() < 0.5 else min(700, len(data)))
        assert_sound(data, data[:at] + rng.randbytes(1) + data[at + 1 :], region)


def test_an_index_hides_no_damage() -> None:
    data = jpeg(picture(9, 96, 80), "420", restart_marker_blocks=2)
    index = jpeg_index(data)
    rng = random.Random(8)
    for _ in range(400):
        region = Region(x=rng.randint(0, 50), y=rng.randint(0, 50), width=30, height=25)
        at, kept = rng.randrange(2, len(data)), rng.randint(0, 2)
        assert_sound(data, data[:at] + rng.randbytes(1) + data[at + kept :], region, index)


def assert_sound(data: bytes, damaged: bytes, region: Region, index: bytes | None = None) -> None:
    """The region of `damaged` is that of the whole, damaged or not; or it is refused."""
    try:
        found = decode_region(damaged, region, index=index)
    except ImageError:
        with pytest.raises(ImageError):
            images.decode(damaged, "it")
        return
    except UsageError:
        height, width, _ = images.decode(damaged, "it").shape
        assert region.right > width or region.bottom > height
        return
    if not np.array_equal(found, region.crop(images.decode(data, "it"))):
        assert np.array_equal(found, region.crop(images.decode(damaged, "it")))


_EXIF = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06" + bytes(6)


@pytest.mark.parametrize("seekable", [False, True])
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (b"tEXt", b"exif\0" + _EXIF),
        (b"tEXt", b"xmp\0<x/>"),
        (b"zTXt", b"exif\0\0" + zlib.compress(_EXIF)),
        (b"iTXt", b"xmp" + bytes(5) + b"<x/>"),
    ],
    ids=["exif", "xmp", "packed exif", "international xmp"],
)
def test_text_that_pillow_takes_for_exif_or_xmp(kind: bytes, text: bytes, seekable: bool) -> None:
    png = encoded(picture(5, 61, 47))
    png = make_seekable(png).data if seekable else png
    data = png[:33] + encoding.chunk(kind, text) + png[33:]
    region = Region(x=1, y=2, width=30, height=20)
    assert_sound(data, data, region)


def test_what_has_no_start_of_a_jpeg_is_none() -> None:
    data = jpeg(picture(9, 96, 80), "420", restart_marker_blocks=2)
    region = Region(x=0, y=0, width=9, height=9)
    with pytest.raises(ImageError, match="shelf"):
        decode_region(b"ab" + data[2:], region, index=jpeg_index(data), name="shelf")


def test_a_wrong_index_costs_time_and_no_pixels() -> None:
    data = jpeg(picture(9, 96, 80), "444", restart_marker_blocks=4)
    for index in (b"", b"1234", bytes(40), b"\xff" * 40, b"\x01\x00\x00\x00" * 10):
        assert_regions_equal(data, 5, index)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_region_outside_of_the_picture_is_refused(form: str) -> None:
    data = encoded(picture(1, 48, 32), form)
    with pytest.raises(UsageError, match=r"shelf.*48 x 32"):
        decode_region(data, Region(x=40, y=0, width=9, height=4), name="shelf")
    with pytest.raises(UsageError, match="48 x 32"):
        decode_region(data, Region(x=0, y=32, width=1, height=1))


@pytest.mark.parametrize("box", [(-1, 0, 4, 4), (0, -1, 4, 4), (0, 0, 0, 4), (0, 0, 4, -1)])
def test_a_region_without_pixels_is_refused(box: tuple[int, int, int, int]) -> None:
    x, y, width, height = box
    with pytest.raises(UsageError, match="region"):
        Region(x=x, y=y, width=width, height=height)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF"])
def test_what_is_no_picture_is_named(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"a/b\.jpg"):
        decode_region(data, Region(x=0, y=0, width=1, height=1), name="a/b.jpg")


def test_threads_do_not_disturb_each_other() -> None:
    pictures = [jpeg(picture(seed, 160, 120), "420", restart_marker_blocks=2) for seed in range(4)]
    full = [images.decode(data, "it") for data in pictures]

    def work(seed: int) -> bool:
        found = [
            np.array_equal(decode_region(pictures[seed % 4], region), region.crop(full[seed % 4]))
            for region in regions(160, 120, 30, seed)
        ]
        return all(found)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(12)))


def test_without_simplejpeg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    monkeypatch.setattr(decode, "library", lambda: None)
    decoder._decoder.cache_clear()
    with pytest.raises(MissingExtraError, match=r"ggt-hf\[stream\]"):
        decode_region(jpeg(picture(1)), Region(x=0, y=0, width=4, height=4))
    decoder._decoder.cache_clear()

"""Ordinary PNGs: what a region follows from is a PNG by itself, whatever decodes it."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from ggt_hf import images
from ggt_hf.data.regions import Region, decode_region, decoder, inflating, png_rows
from ggt_hf.data.regions.png import chunks
from ggt_hf.data.regions.png_rows import cut_part, plain_png
from ggt_hf.errors import ImageError
from tests.data.regions import encoding
from tests.data.regions.encoding import regions
from tests.making import encoded, picture


@pytest.fixture(params=["as installed", "without kornia-rs", "without isal"])
def libraries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    absent = {"without kornia-rs": "kornia_rs.io", "without isal": "isal"}.get(request.param)
    if absent:
        monkeypatch.setitem(sys.modules, absent, None)
    decoder._png_decoder.cache_clear()
    inflating.inflater.cache_clear()
    yield
    decoder._png_decoder.cache_clear()
    inflating.inflater.cache_clear()


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (7, 13), (200, 145), (700, 90)], ids=str)
def test_any_region_is_the_full_decodes_crop(mode: str, size: tuple[int, int]) -> None:
    data = encoded(np.asarray(Image.fromarray(picture(4, *size)).convert(mode)))
    full = images.decode(data, "it")
    for region in regions(*size, 25, seed=len(data)):
        assert np.array_equal(decode_region(data, region), region.crop(full)), region


@pytest.mark.parametrize("number", range(5))
def test_each_of_the_five_filters(number: int) -> None:
    chance = np.random.default_rng(number)
    rows = chance.integers(0, 256, (40, 1 + 3 * 50), np.uint8)
    rows[:, 0] = number
    data = handmade(50, 40, rows.tobytes())
    full = images.decode(data, "it")
    for region in regions(50, 40, 25, seed=number):
        assert np.array_equal(decode_region(data, region), region.crop(full)), region


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("seed", range(4))
def test_filters_in_any_turn(seed: int) -> None:
    rows = np.random.default_rng(seed).integers(0, 256, (60, 1 + 3 * 50), np.uint8)
    rows[:, 0] %= 5
    data = handmade(50, 60, rows.tobytes())
    full = images.decode(data, "it")
    for region in regions(50, 60, 40, seed=seed):
        assert np.array_equal(decode_region(data, region), region.crop(full)), region


def test_a_part_is_a_png_of_its_own() -> None:
    data = encoded(picture(4, 300, 200))
    region = Region(x=30, y=20, width=101, height=64)
    part, top = cut_part(data, plain_png(data), region)
    found = images.decode(part, "it")
    assert np.array_equal(found, images.decode(data, "it")[top : region.bottom, : region.right])


@pytest.mark.parametrize(
    ("alone", "top"), [((), 0), ((0, 9), 9), ((12, 30), 12), ((13,), 0)], ids=str
)
def test_it_starts_at_the_last_row_that_does_not_look_up(alone: tuple[int, ...], top: int) -> None:
    rows = np.random.default_rng(3).integers(0, 256, (40, 1 + 3 * 50), np.uint8)
    rows[:, 0] = 4
    rows[list(alone), 0] = [number % 2 for number in alone]
    data = handmade(50, 40, rows.tobytes())
    region = Region(x=5, y=12, width=20, height=20)
    _, found = cut_part(data, plain_png(data), region)
    assert found == top
    assert np.array_equal(decode_region(data, region), region.crop(images.decode(data, "it")))


def test_a_filter_that_there_is_not_is_left_to_the_full_decoder() -> None:
    rows = np.zeros((40, 1 + 3 * 50), np.uint8)
    rows[2, 0] = 5  # above the region, and above a row that does not look up
    data = handmade(50, 40, rows.tobytes())
    region = Region(x=5, y=12, width=20, height=20)
    assert cut_part(data, plain_png(data), region) is None
    with pytest.raises(ImageError):
        decode_region(data, region)


def test_nothing_below_the_region_is_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    data = handmade(64, 400, (b"\2" + bytes(3 * 64)) * 400)
    seen = []
    monkeypatch.setattr(png_rows, "_stored", lambda rows: seen.append(rows.shape) or bytearray())
    decode_region(data, Region(x=3, y=2, width=10, height=28))
    assert seen == [(30, 1 + 13 * 3)]


def test_a_very_wide_picture_is_cut_by_rows_alone() -> None:
    pixels = np.zeros((12, 30_000, 3), np.uint8)
    pixels[::3, ::7] = 190
    data = encoded(pixels)
    region = Region(x=29_000, y=2, width=900, height=4)
    assert cut_part(data, plain_png(data), region) is None
    assert np.array_equal(decode_region(data, region), region.crop(pixels))


@pytest.mark.parametrize("rows", [(b"\x07" + bytes(30)) * 20, b""], ids=["filter 7", "no pixels"])
@pytest.mark.usefixtures("libraries")
def test_what_cannot_be_decoded_is_said_by_the_full_decoder(rows: bytes) -> None:
    data = handmade(10, 20, rows)
    with pytest.raises(ImageError, match="shelf"):
        images.decode(data, "shelf")
    with pytest.raises(ImageError, match="shelf"):
        decode_region(data, Region(x=1, y=1, width=4, height=18), name="shelf")


def test_rows_that_are_missing_are_what_the_full_decoder_makes_of_them() -> None:
    data = handmade(10, 20, (b"\x01" + bytes(range(30))) * 9)
    for region in regions(10, 20, 25):
        assert np.array_equal(decode_region(data, region), region.crop(images.decode(data, "it")))


def test_chunks_that_turn_or_move_the_picture_are_left_to_the_full_decoder() -> None:
    assert plain_png(encoding.turned("PNG", 6)) is None
    assert plain_png(encoding.animated()) is None
    assert plain_png(encoding.interlaced()) is None


def test_a_wrong_checksum_is_left_to_the_full_decoder() -> None:
    data = bytearray(encoded(picture(4, 30, 20)))
    end = next(chunk.stop for chunk in chunks(bytes(data)) if chunk.kind == b"IDAT")
    data[end] ^= 1
    assert plain_png(bytes(data)) is None


def handmade(width: int, height: int, rows: bytes) -> bytes:
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 2, 0, 0, 0))
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(encoding.chunk(*part) for part in parts)

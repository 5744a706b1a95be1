from __future__ import annotations

import io
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from ggt_hf import images
from ggt_hf.data.building.seekable import cell_mcus, make_seekable
from ggt_hf.data.regions import Region, decode_region, inflating
from ggt_hf.data.regions.jpeg import parse_head
from ggt_hf.data.regions.png import STRIP_CHUNK, chunks
from ggt_hf.errors import ImageError, MissingExtraError
from tests.data.regions import encoding
from tests.data.regions.encoding import SAMPLINGS, SIZES, jpeg, regions
from tests.making import encoded, picture


def assert_regions_equal(original: bytes, data: bytes, index: bytes | None, count: int) -> None:
    full = images.decode(original, "it")
    height, width, _ = full.shape
    for region in regions(width, height, count, seed=len(data)):
        assert np.array_equal(decode_region(data, region, index=index), region.crop(full)), region


@pytest.mark.needs("jpegtran")
@pytest.mark.parametrize("size", [*SIZES, (1023, 237)], ids=str)
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_jpeg_becomes_seekable_without_loss(sampling: str, size: tuple[int, int]) -> None:
    data = jpeg(picture(3, *size), sampling)
    seekable = make_seekable(data)
    assert (seekable.how, seekable.reason) == ("restart markers", "")
    assert np.array_equal(images.decode(seekable.data, "it"), images.decode(data, "it"))
    grid = parse_head(seekable.data).frame.grid
    assert len(seekable.index) == 4 * grid.rows
    assert_regions_equal(data, seekable.data, seekable.index, 25)
    assert_regions_equal(data, seekable.data, None, 10)


@pytest.mark.needs("jpegtran")
def test_a_jpeg_keeps_its_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    kept = {"exif": exif, "icc_profile": b"a profile" * 9000, "comment": b"a comment"}
    data = encoded(picture(3, 64, 48), "JPEG", xmp=b"<x/>", **kept)
    seekable = make_seekable(data)
    assert seekable.how == "restart markers"
    with Image.open(io.BytesIO(data)) as old, Image.open(io.BytesIO(seekable.data)) as new:
        for name in ("exif", "icc_profile", "comment", "xmp"):
            assert new.info[name] == old.info[name]
    assert_regions_equal(data, seekable.data, seekable.index, 20)


@pytest.mark.needs("jpegtran")
def test_making_seekable_twice_changes_nothing_more() -> None:
    for data in (jpeg(picture(3, 96, 80)), encoded(picture(3, 96, 80))):
        once = make_seekable(data)
        assert make_seekable(once.data) == once


@pytest.mark.needs("jpegtran")
def test_damage_to_a_seekable_jpeg_is_found_with_the_index() -> None:
    seekable = make_seekable(jpeg(picture(9, 96, 80), "444"))
    region = Region(x=40, y=40, width=20, height=20)
    expected = region.crop(images.decode(seekable.data, "it"))
    marker = seekable.data.rindex(b"\xff\xd3")
    renumbered = seekable.data[: marker + 1] + b"\xd5" + seekable.data[marker + 2 :]
    whole = Region(x=0, y=0, width=96, height=80)
    found = decode_region(renumbered, whole, index=seekable.index)
    assert np.array_equal(found, images.decode(renumbered, "it"))
    with pytest.raises(ImageError, match="truncated"):
        decode_region(seekable.data[:-40], region, index=seekable.index)
    assert np.array_equal(decode_region(seekable.data, region, index=seekable.index), expected)


@pytest.mark.parametrize(
    ("width", "sampling", "mcus"),
    [
        (1024, "444", 4),
        (1024, "420", 2),
        (1024, "grey", 4),
        (1000, "444", 5),
        (8 * 127, "444", 127),
        (1, "420", 1),
    ],
)
def test_cells_divide_a_row(width: int, sampling: str, mcus: int) -> None:
    frame = parse_head(jpeg(picture(1, width, 8), sampling)).frame
    assert cell_mcus(frame) == mcus
    assert frame.across % mcus == 0


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [*SIZES, (40, 31), (40, 32), (40, 65)], ids=str)
def test_a_png_becomes_seekable_without_loss(mode: str, size: tuple[int, int]) -> None:
    image = Image.fromarray(picture(3, *size)).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(picture(4, *size)[:, :, 0]))
    data = encoded(np.asarray(image))
    seekable = make_seekable(data)
    assert seekable.how == "strips"
    assert_regions_equal(data, seekable.data, None, 25)
    flags = cv2.IMREAD_UNCHANGED
    new, old = (cv2.imdecode(np.frombuffer(d, np.uint8), flags) for d in (seekable.data, data))
    assert np.array_equal(new, old)


def test_a_png_keeps_every_other_chunk_in_order() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a prompt")
    text.add_itxt("Title", "Ein Titel", "de")
    text.add(b"gAMA", (45455).to_bytes(4, "big"))
    text.add(b"teSt", b"private, after the pixels", after_idat=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture(3, 64, 80), pnginfo=text, icc_profile=b"p" * 99, dpi=(72, 72), exif=exif)
    seekable = make_seekable(data).data
    kept = [data[c.start - 8 : c.stop + 4] for c in chunks(data) if c.kind != b"IDAT"]
    new = [c for c in chunks(seekable) if c.kind not in (b"IDAT", STRIP_CHUNK)]
    assert [seekable[c.start - 8 : c.stop + 4] for c in new] == kept
    assert_regions_equal(data, seekable, None, 20)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_png_with_xmp_and_no_exif_is_turned_as_it_says(orientation: int, late: bool) -> None:
    said = f'<x tiff:Orientation="{orientation}"/>'.encode()
    xmp = encoding.chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + said)
    plain = encoded(picture(3, 64, 80))
    at = len(plain) - 12 if late else 33
    data = plain[:at] + xmp + plain[at:]
    assert images.inspect(data, "it").orientation == orientation
    seekable = make_seekable(data)
    assert seekable.how == "strips"
    assert_regions_equal(data, seekable.data, seekable.index, 10)


def test_without_isal_strips_inflate_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal", None)
    inflating.inflater.cache_clear()
    assert inflating.inflater() is zlib
    data = encoded(picture(3, 64, 80))
    assert_regions_equal(data, make_seekable(data).data, None, 20)
    inflating.inflater.cache_clear()


def test_strips_outside_of_the_region_are_not_read_and_the_others_are_proven() -> None:
    data = make_seekable(encoded(picture(3, 64, 96))).data
    strips = [chunk for chunk in chunks(data) if chunk.kind == b"IDAT"]
    assert len(strips) == 3
    region = Region(x=3, y=40, width=20, height=20)
    expected = region.crop(images.decode(data, "it"))
    for number, strip in enumerate(strips):
        at = (strip.start + strip.stop) // 2
        spoilt = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        if number == 1:
            with pytest.raises(ImageError, match="cannot be decoded"):
                decode_region(spoilt, region)
        else:
            assert np.array_equal(decode_region(spoilt, region), expected)


def test_a_strip_chunk_that_lies_is_not_believed() -> None:
    data = encoded(picture(3, 64, 80))
    start = next(c.start for c in chunks(data) if c.kind == b"IDAT") - 8
    for rows in (0, 16, 32, 80, 2**32 - 1):
        claim = encoding.chunk(STRIP_CHUNK, rows.to_bytes(4, "big"))
        assert_regions_equal(data, data[:start] + claim + data[start:], None, 8)


UNCHANGED = {
    "progressive": (lambda: jpeg(picture(1, 61, 47), progressive=True), "baseline"),
    "cmyk": (lambda: encoding.converted("CMYK", "JPEG"), "baseline"),
    "jpeg with a tail": (lambda: jpeg(picture(1, 61, 47)) + b"a second picture", "follow the end"),
    "palette": (lambda: encoding.converted("P", "PNG"), "8-bit"),
    "interlaced": (encoding.interlaced, "interlaced"),
    "animated": (encoding.animated, "animated"),
    "png with a tail": (lambda: encoded(picture(1)) + b"tail", "follow the end"),
    "webp": (lambda: encoded(picture(1), "WEBP"), "webp"),
}


@pytest.mark.parametrize("kind", UNCHANGED)
def test_what_cannot_be_rewritten_stays_and_says_why(kind: str) -> None:
    make, why = UNCHANGED[kind]
    data = make()
    seekable = make_seekable(data)
    assert (seekable.data, seekable.index, seekable.how) == (data, None, "unchanged")
    assert why in seekable.reason


def test_what_is_no_whole_picture_is_refused() -> None:
    for data in (jpeg(picture(1)), encoded(picture(1))):
        with pytest.raises(ImageError, match="pair-7"):
            make_seekable(data[: len(data) // 2], "pair-7")


def test_without_jpegtran_the_tool_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match="libjpeg-turbo-progs"):
        make_seekable(jpeg(picture(1)))
    assert make_seekable(encoded(picture(1))).how == "strips"

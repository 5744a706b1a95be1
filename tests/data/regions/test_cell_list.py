"""The list of restart cells in a JPEG header: a help to speed that may be absent, old or wrong."""

from __future__ import annotations

import io
import random
import subprocess

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ggt_hf import images
from ggt_hf.data.building.seekable import make_seekable
from ggt_hf.data.regions import Region, cells, decode_region, read_region
from ggt_hf.data.regions.cell_list import find_ends, jpeg_index, with_cell_list, without_cell_list
from ggt_hf.data.regions.jpeg import parse_head
from tests.data.regions.encoding import jpeg, regions
from tests.making import encoded, picture

pytestmark = pytest.mark.needs("jpegtran")


def assert_regions_equal(data: bytes, index: bytes | None, full: NDArray[np.uint8]) -> None:
    height, width, _ = full.shape
    for region in regions(width, height, 25, seed=len(data)):
        assert np.array_equal(decode_region(data, region, index=index), region.crop(full)), region


def jpegtran(data: bytes, *options: str) -> bytes:
    command = ["jpegtran", "-copy", "all", *options]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def coefficients(data: bytes) -> bytes:
    """What a JPEG holds, written in one canonical way."""
    return jpegtran(without_cell_list(data), "-optimize")


def test_listed_cells_are_not_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(picture(3, 256, 160), "444")
    made = make_seekable(data)
    assert len(parse_head(made.data).cell_list) == 2 * parse_head(made.data).frame.grid.count
    monkeypatch.delattr(cells, "_found")
    assert_regions_equal(made.data, made.index, images.decode(data, "it"))


@pytest.mark.parametrize("sampling", ["444", "420", "grey"])
def test_the_list_changes_no_coefficient_and_no_metadata(sampling: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    kept = {"exif": exif, "icc_profile": b"a profile" * 99, "comment": b"a comment"}
    data = jpeg(picture(3, 160, 96), sampling, **kept)
    made = make_seekable(data).data
    assert coefficients(made) == coefficients(data)
    with Image.open(io.BytesIO(data)) as old, Image.open(io.BytesIO(made)) as new:
        assert all(new.info[name] == old.info[name] for name in kept)
        assert new.info["jfif"] == old.info["jfif"]
    assert with_cell_list(without_cell_list(made)) == made


def test_a_dataset_built_before_there_were_lists_reads_the_same() -> None:
    data = jpeg(picture(3, 256, 160), "420")
    old = without_cell_list(make_seekable(data).data)
    assert parse_head(old).cell_list == b""
    assert_regions_equal(old, jpeg_index(old), images.decode(data, "it"))
    assert make_seekable(old) == make_seekable(data)


def test_a_large_picture_has_its_list_in_several_segments() -> None:
    pixels = np.zeros((2400, 4096, 3), np.uint8)
    pixels[::7, ::5] = 200
    data = encoded(pixels, "JPEG", quality=60, subsampling=0)
    made = make_seekable(data)
    assert made.data.count(b"\xff\xe9") >= 2
    assert len(parse_head(made.data).cell_list) > 65_535
    region = Region(x=3000, y=2300, width=130, height=90)
    expected = region.crop(images.decode(data, "it"))
    assert np.array_equal(decode_region(made.data, region, index=made.index), expected)


@pytest.mark.parametrize(
    "edited",
    [
        lambda made: jpegtran(made, "-restart", "2B"),
        lambda made: jpegtran(made, "-restart", "1"),
        lambda made: jpegtran(made, "-restart", "0"),
        lambda made: jpegtran(made, "-restart", "4B", "-flip", "horizontal"),
    ],
    ids=["other cells", "rows", "no markers", "flipped"],
)
def test_a_list_that_an_editor_left_behind_is_not_believed(edited: object) -> None:
    made = make_seekable(jpeg(picture(3, 256, 160), "444")).data
    data = edited(made)
    assert parse_head(data).cell_list
    assert_regions_equal(data, None, images.decode(data, "it"))
    again = make_seekable(data)
    assert_regions_equal(again.data, again.index, images.decode(data, "it"))
    assert again.data.count(b"ggt cells") == 1


def test_a_damaged_list_costs_speed_and_no_pixel() -> None:
    made = make_seekable(jpeg(picture(3, 256, 160), "444"))
    full = images.decode(made.data, "it")
    at = made.data.index(b"ggt cells\0") + 10
    chance = random.Random(4)
    for _ in range(300):
        spoilt = bytearray(made.data)
        for _ in range(chance.choice((1, 8, 200))):
            spoilt[at + chance.randrange(2 * 8 * 20)] = chance.randrange(256)
        region = Region(x=chance.randint(0, 190), y=chance.randint(0, 90), width=60, height=50)
        found = decode_region(bytes(spoilt), region, index=made.index)
        assert np.array_equal(found, region.crop(full)), region


def test_a_list_that_names_later_markers_of_the_same_numbers_is_not_believed() -> None:
    made = make_seekable(jpeg(picture(3, 1024, 32), "444"))
    full = images.decode(made.data, "it")
    head = parse_head(made.data)
    grid = head.frame.grid
    listed = np.frombuffer(head.cell_list, "<u2").reshape(grid.rows, grid.columns)
    for first, last in ((3, 7), (0, 9), (20, 24)):
        lie = listed.copy()
        lie[:, first:last] = listed[:, first + 8 : last + 8]
        data = made.data.replace(head.cell_list, lie.tobytes())
        assert_regions_equal(data, made.index, full)


@pytest.mark.parametrize("cells_on", [8, 24, 32])
def test_an_index_that_begins_rows_at_later_markers_of_the_same_numbers_is_not_believed(
    cells_on: int,
) -> None:
    made = make_seekable(jpeg(picture(3, 1024, 96), "444"))
    full = images.decode(made.data, "it")
    grid = parse_head(made.data).frame.grid
    assert grid.columns == 32
    ends = find_ends(made.data[parse_head(made.data).scan_at :], 0, grid.count, grid)
    row_ends = ends[np.minimum(np.arange(1, grid.rows + 1) * 32 - 1 + cells_on, len(ends) - 1)]
    row_ends[-2:] = ends[[-2, -1]]  # every row holds something
    lie = np.diff(row_ends + 2, prepend=0).astype("<u4").tobytes()
    assert len(lie) == len(made.index)
    assert sum(np.frombuffer(lie, "<u4")) == sum(np.frombuffer(made.index, "<u4"))
    assert_regions_equal(made.data, lie, full)


def test_regions_are_handed_out_in_memory_of_their_own() -> None:
    made = make_seekable(jpeg(picture(3, 128, 96), "444"))
    whole = Region(x=0, y=0, width=128, height=96)
    first = decode_region(made.data, whole, index=made.index)
    kept = first.copy()
    other = make_seekable(jpeg(picture(4, 128, 96), "444"))
    second = decode_region(other.data, whole, index=other.index)
    assert np.array_equal(first, kept)
    assert not np.shares_memory(first, second)


def test_only_the_header_and_the_touched_rows_are_read() -> None:
    made = make_seekable(jpeg(picture(3, 256, 256), "444"))
    asked = []

    def read(start: int, stop: int) -> bytes:
        asked.append((start, stop))
        return made.data[start:stop]

    region = Region(x=30, y=100, width=40, height=30)
    read_region(read, len(made.data), region, index=made.index)
    assert len(asked) == 2
    assert sum(stop - start for start, stop in asked) < len(made.data) / 2

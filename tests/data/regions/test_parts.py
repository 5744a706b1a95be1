"""Regions by the parts of a seekable picture alone: nothing stands in for them here.

`decode_region` decodes the whole picture wherever a part is not what it should be. So it gives the
right pixels even where no part is ever used; `from_parts` says so.
"""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from numpy.typing import NDArray

from ggt_hf import images
from ggt_hf.data.building.seekable import make_seekable
from ggt_hf.data.regions import Region
from ggt_hf.data.regions.cell_list import jpeg_index, without_cell_list
from ggt_hf.data.regions.jpeg import cells_needed, metadata_end, parse_head
from ggt_hf.data.regions.parts import from_parts
from tests.data.regions.encoding import jpeg, regions
from tests.making import encoded, picture


def by_parts(data: bytes, region: Region, index: bytes) -> NDArray[np.uint8] | None:
    return from_parts(lambda start, stop: data[start:stop], len(data), region, index, "it")


def assert_parts_do(data: bytes, index: bytes | None) -> None:
    full = images.decode(data, "it")
    height, width, _ = full.shape
    assert index
    for region in regions(width, height, 40, seed=len(data)):
        found = by_parts(data, region, index)
        assert found is not None, region
        assert np.array_equal(found, region.crop(full)), region


@pytest.mark.needs("jpegtran")
@pytest.mark.parametrize("has_list", [True, False], ids=["listed", "searched for"])
@pytest.mark.parametrize("sampling", ["444", "422", "420", "grey"])
@pytest.mark.parametrize("size", [(1024, 72), (333, 217), (67, 300)])
def test_restart_cells_do(size: tuple[int, int], sampling: str, has_list: bool) -> None:
    made = make_seekable(jpeg(picture(3, *size), sampling))
    assert_parts_do(made.data if has_list else without_cell_list(made.data), made.index)


@pytest.mark.needs("jpegtran")
@pytest.mark.parametrize("restart", ["1", "2", "3", "8B"])
def test_restart_cells_of_others_do(restart: str) -> None:
    command = ["jpegtran", "-copy", "all", "-restart", restart]
    data = jpeg(picture(3, 512, 200), "444")
    data = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    assert_parts_do(data, jpeg_index(data))


@pytest.mark.needs("jpegtran")
def test_segments_of_others_that_share_the_marker_of_the_list_do_no_harm() -> None:
    made = make_seekable(jpeg(picture(3, 256, 160), "444")).data
    at = metadata_end(made)
    data = made[:at] + b"\xff\xe9\x00\x22" + bytes(range(32)) + made[at:]
    assert_parts_do(data, jpeg_index(data))


@pytest.mark.needs("jpegtran")
def test_cells_without_a_list_that_are_not_there_are_not_made_up() -> None:
    made = make_seekable(jpeg(picture(3, 256, 160), "444"))
    data = without_cell_list(made.data)
    at = data.index(b"\xff\xd1", parse_head(data).scan_at)
    region = Region(x=40, y=0, width=100, height=8)
    assert by_parts(data, region, made.index) is not None
    for number in (b"\xd2", b"\x00"):
        assert by_parts(data[: at + 1] + number + data[at + 2 :], region, made.index) is None


@pytest.mark.needs("jpegtran")
@pytest.mark.parametrize(("sampling", "context"), [("444", 0), ("420", 2)])
def test_no_cell_is_decoded_that_does_not_count(sampling: str, context: int) -> None:
    frame = parse_head(make_seekable(jpeg(picture(3, 1024, 256), sampling)).data).frame
    grid = frame.grid
    for region in regions(1024, 256, 200):
        if region.width < 32:
            continue  # what is narrow is decoded wider
        box = cells_needed(frame, grid, region)
        left, right = max(region.x - context, 0), min(region.right + context, 1024)
        top, bottom = max(region.y - context, 0), min(region.bottom + context, 256)
        assert box.left * grid.cell_width <= left < (box.left + 1) * grid.cell_width
        assert (box.right - 1) * grid.cell_width < right <= box.right * grid.cell_width
        assert box.top * grid.cell_height <= top < (box.top + 1) * grid.cell_height
        assert (box.bottom - 1) * grid.cell_height < bottom <= box.bottom * grid.cell_height


@pytest.mark.parametrize("size", [(300, 200), (33, 65)])
def test_strips_do(size: tuple[int, int]) -> None:
    made = make_seekable(encoded(picture(3, *size), "PNG"))
    assert_parts_do(made.data, made.index)

"""Regions by the parts of a seekable picture alone: nothing stands in for them here.

`decode_region` decodes the whole picture wherever a part is not what it should be. So it gives the
right pixels even where no part is ever used; `from_parts` says so.
"""

from __future__ import annotations

import numpy as np
import pytest

from ggt_hf import images
from ggt_hf.data.building.seekable import make_seekable
from ggt_hf.data.regions.cell_list import without_cell_list
from ggt_hf.data.regions.parts import from_parts
from tests.data.regions.encoding import jpeg, regions
from tests.making import encoded, picture


def assert_parts_do(data: bytes, index: bytes | None) -> None:
    full = images.decode(data, "it")
    height, width, _ = full.shape
    assert index
    for region in regions(width, height, 40, seed=len(data)):
        found = from_parts(lambda start, stop: data[start:stop], len(data), region, index, "it")
        assert found is not None, region
        assert np.array_equal(found, region.crop(full)), region


@pytest.mark.needs("jpegtran")
@pytest.mark.parametrize("has_list", [True, False], ids=["listed", "searched for"])
@pytest.mark.parametrize("sampling", ["444", "422", "420", "grey"])
@pytest.mark.parametrize("size", [(1024, 72), (333, 217), (40, 300)])
def test_restart_cells_do(size: tuple[int, int], sampling: str, has_list: bool) -> None:
    made = make_seekable(jpeg(picture(3, *size), sampling))
    assert_parts_do(made.data if has_list else without_cell_list(made.data), made.index)


@pytest.mark.parametrize("size", [(300, 200), (33, 65)])
def test_strips_do(size: tuple[int, int]) -> None:
    made = make_seekable(encoded(picture(3, *size), "PNG"))
    assert_parts_do(made.data, made.index)

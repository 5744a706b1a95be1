from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ggt_hf.restoration import tiling
from ggt_hf.restoration.tiling import grid, reflected, run_tiled, tile_size


def random_picture(height: int, width: int, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8)


@given(st.integers(1, 900), st.integers(1, 400), st.integers(0, 300), st.sampled_from([1, 8, 16]))
@settings(max_examples=150, deadline=None)
def test_tiles_cover_every_pixel_with_shares_that_sum_to_one(
    side: int, tile: int, overlap: int, multiple: int
) -> None:
    axis = grid(side, tile, overlap, multiple)
    padded = -(-side // multiple) * multiple
    total = torch.zeros(padded)
    for start, weight in zip(axis.starts, axis.weights, strict=True):
        assert start % multiple == 0
        total[start : start + axis.length] += weight
    torch.testing.assert_close(total, torch.ones(padded))


@pytest.mark.parametrize(
    ("height", "width", "tile"), [(1, 1, 16), (16, 700, 64), (333, 271, 96), (257, 64, 4096)]
)
def test_a_process_that_changes_nothing_gives_back_every_pixel(
    height: int, width: int, tile: int
) -> None:
    picture = random_picture(height, width)
    made = run_tiled(picture, lambda piece: piece, tile=tile, overlap=32, multiple=16)
    assert torch.equal(made, picture)


def test_a_process_with_small_reach_gives_the_same_in_tiles_and_whole() -> None:
    kernel = torch.full((3, 1, 9, 9), 1 / 81)
    picture = random_picture(300, 260)

    def blur(piece: Tensor) -> Tensor:
        return F.conv2d(piece, kernel, padding=4, groups=3)

    whole = run_tiled(picture.float() / 255, blur, tile=1000, multiple=4)
    tiled = run_tiled(picture.float() / 255, blur, tile=96, overlap=32, multiple=4)
    torch.testing.assert_close(tiled, whole, atol=1e-5, rtol=0)


def test_each_tile_is_told_of_and_is_of_the_asked_size() -> None:
    seen, told = [], []

    def process(piece: Tensor) -> Tensor:
        seen.append(tuple(piece.shape))
        return piece

    picture = random_picture(200, 300)
    run_tiled(picture, process, tile=128, overlap=32, multiple=16, tell=lambda: told.append(1))
    assert set(seen) == {(1, 3, 128, 128)}
    assert len(told) == len(seen) == 2 * 3


def test_results_outside_the_range_are_clamped() -> None:
    made = run_tiled(random_picture(40, 40), lambda piece: piece * 9 - 4, tile=64)
    assert made.dtype == torch.uint8
    assert {0, 255} <= set(made.unique().tolist())


def test_places_beyond_the_end_mirror_the_picture() -> None:
    assert reflected(2, 6, 5).tolist() == [2, 3, 4, 3, 2, 1]
    assert reflected(0, 3, 1).tolist() == [0, 0, 0]


def test_tiles_shrink_with_the_memory_but_not_to_nothing() -> None:
    assert tile_size(64 * 2**30, 1200) == tiling.LARGEST_TILE
    assert tile_size(10**9, 1200) == 640
    assert tile_size(0, 1200) == tiling.SMALLEST_TILE
    assert tiling.free_memory(torch.device("cpu")) > 0

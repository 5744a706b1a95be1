from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ggt_hf.restoration.network import OneStepRestorer
from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline
from ggt_hf.restoration.pipelines.pictures import MIN_SIDE
from tests.making import picture
from tests.restoration.restorers import chart, shift_of, tiny_network, tiny_pipeline

SIZES = [(16, 16), (17, 31), (64, 16), (271, 333)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_an_untrained_network_gives_every_pixel_back(width: int, height: int) -> None:
    given = picture(0, width, height)
    made = tiny_pipeline(change=0)
    made.restorer = OneStepRestorer((8, 8, 12, 12), (1, 1, 1, 1), 16)
    for tile in (None, "auto", 64):
        assert np.array_equal(np.asarray(made(given, tile=tile).images[0]), given)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_each_size_comes_back_exactly(width: int, height: int) -> None:
    given = picture(0, width, height)
    made = np.asarray(tiny_pipeline()(Image.fromarray(given)).images[0])
    assert made.shape == given.shape
    assert not np.array_equal(made, given)


def test_what_comes_back_lies_where_it_lay() -> None:
    given = chart(203, 165)
    for tile in (None, 96):
        made = np.asarray(tiny_pipeline()(given, tile=tile, overlap=48).images[0])
        assert max(map(abs, shift_of(made, given))) < 0.25
    moved = np.roll(given, 1, axis=1)
    assert shift_of(moved, given) == pytest.approx((1, 0), abs=0.05)


def test_pictures_of_unlike_sizes_and_kinds_go_together() -> None:
    pipeline = tiny_pipeline()
    array = picture(0, 40, 30)
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    images = pipeline([Image.fromarray(array), picture(1, 50, 20), tensor / 255, tensor]).images
    assert [image.size for image in images] == [(40, 30), (50, 20), (40, 30), (40, 30)]
    assert np.array_equal(np.asarray(images[0]), np.asarray(images[3]))
    assert len(pipeline(np.stack([array, array])).images) == 2
    with warnings.catch_warnings(action="error"):
        pipeline(np.asarray(Image.fromarray(array)))  # read-only
    assert pipeline(array, output_type="np").images[0].dtype == np.float32
    assert pipeline(array, output_type="pt", return_dict=False)[0][0].shape == (3, 30, 40)


def test_a_network_that_looks_around_little_gives_the_same_in_tiles() -> None:
    given = picture(3, 300, 280)
    pipeline = tiny_pipeline()
    whole = np.asarray(pipeline(given, tile=None).images[0]).astype(int)
    tiled = np.asarray(pipeline(given, tile=192, overlap=96).images[0]).astype(int)
    assert np.abs(whole - tiled).max() <= 2


def test_strength_goes_from_the_input_to_the_restored() -> None:
    given = (picture(0, 40, 40) // 2 + 60).astype(np.uint8)
    pipeline = tiny_pipeline()
    none, half, full = (
        np.asarray(pipeline(given, strength=share).images[0]).astype(int) for share in (0, 0.5, 1)
    )
    assert np.array_equal(none, given)
    inside = (full > 0) & (full < 255)  # what is clipped is not halved
    assert inside.mean() > 0.9
    assert np.abs(half - (given + full) / 2)[inside].max() <= 2


def test_colour_fixes_bring_the_mean_back() -> None:
    given = picture(0, 96, 96)
    pipeline = tiny_pipeline(0.06)
    plain, wavelet, statistics = (
        np.asarray(pipeline(given, color_fix=fix).images[0]).mean((0, 1))
        for fix in (None, "wavelet", "statistics")
    )
    drift = np.abs(plain - given.mean((0, 1))).max()
    assert drift > 4
    assert np.abs(wavelet - given.mean((0, 1))).max() < drift / 2
    assert np.abs(statistics - given.mean((0, 1))).max() < 1.5


def test_the_callback_hears_of_every_tile() -> None:
    heard = []
    tiny_pipeline()(
        picture(0, 300, 200),
        tile=128,
        overlap=32,
        callback_on_tile_end=lambda pipeline, done, total: heard.append((done, total)),
    )
    assert heard == [(n, 6) for n in range(1, 7)]


@pytest.mark.parametrize(
    ("image", "options", "words"),
    [
        (picture(0, MIN_SIDE - 1, 40), {}, "at least 16"),
        (picture(0)[..., :2], {}, "RGB"),
        ("photo.jpg", {}, "Pillow image, array or tensor"),
        (picture(0), {"color_fix": "magic"}, "color_fix"),
        (picture(0), {"output_type": "jpeg"}, "output_type"),
        (picture(0), {"tile": -1}, "tile"),
    ],
)
def test_what_cannot_be_meant_is_refused(image: object, options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tiny_pipeline()(image, **options)


def test_unlike_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        OneStepRestorer((8, 8, 8, 8), (1, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_saved_and_loaded_it_gives_the_same_bits(tmp_path: Path, dtype: torch.dtype) -> None:
    pipeline = tiny_pipeline()
    pipeline.restorer.to(dtype)
    pipeline.save_pretrained(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == [
        "config.json",
        "diffusion_pytorch_model.safetensors",
        "model_index.json",
    ]
    loaded = OneStepRestorationPipeline.from_pretrained(tmp_path, dtype=dtype)
    for name, weights in pipeline.restorer.state_dict().items():
        assert torch.equal(loaded.restorer.state_dict()[name], weights), name
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["restorer"] == ["ggt_hf.restoration.network", "OneStepRestorer"]


def test_a_given_network_takes_the_stored_one_s_place(tmp_path: Path) -> None:
    tiny_pipeline().save_pretrained(tmp_path)
    other = tiny_network(seed=1)
    assert OneStepRestorationPipeline.from_pretrained(tmp_path, restorer=other).restorer is other


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    tiny_pipeline().save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises(OSError, match="safetensors"):
        OneStepRestorationPipeline.from_pretrained(tmp_path)

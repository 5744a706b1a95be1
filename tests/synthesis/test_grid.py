"""The way onto a model's canvas and back: an editor that changes nothing must move nothing."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ggt_hf.synthesis.editors.families import FAMILIES
from ggt_hf.synthesis.editors.grid import AnySize, Buckets, Fit, Multiples, Ratios, SizeRule

RULES: dict[str, SizeRule] = {
    "qwen": FAMILIES["QwenImageEditPipeline"].rule,
    "kontext": FAMILIES["FluxKontextPipeline"].rule,
    "flux2": FAMILIES["Flux2Pipeline"].rule,
    "ratios": Ratios(("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9")),
    "standard": Buckets(((1024, 1024), (1024, 1536), (1536, 1024))),
}
SIZES = [(1024, 1024), (1000, 700), (513, 377), (1536, 1021), (2000, 1331), (901, 1600)]
MAX_SHIFT = 0.25


def chart(width: int, height: int, coarseness: int = 6) -> Image.Image:
    """A zone plate: rings from coarse to fine, everywhere another direction and frequency."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    radius = (x - width / 3) ** 2 + (y - height / 3) ** 2
    rings = 127 + 100 * np.sin(np.pi * radius / (max(width, height) * coarseness))
    return Image.fromarray(np.stack([rings, 255 - rings, rings], -1).astype(np.uint8))


def shift(given: Image.Image, returned: Image.Image) -> float:
    """The largest shift, in pixels, that any of nine windows of `returned` shows."""
    cv2 = pytest.importorskip("cv2")
    first, second = (np.asarray(i.convert("L"), dtype=np.float32) for i in (given, returned))
    side = min(256, *first.shape)
    window = cv2.createHanningWindow((side, side), cv2.CV_32F)
    shifts = []
    for down, across in product((0, 0.5, 1), repeat=2):
        y, x = int((first.shape[0] - side) * down), int((first.shape[1] - side) * across)
        parts = (image[y : y + side, x : x + side] for image in (first, second))
        (dx, dy), _ = cv2.phaseCorrelate(*parts, window)
        shifts.append(float(np.hypot(dx, dy)))
    return max(shifts)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rule", RULES)
def test_an_identity_editor_moves_nothing(rule: str, size: tuple[int, int]) -> None:
    fit = Fit.of(size, RULES[rule])
    given = chart(*size)
    canvas = fit.to_model(given)
    assert canvas.size == fit.fed
    returned = fit.from_model(canvas)
    assert returned.size == size
    assert shift(given, returned) < MAX_SHIFT
    if fit.scale == 1.0:
        assert np.array_equal(np.asarray(given), np.asarray(returned))


@pytest.mark.parametrize("factor", [0.5, 0.8, 2.0])
def test_an_answer_in_another_scale_comes_home_as_well(factor: float) -> None:
    fit = Fit.of((1000, 700), RULES["ratios"])
    # Rings that half the resolution still holds.
    given = chart(1000, 700, coarseness=14)
    canvas = fit.to_model(given)
    size = round(canvas.width * factor), round(canvas.height * factor)
    answer = canvas.resize(size, Image.Resampling.LANCZOS)
    assert fit.matches(size)
    assert shift(given, fit.from_model(answer)) < MAX_SHIFT


def test_stretching_to_the_bucket_does_move_things() -> None:
    """What pipelines do by themselves, so that the measurement above is known to see it."""
    size = (1000, 700)
    given = chart(*size)
    stretched = given.resize((1248, 832), Image.Resampling.LANCZOS)
    cropped = stretched.crop((0, 0, 1245, 832)).resize(size, Image.Resampling.LANCZOS)
    assert shift(given, cropped) > MAX_SHIFT
    rolled = Image.fromarray(np.roll(np.asarray(given), 1, axis=1))
    assert shift(given, rolled) > MAX_SHIFT


def test_pixels_stay_where_no_scaling_is_needed() -> None:
    for size in [(1024, 1024), (1000, 700), (97, 33)]:
        for rule in (AnySize(), Multiples(16, 1 << 20), Multiples(32, 1 << 20)):
            fit = Fit.of(size, rule)
            assert fit.fed[0] >= size[0]
            assert fit.fed[1] >= size[1]
            assert fit.scale == 1.0 or min(size) < 64
    assert Fit.of((64, 32), Multiples(32, 1 << 20)).untouched


def test_the_rest_of_the_canvas_mirrors_the_picture() -> None:
    """A black or stretched border would be edited, and bleed into the picture."""
    fit = Fit.of((110, 50), Multiples(32, 1 << 20))
    canvas: NDArray[np.uint8] = np.asarray(fit.to_model(chart(110, 50)))
    assert np.array_equal(canvas[:50, 110:128], canvas[:50, 92:110][:, ::-1])


@given(
    width=st.integers(16, 5000),
    height=st.integers(16, 5000),
    rule=st.sampled_from([*RULES, "gpt"]),
)
def test_every_picture_fits(width: int, height: int, rule: str) -> None:
    rules = RULES | {"gpt": Multiples(16, 2560 * 1440, 1024 * 640)}
    fit = Fit.of((width, height), rules[rule])
    assert fit.scale * width <= fit.fed[0] + 1e-6
    assert fit.scale * height <= fit.fed[1] + 1e-6
    if rule == "gpt" and max(width, height) < 3 * min(width, height):
        assert fit.fed[0] * fit.fed[1] <= 2560 * 1440
        assert fit.fed[0] * fit.fed[1] >= 1024 * 640 * 0.99


@pytest.mark.parametrize("name", ["Flux2KleinPipeline", "ZImageImg2ImgPipeline"])
@given(width=st.integers(1, 3000), height=st.integers(1, 3000))
def test_no_canvas_is_too_small_or_too_long(name: str, width: int, height: int) -> None:
    canvas = FAMILIES[name].rule.canvas((width, height))
    assert min(canvas) >= 64
    assert canvas[0] * canvas[1] <= 1024 * 1024
    if name == "Flux2KleinPipeline":
        assert max(canvas) <= 8 * min(canvas)

"""The fallback without a model: it must see what is put there plainly, and say what it is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ggt_hf.errors import UsageError
from ggt_hf.records import Observation
from ggt_hf.vlm import RULES, VisionLanguageModel, load
from ggt_hf.vlm.observation import observe
from tests.making import encoded

Pixels = NDArray[np.uint8]


def scene() -> Pixels:
    """Sharp coloured shapes on a ramp: RGB uint8 (256, 320, 3), no grain, no veil."""
    rng = np.random.default_rng(3)
    ramp = np.linspace(4, 200, 320)[None, :, None] * np.array([1.0, 0.8, 0.6])
    image = np.repeat(ramp, 256, axis=0)
    for _ in range(150):
        top, left = rng.integers(0, 240), rng.integers(0, 300)
        image[top : top + rng.integers(4, 30), left : left + rng.integers(4, 30)] = rng.integers(
            0, 255, 3
        )
    return image.astype(np.uint8)


def seen(pixels: Pixels) -> Observation:
    return observe(load(RULES), Image.fromarray(pixels))[0]


def level(observation: Observation, name: str) -> int:
    return next((e.severity for e in observation.effects if e.name == name), 0)


def test_a_clean_scene_is_called_nothing_but_mixed() -> None:
    observation = seen(scene())
    assert observation.category == "mixed"
    assert not {e.name for e in observation.effects} & {"darkness", "haze", "noise", "fading"}


def test_darkness_haze_and_fading_decide_the_category() -> None:
    pixels = scene().astype(np.float64)
    assert seen((pixels * 0.15).astype(np.uint8)).category == "low_light"
    assert seen((pixels * 0.2 + 180).astype(np.uint8)).category == "haze"
    assert seen((pixels * 0.5 + 50).astype(np.uint8)).category == "old_photo"


def test_severity_grows_with_the_damage() -> None:
    rng = np.random.default_rng(1)
    clean = scene()
    levels = []
    for sigma in (0, 10, 20, 40):
        noisy = clean + rng.normal(0, sigma, clean.shape)
        levels.append(level(seen(np.clip(noisy, 0, 255).astype(np.uint8)), "noise"))
    assert levels == sorted(levels) and levels[0] == 0 and levels[-1] >= 4


def test_blur_and_compression_are_told_apart() -> None:
    picture = Image.fromarray(scene())
    blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(4)))
    assert level(seen(blurred), "blur") > level(seen(blurred), "compression")
    squeezed, _ = observe(load(RULES), encoded(scene(), "JPEG", quality=5))
    assert level(squeezed, "compression") >= 3


def test_it_says_that_it_is_no_model() -> None:
    rules = load(RULES)
    assert isinstance(rules, VisionLanguageModel)
    observation, answer = observe(rules, Image.fromarray(scene()))
    assert (answer.model_id, answer.revision) == ("rules", "1")
    assert observation.scene == "" and observation.text == ()
    with pytest.raises(UsageError, match="only observe"):
        rules.ask([Image.fromarray(scene())], "Is there a cat?")


def test_the_smallest_picture_is_observed_too() -> None:
    for size in ((1, 1), (2, 40), (9, 3)):
        assert seen(np.full((*size, 3), 128, np.uint8)).category

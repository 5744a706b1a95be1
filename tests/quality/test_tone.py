from __future__ import annotations

import numpy as np
import pytest

from ggt_hf.quality.planes import Picture
from ggt_hf.quality.planting import plant
from ggt_hf.quality.tone import measure_tone
from tests.quality.scenes import photograph

PHOTO = "mixed-astronaut"


def colours(seed: int = 0) -> Picture:
    """Coarse patches of every colour, none near black or white."""
    cells = np.random.default_rng(seed).integers(60, 170, (8, 8, 3), dtype=np.uint8)
    return np.repeat(np.repeat(cells, 32, axis=0), 32, axis=1)


def test_the_same_picture_has_no_drift() -> None:
    tone = measure_tone(photograph(PHOTO), photograph(PHOTO))
    assert tone.gain == pytest.approx(1)
    assert tone.chroma == pytest.approx(1)
    for value in (tone.offset, tone.cast, tone.hue, tone.unexplained):
        assert value == pytest.approx(0, abs=1e-6)
    assert tone.map == pytest.approx(np.eye(3, 4), abs=1e-6)


def test_gain_offset_and_cast_are_measured() -> None:
    lq = colours()
    brighter = (lq * 1.2 + 10).astype(np.uint8)
    tone = measure_tone(lq, brighter)
    assert tone.gain == pytest.approx(1.2, abs=0.02)
    assert tone.offset == pytest.approx(float(brighter.mean() - lq.mean()), abs=1.5)
    assert tone.unexplained < 0.01
    warm = lq.copy()
    warm[..., 0] += 30
    assert measure_tone(lq, warm).cast == pytest.approx(np.linalg.norm([21, -9, -9]), abs=0.5)


@pytest.mark.parametrize("seed", range(4))
def test_a_turn_of_hue_is_measured_whatever_the_brightness(seed: int) -> None:
    gt = colours(seed)
    turned = plant("hue_drift", gt, gt, gt, seed=seed)
    darker = (turned.gt // 2).astype(np.uint8)
    tone = measure_tone(gt, darker)
    assert tone.coherence > 0.75  # the gamut cuts the strongest colours
    assert abs(tone.hue) == pytest.approx(abs(turned.size), rel=0.3)


def test_gray_pictures_have_no_hue_to_turn() -> None:
    gray = np.repeat(photograph(PHOTO)[..., :1], 3, axis=2)
    tone = measure_tone(gray, gray // 2)
    assert tone.coherence < 0.01
    assert tone.cast == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (64, 2, 3)])
def test_the_smallest_pictures_are_measured_without_a_warning(shape: tuple[int, ...]) -> None:
    black = np.zeros(shape, np.uint8)
    tone = measure_tone(black, black)
    assert np.isfinite([tone.gain, tone.offset, tone.cast, tone.hue, tone.chroma]).all()

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ggt_hf.quality.hues import Turn, hue_turn
from ggt_hf.quality.places import CELLS, cut_to_places
from ggt_hf.quality.planes import Picture
from ggt_hf.quality.planting import plant
from ggt_hf.quality.tone import BRIGHT_GREY, measure_tone
from tests.quality.scenes import photograph

PHOTO = "mixed-astronaut"


def colours(seed: int = 0) -> Picture:
    """Coarse patches of every colour, none near black or white."""
    cells = np.random.default_rng(seed).integers(60, 170, (8, 8, 3), dtype=np.uint8)
    return np.repeat(np.repeat(cells, 32, axis=0), 32, axis=1)


def linear(picture: Picture) -> NDArray[np.float64]:
    level = picture / 255.0
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def shown(values: NDArray[np.float64]) -> Picture:
    value = np.clip(values, 0, 1)
    level = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    return np.rint(level * 255).astype(np.uint8)


def _turned(picture: Picture, degrees: float) -> Picture:
    """Turn every colour about grey, in linear light."""
    angle = np.radians(degrees)
    plane = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0]]) / np.sqrt([[2.0], [6.0]])
    value = linear(picture)
    around = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    gray = value.mean(axis=2, keepdims=True)
    return shown(gray + (value @ plane.T) @ around.T @ plane)


def test_the_same_picture_has_no_drift() -> None:
    tone = measure_tone(photograph(PHOTO), photograph(PHOTO))
    assert tone.gain == pytest.approx(1)
    assert tone.chroma == pytest.approx(1)
    assert tone.gamma == pytest.approx(1)
    for value in (tone.at_black, tone.at_white, tone.at_veil, tone.drift, tone.tint, tone.hue):
        assert value == pytest.approx(0, abs=1e-6)
    assert tone.certain_hue == 0


def test_darkness_changes_the_gain_and_leaves_black_alone() -> None:
    gt = colours()
    tone = measure_tone(shown(linear(gt) / 4), gt)
    assert tone.gain == pytest.approx(4, rel=0.02)
    assert tone.at_black == pytest.approx(0, abs=0.3)
    assert tone.tint == pytest.approx(0, abs=0.02)


def test_haze_of_bright_grey_leaves_that_grey_alone() -> None:
    gt = colours()
    tone = measure_tone(shown(linear(gt) * 0.5 + BRIGHT_GREY * 0.5), gt)
    assert tone.gain == pytest.approx(2, rel=0.02)
    assert tone.at_white == pytest.approx(0, abs=0.5)
    assert tone.tint == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("airlight", [0.55, 0.85])
def test_a_veil_that_thickens_is_told_from_a_drift_of_tone(airlight: float) -> None:
    gt = photograph(PHOTO)
    through = np.linspace(0.3, 0.9, gt.shape[1])[:, None]
    hazy = shown(linear(gt) * through + np.array([1.0, 0.95, 0.8]) * airlight * (1 - through))
    clear = measure_tone(hazy, gt)
    assert clear.at_veil == pytest.approx(0, abs=3)
    assert clear.tint == pytest.approx(0, abs=0.1)
    assert clear.hue == pytest.approx(0, abs=3)
    brighter = np.clip(gt * 1.0 + 45, 0, 255).astype(np.uint8)
    assert measure_tone(hazy, brighter).at_veil > 10


def test_light_of_another_colour_is_a_tint_and_turns_no_hue() -> None:
    lq = colours()
    tone = measure_tone(lq, shown(linear(lq) * [1.3, 1.0, 0.65]))
    assert tone.tint == pytest.approx(1, abs=0.02)
    assert tone.hue == pytest.approx(0, abs=6)


def test_a_power_of_the_brightness_is_measured_in_uneven_darkness() -> None:
    gt = photograph(PHOTO)
    lit = np.linspace(0.05, 0.5, gt.shape[1])[:, None, None]
    dark = shown(linear(gt) * lit)
    assert measure_tone(dark, gt).gamma == pytest.approx(1, abs=0.03)
    for power in (0.8, 1.25):
        bent = shown(linear(gt) ** power)
        assert measure_tone(dark, bent).gamma == pytest.approx(power, abs=0.08)


def test_a_drift_of_tone_is_seen_through_uneven_haze() -> None:
    gt = photograph(PHOTO)
    through = np.linspace(0.25, 0.8, gt.shape[1])[:, None, None]
    hazy = shown(linear(gt) * through + 0.7 * (1 - through))
    assert measure_tone(hazy, gt).drift < 0.02
    for level in (-35.0, 35.0):
        moved = np.clip(gt + level, 0, 255).astype(np.uint8)
        assert measure_tone(hazy, moved).drift > 0.1
    stretched = np.clip((gt - gt.mean()) * 1.35 + gt.mean(), 0, 255).astype(np.uint8)
    assert measure_tone(hazy, stretched).drift > 0.1


@pytest.mark.parametrize("seed", range(4))
def test_a_turn_of_hue_is_measured_whatever_the_brightness(seed: int) -> None:
    gt = colours(seed)
    turned = plant("hue_drift", gt, gt, gt, seed=seed)
    darker = shown(linear(turned.gt) / 4)
    tone = measure_tone(gt, darker)
    assert abs(tone.hue) == pytest.approx(abs(turned.size), rel=0.3)  # the gamut cuts some colours
    assert 0.6 * abs(turned.size) < tone.certain_hue < abs(tone.hue)


def test_gray_pictures_have_no_hue_to_turn() -> None:
    gray = np.repeat(photograph(PHOTO)[..., :1], 3, axis=2)
    tone = measure_tone(gray, gray // 2)
    assert tone.certain_hue == 0
    assert tone.tint == pytest.approx(0, abs=1e-3)


def test_the_error_of_a_hue_tells_what_is_kept_from_what_is_not_known() -> None:
    def turn(picture: Picture) -> Turn:
        cells = cv2.resize(linear(picture), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        return hue_turn(cut_to_places(cells, cells), np.array([0.2126, 0.7152, 0.0722]))

    kept = turn(photograph(PHOTO))
    assert kept.degrees == pytest.approx(0, abs=1e-6)
    assert kept.error < 2
    assert turn(np.repeat(photograph(PHOTO)[..., :1], 3, axis=2)).error == 180


def test_a_turn_of_faint_colours_is_measured_and_not_certain() -> None:
    gt = photograph(PHOTO)
    gray = gt.mean(axis=2, keepdims=True)
    turned = {}
    for kept in (0.03, 1.0):
        faint = np.rint(gray + kept * (gt - gray)).astype(np.uint8)
        turned[kept] = measure_tone(faint, plant("hue_drift", faint, faint, faint, seed=2).gt)
    assert abs(turned[0.03].hue) > 15
    assert turned[0.03].certain_hue < 5 < turned[1.0].certain_hue


def test_places_that_turn_each_its_own_way_make_no_certain_turn() -> None:
    lq, gt = colours(), colours()
    half = gt.shape[1] // 2
    gt[:, :half] = _turned(gt, 40)[:, :half]
    gt[:, half:] = _turned(gt, -25)[:, half:]
    assert measure_tone(lq, _turned(lq, 40)).certain_hue > 20
    assert measure_tone(lq, gt).certain_hue < 5


def test_a_power_is_measured_in_darkness_without_noise() -> None:
    gt = photograph(PHOTO)
    rng = np.random.default_rng(0)
    dark = shown(linear(gt) / 60 + rng.uniform(-2e-4, 2e-4, gt.shape))  # dithered
    for power in (0.8, 1.25):
        assert measure_tone(dark, shown(linear(gt) ** power)).gamma == pytest.approx(power, abs=0.1)


@pytest.mark.parametrize("read", [0.001, 0.004])
def test_noise_that_lifts_black_bends_no_gamma(read: float) -> None:
    gt = photograph(PHOTO)
    rng = np.random.default_rng(0)
    dark = linear(gt) / 16
    noisy = shown(dark + rng.normal(0, read, dark.shape))  # cut off at zero, as by a sensor
    assert measure_tone(noisy, gt).gamma == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (64, 2, 3)])
def test_the_smallest_pictures_are_measured_without_a_warning(shape: tuple[int, ...]) -> None:
    black = np.zeros(shape, np.uint8)
    tone = measure_tone(black, black)
    assert np.isfinite(
        [tone.gain, tone.gamma, tone.drift, tone.at_veil, tone.tint, tone.hue, tone.chroma]
    ).all()

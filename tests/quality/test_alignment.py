from __future__ import annotations

import cv2
import numpy as np
import pytest

from ggt_hf.quality.alignment import Alignment, measure_alignment, register
from ggt_hf.records import DEGRADATIONS, Degradation
from tests.quality.scenes import photograph, scene

SCENE = "mixed-astronaut"


def moved(picture: np.ndarray, alignment: Alignment) -> np.ndarray:
    height, width = picture.shape[:2]
    return cv2.warpAffine(
        picture,
        alignment.matrix(width, height),
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def still(**changes: float) -> Alignment:
    zero = dict.fromkeys(("dx", "dy", "scale", "rotation", "warp", "support"), 0.0)
    return Alignment(**{**zero, **changes})


@pytest.mark.parametrize("degradation", DEGRADATIONS)
def test_a_target_that_lies_on_its_input_is_measured_as_still(degradation: Degradation) -> None:
    measured = measure_alignment(*scene(SCENE, degradation))
    assert measured is not None
    assert measured.shift < 0.3
    assert abs(measured.scale) < 0.2
    assert abs(measured.rotation) < 0.15


@pytest.mark.parametrize("degradation", DEGRADATIONS)
@pytest.mark.parametrize(
    "planted",
    [
        still(dx=1.0, dy=-0.5),
        still(dx=-8.0, dy=0.0),
        still(scale=1.5),
        still(scale=-3.0),
        still(rotation=1.2),
        still(dx=3.0, dy=2.0, scale=0.8, rotation=-0.5),
    ],
)
def test_movement_is_measured_through_every_degradation(
    planted: Alignment, degradation: Degradation
) -> None:
    lq, gt = scene(SCENE, degradation)
    measured = measure_alignment(lq, moved(gt, planted))
    assert measured is not None
    assert np.hypot(measured.dx - planted.dx, measured.dy - planted.dy) < 0.35
    assert measured.scale == pytest.approx(planted.scale, abs=0.25)
    assert measured.rotation == pytest.approx(planted.rotation, abs=0.2)


def test_registration_brings_a_candidate_back_onto_its_input() -> None:
    lq, gt = scene(SCENE, "haze")
    faulty = moved(gt, still(dx=4.3, dy=-2.6, scale=1.2, rotation=0.7))
    found = measure_alignment(lq, faulty)
    assert found is not None
    registered = register(lq, faulty, found)
    left, top, right, bottom = registered.box
    assert np.array_equal(registered.lq, lq[top:bottom, left:right])
    assert registered.gt.shape == registered.lq.shape
    assert min(registered.lq.shape[:2]) > 0.8 * min(lq.shape[:2])
    again = measure_alignment(registered.lq, registered.gt)
    assert again is not None
    assert again.shift < 0.2
    before, after = cv2.PSNR(gt, faulty), cv2.PSNR(gt[top:bottom, left:right], registered.gt)
    assert after > before + 8


def test_registration_that_would_leave_nothing_leaves_one_pixel() -> None:
    gt = photograph(SCENE)[:64, :64]
    registered = register(gt, gt, still(dx=500.0))
    assert registered.lq.shape == registered.gt.shape
    assert registered.lq.size <= 64 * 64 * 3


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_candidate_has_no_alignment(level: int) -> None:
    lq, gt = scene(SCENE, "rain")
    assert measure_alignment(lq, np.full_like(gt, level)) is None


def test_a_picture_too_small_has_no_alignment() -> None:
    tiny = photograph(SCENE)[:32, :200]
    assert measure_alignment(tiny, tiny) is None


def test_a_long_picture_is_measured_in_its_own_pixels() -> None:
    wide = np.tile(cv2.resize(photograph(SCENE), (768, 768)), (1, 3, 1))
    measured = measure_alignment(wide, moved(wide, still(dx=6.0)))
    assert measured is not None
    assert measured.dx == pytest.approx(6.0, abs=0.3)

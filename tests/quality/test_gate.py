from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from ggt_hf.errors import UsageError
from ggt_hf.quality import default_thresholds, gate
from ggt_hf.quality.metric_gate import GATE, broken
from ggt_hf.quality.planes import Picture
from ggt_hf.quality.planting import FAULT_KINDS, FaultKind, plant
from ggt_hf.quality.scores import SCORES
from ggt_hf.records import DEGRADATIONS, Check, Degradation, Verdict
from tests.quality.scenes import photograph, scene

SCENES = ("mixed-astronaut", "mixed-casa-mila", "rain-perched-osprey")
OTHER = photograph("low_light-chelsea")


def checked(lq: Picture, gt: Picture, degradation: Degradation = "rain") -> Check:
    return gate(lq, gt, degradation, read_text=False)


@pytest.mark.parametrize("degradation", DEGRADATIONS)
@pytest.mark.parametrize("name", SCENES)
def test_a_good_target_passes(name: str, degradation: Degradation) -> None:
    check = checked(*scene(name, degradation), degradation)
    assert check.passed, check.reason
    assert check.stage == "metrics"
    assert check.reason.startswith("every measure is within its limits")


FOUND_BY = {
    "shift": {"shift"},
    "scale": {"scale"},
    "rotation": {"rotation"},
    "hue_drift": {"hue"},
    "color_cast": {"tint"},
    "unchanged": {"psnr_to_input", "detail_kept"},
    "black": {"brightness", "contrast", "support"},
    "flat": {"contrast", "support"},
    "other_image": {"support", "structure"},
}
"""Faults that no draw may hide on these scenes -> one of the scores that must have told."""


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", FOUND_BY)
def test_a_planted_fault_is_refused_for_its_own_reason(kind: FaultKind, seed: int) -> None:
    lq, gt = scene("mixed-astronaut", "mixed")
    planted = plant(kind, lq, gt, OTHER, seed=seed)
    check = checked(planted.lq, planted.gt, "mixed")
    assert not check.passed
    named = {score for score in FOUND_BY[kind] if f"({score} " in check.reason}
    assert named, check.reason


@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_a_warp_of_more_than_three_pixels_is_refused(seed: int) -> None:
    planted = plant("local_warp", *scene("mixed-astronaut", "mixed"), OTHER, seed=seed)
    assert planted.size > 3
    assert "it is warped (warp " in checked(planted.lq, planted.gt, "mixed").reason


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_score_has_a_name_and_a_finite_value(kind: FaultKind) -> None:
    planted = plant(kind, *scene("mixed-astronaut", "snow"), OTHER, seed=1)
    check = checked(planted.lq, planted.gt, "snow")
    assert set(check.scores) <= set(SCORES)
    assert len(check.scores) >= 20
    assert all(math.isfinite(value) for value in check.scores.values())
    json.dumps(dict(check.scores), allow_nan=False)


def test_a_decision_names_the_number_and_the_limit() -> None:
    lq, gt = scene("mixed-astronaut", "rain")
    check = checked(lq, np.roll(gt, 5, axis=1))
    assert "it is shifted (shift 5" in check.reason
    assert "px, at most " in check.reason
    assert "text was not read (as asked)" in check.reason
    assert check.judged_by == f"{GATE} {default_thresholds().name}"


def test_the_same_pair_is_judged_the_same_way_in_every_process() -> None:
    program = (
        "from tests.quality.scenes import scene; from ggt_hf.quality import gate;"
        "print(gate(*scene('mixed-astronaut', 'haze'), 'haze', read_text=False))"
    )
    runs = [subprocess.check_output([sys.executable, "-c", program]) for _ in range(2)]
    here = checked(*scene("mixed-astronaut", "haze"), "haze")
    assert runs[0] == runs[1] == f"{here}\n".encode()


@pytest.mark.parametrize(
    ("shape", "other", "words"),
    [
        ((1, 1), (1, 1), "the pair is 1x1 pixels"),
        ((63, 400), (63, 400), "the pair is 400x63 pixels"),
        ((128, 128), (128, 96), "the candidate is 96x128 pixels, its input 128x128"),
        ((128, 128), (1, 1), "the candidate is 1x1 pixels, its input 128x128"),
    ],
)
def test_sizes_that_cannot_be_measured_are_refused_in_words(
    shape: tuple[int, int], other: tuple[int, int], words: str
) -> None:
    check = checked(np.zeros((*shape, 3), np.uint8), np.zeros((*other, 3), np.uint8))
    assert not check.passed
    assert check.reason.startswith(words)
    assert check.scores == {}


@pytest.mark.parametrize("shape", [(64, 64), (64, 3000), (3000, 64)])
def test_any_shape_from_the_smallest_is_measured(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert checked(noise, 255 - noise).scores


@pytest.mark.parametrize("level", [0, 255])
def test_flat_inputs_are_measured_without_a_warning(level: int) -> None:
    flat = np.full((96, 96, 3), level, np.uint8)
    assert not checked(flat, flat).passed


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
        None,
    ],
)
def test_what_is_no_picture_is_refused(picture: object) -> None:
    good = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(UsageError, match="The candidate is "):
        gate(good, picture, "rain")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="The input is "):
        gate(picture, good, "rain")  # type: ignore[arg-type]


def test_an_unknown_category_is_refused() -> None:
    with pytest.raises(UsageError, match="no degradation 'fog'"):
        gate(OTHER, OTHER, "fog")  # type: ignore[arg-type]


def test_a_score_that_was_not_measured_breaks_no_limit() -> None:
    assert broken({}, "rain", default_thresholds()) == []


def test_scores_measured_elsewhere_are_kept() -> None:
    lq, gt = scene("mixed-astronaut", "rain")
    check = gate(lq, gt, "rain", read_text=False, extra_scores={"pyiqa:niqe": 4.25})
    assert check.scores["pyiqa:niqe"] == 4.25


def test_a_verdict_is_accepted_when_no_check_refused_it() -> None:
    def check(stage: str, passed: bool) -> Check:
        return Check(stage=stage, passed=passed, scores={}, reason="", judged_by="")  # type: ignore[arg-type]

    yes, no = check("metrics", True), check("vlm", False)
    assert Verdict(key="a", checks=(yes,)).accepted
    assert Verdict(key="a", checks=(yes,)).rejected_at is None
    assert not Verdict(key="a", checks=(yes, no)).accepted
    assert Verdict(key="a", checks=(yes, no)).rejected_at == "vlm"
    assert not Verdict(key="a", checks=()).accepted

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ggt_hf import sample
from ggt_hf.degradation import LABELS, MIN_SIDE, degrade, render
from ggt_hf.degradation.simulation import EFFECTS, draw_settings
from ggt_hf.errors import GgtError, MissingExtraError, UsageError
from ggt_hf.images import decode
from ggt_hf.records import DEGRADATIONS, Degradation
from tests.making import picture

MAIN_LABELS = {
    "rain": {"rain_streaks", "lens_drops"},
    "haze": {"haze"},
    "snow": {"snow_flakes"},
    "low_light": {"darkness"},
    "old_photo": {"fading"},
    "mixed": {"blur", "low_resolution", "noise", "compression"},
}


def photograph(name: str = "rain-oakland-zoo-otters") -> NDArray[np.uint8]:
    """A real photograph: edges and texture as `picture` has none."""
    (path,) = sample.ROOT.glob(f"pairs/*/*/gt/{name}.*")
    return decode(path.read_bytes(), name)


def psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    return float(cv2.PSNR(first, second))


@pytest.mark.parametrize("category", DEGRADATIONS)
def test_same_arguments_same_bytes_and_any_other_seed_other_bytes(category: Degradation) -> None:
    gt = photograph()
    before = gt.copy()
    first, again = degrade(gt, category, seed=3), degrade(gt, category, seed=3)
    assert first.jpeg == again.jpeg
    assert first.settings == again.settings
    assert degrade(gt, category, seed=4).jpeg != first.jpeg
    assert np.array_equal(gt, before), "the ground truth was written to"


@pytest.mark.parametrize("category", DEGRADATIONS)
def test_settings_survive_json_and_render_the_same_bytes(category: Degradation) -> None:
    gt = photograph()
    made = degrade(gt, category, seed=11)
    assert render(gt, json.loads(json.dumps(made.settings)), seed=11).jpeg == made.jpeg


def test_threads_do_not_change_a_byte() -> None:
    code = """
import sys, hashlib, cv2
from ggt_hf.degradation import degrade
from ggt_hf.records import DEGRADATIONS
from tests.making import picture
cv2.setNumThreads(int(sys.argv[1]))
gt = picture(1, 700, 500)
made = b"".join(degrade(gt, category, seed=5, severity=0.8).jpeg for category in DEGRADATIONS)
sys.stdout.write(hashlib.sha256(made).hexdigest())
"""
    seen = {
        subprocess.run(
            [sys.executable, "-c", code, str(threads)],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p) + ":."},
        ).stdout
        for threads in (1, 3)
    }
    assert len(seen) == 1
    assert len(seen.pop()) == len(hashlib.sha256().hexdigest())


@pytest.mark.parametrize("category", DEGRADATIONS)
def test_the_file_is_the_picture(category: Degradation) -> None:
    made = degrade(photograph(), category, seed=1)
    assert np.array_equal(decode(made.jpeg, "lq"), made.lq)


@pytest.mark.parametrize("category", DEGRADATIONS)
@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4])
def test_more_severity_is_further_from_the_ground_truth(category: Degradation, seed: int) -> None:
    gt = photograph()
    likeness = [
        psnr(gt, degrade(gt, category, seed=seed, severity=severity).lq)
        for severity in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert all(milder > harder for milder, harder in pairwise(likeness))
    assert likeness[0] > 20, "severity 0 is barely there"


@pytest.mark.parametrize("category", DEGRADATIONS)
def test_labels_name_what_was_done(category: Degradation) -> None:
    for seed in range(25):
        drawn = draw_settings(category, seed=seed, severity=0.8)
        made = render(picture(0, 64, 64), drawn, seed=seed)
        assert tuple(made.labels) == LABELS
        assert all(0 <= severity <= 1 for severity in made.labels.values())
        done = {EFFECTS[step["effect"]][1] for step in drawn["steps"]}
        assert {label for label, severity in made.labels.items() if severity > 0} == done
        assert max(made.labels[label] for label in MAIN_LABELS[category]) >= 0.4


def test_every_effect_and_label_is_drawn_by_some_category() -> None:
    drawn = {
        step["effect"]
        for category in DEGRADATIONS
        for seed in range(60)
        for step in draw_settings(category, seed=seed)["steps"]
    }
    assert drawn == set(EFFECTS)
    assert {label for _, label in EFFECTS.values()} == set(LABELS)


@pytest.mark.parametrize("category", DEGRADATIONS)
def test_every_category_carries_a_tail_of_mixed_degradations(category: Degradation) -> None:
    plain = {"blur", "resize", "noise", "jpeg"}
    tails = [
        {step["effect"] for step in draw_settings(category, seed=seed)["steps"]} & plain
        for seed in range(40)
    ]
    assert set().union(*tails) == plain
    assert len({frozenset(tail) for tail in tails}) > 2


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(DEGRADATIONS),
    st.integers(MIN_SIDE, 140),
    st.integers(MIN_SIDE, 140),
    st.integers(0, 2**40),
    st.none() | st.floats(0, 1),
)
def test_any_size_seed_and_severity(
    category: Degradation, width: int, height: int, seed: int, severity: float | None
) -> None:
    made = degrade(picture(7, width, height), category, seed=seed, severity=severity)
    assert made.lq.shape == (height, width, 3)
    assert made.lq.dtype == np.uint8
    json.dumps(made.settings, allow_nan=False)


@pytest.mark.parametrize("category", DEGRADATIONS)
@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_and_gray_pictures(category: Degradation, value: int) -> None:
    gt = np.full((48, 80, 3), value, np.uint8)
    assert degrade(gt, category, seed=2, severity=1.0).lq.shape == gt.shape


@pytest.mark.parametrize("category", DEGRADATIONS)
def test_views_that_are_not_contiguous(category: Degradation) -> None:
    gt = photograph()
    turned = gt.transpose(1, 0, 2)[::-1]
    same = np.ascontiguousarray(turned)
    assert degrade(turned, category, seed=2).jpeg == degrade(same, category, seed=2).jpeg


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"degradation": "fog"}, "fog"),
        ({"seed": -1}, "-1"),
        ({"severity": 1.2}, "1.2"),
        ({"severity": float("nan")}, "nan"),
        ({"gt": np.zeros((64, 64), np.uint8)}, "(64, 64)"),
        ({"gt": np.zeros((64, 64, 4), np.uint8)}, "(64, 64, 4)"),
        ({"gt": np.zeros((64, 64, 3), np.float32)}, "float32"),
        ({"gt": np.zeros((31, 64, 3), np.uint8)}, "64x31"),
        ({"gt": b"a JPEG file"}, "None"),
    ],
)
def test_arguments_that_cannot_be_meant(change: dict[str, object], names: str) -> None:
    arguments: dict[str, object] = {"gt": picture(0, 64, 64), "degradation": "rain", "seed": 0}
    with pytest.raises(UsageError) as error:
        degrade(**(arguments | change))  # type: ignore[arg-type]
    assert names in error.value.message
    assert error.value.hint


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"simulator": "0"},
        {"simulator": "1", "steps": []},
        {"simulator": "1", "steps": "jpeg"},
        {"simulator": "1", "steps": [{"effect": "jpeg"}]},
        {"simulator": "1", "steps": [{"effect": "os.system"}, {"effect": "jpeg"}]},
        {"simulator": "1", "steps": [{"effect": "blur", "severity": 1.0, "sigma": 1.0}]},
        {
            "simulator": "1",
            "steps": [
                {"effect": "blur", "severity": 1.0, "radius": 1.0},
                {"effect": "jpeg", "severity": 0.0, "quality": 90, "chroma": "4:2:0"},
            ],
        },
    ],
)
def test_settings_of_something_else_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        render(picture(0, 64, 64), bad, seed=0)


def test_without_opencv_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    # The one way to be without an installed package: None makes its import fail.
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError) as error:
        degrade(picture(0, 64, 64), "rain", seed=0)
    assert "ggt-hf[simulate]" in error.value.hint
    assert isinstance(error.value, GgtError)


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys, ggt_hf.degradation, ggt_hf.sample;"
        "print({'numpy', 'cv2', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

from __future__ import annotations

import math

import numpy as np
import pytest

from ggt_hf.errors import UsageError
from ggt_hf.quality.joint import Joint, Part, compared_as
from ggt_hf.quality.metric_gate import broken, joined
from ggt_hf.quality.thresholds import Thresholds, parse_thresholds

FILE = """
format: 1
name: mine
judge: {min_removed: 50, min_kept: 60, max_gap: 10}
limits:
  tone:
    max: {rain: 3}
tone:
  rain:
    at_veil: [0, 2]
    drift_offset: [1, 4, 0.8]
"""


def parsed(old: str = "", new: str = "") -> Thresholds:
    assert old in FILE
    return parse_thresholds(FILE.replace(old, new).encode(), "mine.yaml")


def test_the_distance_is_that_of_mahalanobis() -> None:
    alike = np.array([[1, 0.6, -0.2], [0.6, 1, 0.1], [-0.2, 0.1, 1]])
    usual, spread, values = np.array([[1.0, 2, 3], [0.5, 2, 4], [2, -1, 0]])
    names = ("at_black", "at_white", "at_veil")
    joint = Joint(
        parts=tuple(
            Part(name, usual[k], spread[k], tuple(alike[k, :k])) for k, name in enumerate(names)
        )
    )
    away = (values - usual) / spread
    found = joint.distance(dict(zip(names, values, strict=True)))
    assert found is not None
    assert found.value == pytest.approx(math.sqrt(away @ np.linalg.inv(alike) @ away))
    assert found.furthest.score == "at_black"


def test_a_pair_of_values_that_good_targets_never_have_at_once_lies_far() -> None:
    limits = parsed()
    together = {"at_veil": 3.0, "drift_offset": 7.0}  # one and a half deviations each, alike
    against = {"at_veil": 3.0, "drift_offset": -5.0}
    assert joined(together, "rain", limits)["tone"] == pytest.approx(1.58, abs=0.01)
    assert joined(against, "rain", limits)["tone"] == pytest.approx(4.74, abs=0.01)
    assert broken(together, "rain", limits) == []
    assert [limit.score for limit in broken(against, "rain", limits)] == ["tone"]


def test_no_distance_is_counted_where_a_part_or_the_category_is_missing() -> None:
    limits = parsed()
    assert joined({"at_veil": 30.0}, "rain", limits) == {"at_veil": 30.0}
    assert "tone" not in joined({"at_veil": 30.0, "drift_offset": 1.0}, "haze", limits)
    assert broken({"at_veil": 30.0}, "rain", limits) == []


@pytest.mark.parametrize("score", ["gamma", "drift", "crushed", "darkest", "tint", "at_veil"])
def test_every_scale_rises_and_takes_zero(score: str) -> None:
    scaled = [compared_as(score, value) for value in (0.0, 0.1, 1.0, 30.0)]
    assert all(math.isfinite(value) for value in scaled)
    assert scaled == sorted(set(scaled))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[0, 2]", "[0, 0]", "tone.rain: The spread of at_veil is 0, not above 0"),
        ("[0, 2]", "[0]", "tone.rain.at_veil must hold a usual value and a spread at least"),
        ("[0, 2]", "[0, x]", "tone.rain.at_veil is 'x', not a finite number"),
        ("[1, 4, 0.8]", "[1, 4]", "drift_offset has 0 correlations with the 1 scores above"),
        ("[1, 4, 0.8]", "[1, 4, 1.2]", "No scores could have these correlations"),
        ("at_veil", "at_vail", "tone.rain is no mapping from scores"),
        ("  rain:\n", "  fog:\n", "tone may hold mixed, rain,"),
        ("{rain: 3}", "{haze: 3}", "tone is limited for haze, whose tones it does not hold"),
    ],
)
def test_a_wrong_description_is_refused_in_words(old: str, new: str, words: str) -> None:
    with pytest.raises(UsageError, match=r"mine\.yaml cannot be used: .*") as caught:
        parsed(old, new)
    assert words in caught.value.message


def test_the_name_of_the_limits_changes_with_the_tones() -> None:
    assert parsed().name == parsed("mine\n", "mine # a remark\n").name
    assert parsed().name != parsed("[1, 4, 0.8]", "[1, 4, 0.7]").name


def test_a_category_without_scores_is_refused() -> None:
    with pytest.raises(UsageError, match="There are no scores"):
        Joint(parts=())

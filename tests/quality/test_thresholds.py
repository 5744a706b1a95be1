from __future__ import annotations

import math
from pathlib import Path

import pytest

from ggt_hf.errors import UsageError
from ggt_hf.quality.scores import SCORES
from ggt_hf.quality.thresholds import (
    JudgeLimits,
    Limit,
    default_thresholds,
    parse_thresholds,
    read_thresholds,
)
from ggt_hf.records import DEGRADATIONS

JUDGE = "judge: {min_removed: 50, min_kept: 60, max_gap: 10}\n"
HEAD = f"format: 1\nname: mine\n{JUDGE}limits:\n"


def parsed(limits: str) -> dict[str, tuple[Limit, ...]]:
    return dict(parse_thresholds((HEAD + limits).encode(), "mine.yaml").limits)


def test_our_limits_cover_every_category_and_can_say_why() -> None:
    ours = default_thresholds()
    assert ours.name.startswith("ours@")
    assert set(ours.limits) == set(DEGRADATIONS)
    for limits in ours.limits.values():
        for limit in limits:
            kind = SCORES[limit.score]
            assert limit.low == -math.inf or kind.low, limit
            assert limit.high == math.inf or kind.high, limit


def test_one_number_counts_for_every_category() -> None:
    limits = parsed("  shift: {max: 0.5}\n")
    assert limits == dict.fromkeys(DEGRADATIONS, (Limit(score="shift", high=0.5),))


def test_a_category_may_have_its_own_limit_or_none() -> None:
    limits = parsed("  gain: {min: {default: 0.8, haze: 1, old_photo: null}, max: {rain: 2}}\n")
    assert limits["mixed"] == (Limit(score="gain", low=0.8),)
    assert limits["haze"] == (Limit(score="gain", low=1.0),)
    assert limits["old_photo"] == ()
    assert limits["rain"] == (Limit(score="gain", low=0.8, high=2.0),)


def test_both_ends_of_a_limit_belong_to_it() -> None:
    limit = Limit(score="gain", low=0.5, high=2)
    assert [limit.allows(value) for value in (0.49, 0.5, 2, 2.01, math.nan)] == [
        False,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "exactly format, name, limits and judge"),
        ("- 1\n", "exactly format, name, limits and judge"),
        ("a: [\n", "no YAML"),
        ("\x00", "no YAML"),
        (JUDGE + "format: 2\nname: a\nlimits: {}\n", "format is 2"),
        (JUDGE + "format: 1\nname: 3\nlimits: {}\n", "name is no text"),
        (JUDGE + "format: 1\nname: a\nlimits: []\n", "no mapping"),
        (HEAD + "  sharpnes: {max: 1}\n", "no score 'sharpnes'"),
        (HEAD + "  shift: 3\n", "shift must hold min, max or both"),
        (HEAD + "  shift: {maximum: 3}\n", "shift must hold min, max or both"),
        (HEAD + "  shift: {max: fast}\n", "shift.max is 'fast', not a finite number"),
        (HEAD + "  shift: {max: true}\n", "shift.max is True, not a finite number"),
        (HEAD + "  shift: {max: .nan}\n", "not a finite number"),
        (HEAD + "  shift: {max: {fog: 3}}\n", "shift.max names 'fog'"),
        (HEAD + "  shift: {max: {haze: x}}\n", "shift.max.haze is 'x'"),
        (HEAD.replace("60", "101") + "  shift: {max: 1}\n", "min_kept is 101"),
        (HEAD.replace("60", "high") + "  shift: {max: 1}\n", "judge.min_kept is 'high'"),
        (HEAD.replace("max_gap", "gap") + "  shift: {max: 1}\n", "judge must hold exactly min_rem"),
        (HEAD + "  gain: {min: 2, max: {rain: 1, default: 3}}\n", "min 2.0 above max 1.0 for rain"),
    ],
)
def test_a_wrong_file_is_refused_in_words(content: str, words: str) -> None:
    with pytest.raises(UsageError, match=r"mine\.yaml cannot be used: .*") as caught:
        parse_thresholds(content.encode(), "mine.yaml")
    assert words in caught.value.message
    assert "thresholds.yaml" in caught.value.hint


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(UsageError, match="no YAML"):
        parse_thresholds(b"\xff\xfe\xff", "mine.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.yaml cannot be read"):
        read_thresholds(tmp_path / "absent.yaml")


def test_the_name_changes_with_the_limits_of_stage_1_and_with_nothing_else(tmp_path: Path) -> None:
    def named(words: str) -> str:
        path = tmp_path / "limits.yaml"
        path.write_text(words)
        return read_thresholds(path).name

    words = f"{HEAD}  shift: {{max: 1}}\n"
    assert named(words).startswith("mine@")
    assert named(words) == named(f"# why\n{words}") == named(words.replace("60", "70"))
    assert named(words) != named(words.replace("max: 1", "max: 2"))


def test_the_judge_is_limited_by_the_same_file() -> None:
    assert default_thresholds().judge == JudgeLimits(min_removed=50, min_kept=70, max_gap=20)

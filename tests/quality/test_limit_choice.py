from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import limit_choice
from benchmarks.good_tones import MADE_OF
from ggt_hf.quality.metric_gate import broken
from ggt_hf.quality.thresholds import Thresholds, parse_thresholds
from ggt_hf.records import DEGRADATIONS

NAMES = {
    *limit_choice.LIMITED,
    *limit_choice.GUARDS,
    *(name for made in MADE_OF.values() for name in made),
} - {"tone"}
JUDGE = "format: 1\nname: chosen\njudge: {min_removed: 50, min_kept: 60, max_gap: 10}\n"


def rows(photographs: int, seed: int) -> list[dict[str, Any]]:
    """Good targets of normally distributed scores, and faults typical but for one."""
    rng = np.random.default_rng(seed)
    made = []
    for photo in range(photographs):
        for category in DEGRADATIONS:
            for kind, score in (
                ("good", ""),
                ("good, redrawn", ""),
                ("shift", "shift"),
                ("tone_drift", MADE_OF[category][0]),
                ("object_removed", ""),
            ):
                spread = 1 if kind.startswith("good") else 0
                scores = {name: float(rng.normal(10, spread)) for name in sorted(NAMES)}
                if score:
                    scores[score] = 60.0
                made.append(
                    {
                        "name": f"{seed}-{photo}",
                        "category": category,
                        "kind": kind,
                        "scores": scores,
                    }
                )
    return made


@pytest.fixture(scope="module")
def chosen() -> Thresholds:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limit_choice, "BUDGETS", (0.005, 0.015, 0.03))
        return parse_thresholds((JUDGE + limit_choice.chosen_limits(rows(24, 1))).encode(), "it")


def share(chosen: Thresholds, kind: str) -> float:
    refused = [
        bool(broken(row["scores"], row["category"], chosen))
        for row in rows(24, 2)
        if row["kind"].startswith(kind)
    ]
    return float(np.mean(refused))


def test_the_limits_find_faults_and_spare_good_targets_of_other_photographs(
    chosen: Thresholds,
) -> None:
    assert share(chosen, "good") < 0.04
    assert share(chosen, "shift") == 1
    assert share(chosen, "tone_drift") > 0.95
    assert share(chosen, "object_removed") == 0


def test_a_limit_that_finds_nothing_beside_the_others_is_left_out(chosen: Thresholds) -> None:
    scores = {limit.score for limits in chosen.limits.values() for limit in limits}
    assert scores == {"shift", "tone", *limit_choice.GUARDS}


def test_every_category_gets_the_tones_of_its_good_targets(chosen: Thresholds) -> None:
    for category, joint in chosen.tone.items():
        assert tuple(part.score for part in joint.parts) == tuple(MADE_OF[category])
        assert all(part.usual == pytest.approx(10, abs=1) for part in joint.parts)

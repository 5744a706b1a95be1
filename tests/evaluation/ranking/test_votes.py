"""Ballots, votes, and whom to believe."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ggt_hf.errors import FormatError, UsageError
from ggt_hf.evaluation.ranking.axes import PREFERENCE, stand
from ggt_hf.evaluation.ranking.ballot import CHECK, draw_ballot
from ggt_hf.evaluation.ranking.bradley_terry import fit
from ggt_hf.evaluation.ranking.panel import SimulatedRater, simulate_panel
from ggt_hf.evaluation.ranking.votes import Vote, VoteLog, outcomes_of, read_poll, wins_of
from tests.evaluation.ranking.studies import make_versions, study_of

NAMES = ["alpha", "beta", "gamma", "delta"]
STRENGTHS = {"alpha": 1.5, "beta": 0.5, "gamma": -0.5, "delta": -1.5}


@pytest.fixture
def versions(tmp_path: Path):
    return make_versions(tmp_path / "files", NAMES)


def two(one):
    return frozenset({one.left.contestant, one.right.contestant})


def test_a_ballot_is_balanced_blind_and_the_same_again(versions):
    ballot = draw_ballot(versions, "ada", num_comparisons=24)
    assert ballot == draw_ballot(versions, "ada", num_comparisons=24)
    others = draw_ballot(versions, "ben", num_comparisons=24)
    assert [one.key for one in ballot] != [one.key for one in others]
    compared = [one for one in ballot if one.expected is None]
    assert set(Counter(map(two, compared)).values()) == {4}
    assert len({(two(one), one.picture) for one in compared}) == 24
    lefts = Counter(one.left.contestant == min(two(one)) for one in compared)
    assert min(lefts.values()) >= 6
    assert len({one.key for one in ballot}) == len(ballot)
    assert not any(name in one.key for one in ballot for name in NAMES)


def test_checks_are_strewn_in_and_their_sides_drawn(versions):
    ballot = draw_ballot(versions, "ada", num_comparisons=36)
    checks = [one for one in ballot if one.expected]
    assert len(checks) == 12
    assert {one.expected for one in checks} == {"left", "right"}
    places = [index for index, one in enumerate(ballot) if one.expected]
    assert places[-1] - places[0] > 10
    for one in checks:
        assert {one.left.contestant, one.right.contestant} & {CHECK}
        assert one.left.path == one.right.path
    assert sum(bool(one.expected) for one in draw_ballot(versions, "ada", num_comparisons=3)) == 12


def test_the_same_file_is_never_compared_with_itself(versions):
    same = versions["p0"]["alpha"]
    versions = {
        key: {**made, "beta": replace(made["alpha"], contestant="beta")}
        for key, made in versions.items()
    }
    ballot = draw_ballot(versions, "ada", num_comparisons=100)
    assert frozenset({"alpha", "beta"}) not in {two(one) for one in ballot if not one.expected}
    with pytest.raises(UsageError, match="nothing to compare"):
        draw_ballot({"p0": {"alpha": same}}, "ada")


def panel(seed, manners):
    return [
        SimulatedRater(name=f"r{seed}-{index}", strengths=STRENGTHS, manner=manner)
        for index, manner in enumerate(manners)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_panel_s_known_preferences_are_recovered(versions, tmp_path, seed):
    simulate_panel(panel(seed, ["careful"] * 12), versions, tmp_path, seed=seed, num_comparisons=36)
    poll = read_poll(tmp_path, study_of(versions))
    assert len(poll.votes) == 12 * 36 and poll.num_stale == 0
    found = fit(wins_of(outcomes_of(poll.votes, NAMES), len(NAMES)))
    assert [NAMES[i] for i in np.argsort(-found.values)] == NAMES
    # Ties pull strengths together; the order and the spacing are what was put in.
    assert np.corrcoef(found.values, list(STRENGTHS.values()))[0, 1] > 0.97
    standings = stand(NAMES, [], [rater.votes for rater in poll.raters], {})
    assert [row.contestant for row in standings] == NAMES
    assert standings[0].first > 0.9 and list(standings[0].axes) == [PREFERENCE]
    assert standings[0].chosen > 0.5 > standings[-1].chosen
    assert standings[0].preferred.low < standings[0].preferred.mean < standings[0].preferred.high


def test_an_interval_is_as_wide_as_raters_differ():
    """Ten raters who each prefer one of two always: twenty votes of each prove no more than one."""

    def votes(choice: str, count: int) -> list[Vote]:
        names = {"left": "alpha", "right": "beta", "left_sha256": "", "right_sha256": ""}
        return [Vote(key=str(i), choice=choice, picture="p", at="", **names) for i in range(count)]

    def width(ballots: list[list[Vote]]) -> float:
        found = stand(["alpha", "beta"], [], ballots, {})[0].preferred
        assert found is not None and found.mean > 0.5
        return found.high - found.low

    apart = [votes("left", 20)] * 6 + [votes("right", 20)] * 4
    alike = [votes("left", 12) + votes("right", 8)] * 10
    assert width(apart) > 2 * width(alike)
    assert width(alike) == pytest.approx(
        width([[vote for votes in alike for vote in votes]]), rel=0.2
    )


@pytest.mark.parametrize("seed", range(4))
def test_bad_raters_are_caught_by_the_checks(versions, tmp_path, seed):
    manners = ["careful"] * 6 + ["random", "left", "random"]
    simulate_panel(panel(seed, manners), versions, tmp_path, seed=seed, num_comparisons=36)
    poll = read_poll(tmp_path, study_of(versions))
    bad = {f"r{seed}-6", f"r{seed}-7", f"r{seed}-8"}
    assert not {rater.name for rater in poll.raters if rater.counts} & bad
    assert sum(rater.counts for rater in poll.raters) >= 5
    assert "left out" in next(r.says for r in poll.raters if r.name in bad)


def test_too_few_checks_prove_nothing(versions, tmp_path):
    ballot = draw_ballot(versions, "ada", num_comparisons=24)
    log = VoteLog(tmp_path, "ada")
    for one in [one for one in ballot if one.expected][:9] + [
        one for one in ballot if not one.expected
    ]:
        log.add(one, one.expected or "left")
    log.close()
    [rater] = read_poll(tmp_path, study_of(versions)).raters
    assert not rater.counts and rater.says.startswith("not yet") and rater.num_votes == 24


def test_votes_survive_and_stale_ones_are_left_out(versions, tmp_path):
    simulate_panel(panel(0, ["careful"]), versions, tmp_path, num_comparisons=24)
    path = tmp_path / "votes/r0-0.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])  # a kill in the middle of a line
    assert len(read_poll(tmp_path, study_of(versions)).votes) == 24
    log = VoteLog(tmp_path, "r0-0")
    ballot = draw_ballot(versions, "r0-0", num_comparisons=24)
    assert len(log.current(ballot)) == len(ballot)
    log.add(next(one for one in ballot if one.expected is None), "undo")
    assert len(log.current(ballot)) == len(ballot) - 1
    log.close()
    made = dict(versions["p0"])
    made["alpha"] = replace(made["alpha"], sha256="other")
    poll = read_poll(tmp_path, study_of({**versions, "p0": made}))
    assert poll.num_stale > 0 and len(poll.votes) + poll.num_stale >= 23
    path.write_text('{"key": "x"}\n')
    with pytest.raises(FormatError, match="is no vote"):
        read_poll(tmp_path, study_of(versions))

"""Strengths from comparisons, against closed forms and another optimiser."""

from __future__ import annotations

import numpy as np
import pytest

from ggt_hf.evaluation.ranking.bradley_terry import PRIOR_DEVIATION, fit


def play(strengths, games, generator):
    """Wins drawn from known strengths, `games` between every two."""
    count = len(strengths)
    wins = np.zeros((count, count))
    for one in range(count):
        for other in range(one):
            chance = 1 / (1 + np.exp(strengths[other] - strengths[one]))
            won = generator.binomial(games, chance)
            wins[one, other], wins[other, one] = won, games - won
    return wins


def test_two_contestants_have_the_odds_of_their_wins():
    found = fit(np.array([[0.0, 3000.0], [1000.0, 0.0]]))
    assert found.values[0] - found.values[1] == pytest.approx(np.log(3), abs=0.01)
    assert found.shares == pytest.approx([0.75, 0.25], abs=0.002)
    assert found.values.sum() == pytest.approx(0)


def test_it_is_where_another_optimiser_ends():
    optimize = pytest.importorskip("scipy.optimize")
    wins = np.random.default_rng(3).integers(0, 9, (5, 5)).astype(float)
    np.fill_diagonal(wins, 0)

    def loss(values):
        apart = values[:, None] - values[None, :]
        return (wins * np.log1p(np.exp(-apart))).sum() + (values**2).sum() / 2 / PRIOR_DEVIATION**2

    there = optimize.minimize(loss, np.zeros(5), method="BFGS", tol=1e-12).x
    assert fit(wins).values == pytest.approx(there - there.mean(), abs=1e-4)


def test_who_wins_or_loses_everything_stays_finite():
    wins = np.zeros((3, 3))
    wins[0, 1:] = wins[1, 2] = 40
    found = fit(wins)
    assert np.isfinite(found.values).all() and list(np.argsort(-found.values)) == [0, 1, 2]
    assert fit(np.zeros((3, 3))).values == pytest.approx([0, 0, 0])
    assert fit(np.zeros((3, 3))).shares == pytest.approx([0.5] * 3)
    assert fit(np.zeros((1, 1))).shares == pytest.approx([0.5])


def test_intervals_hold_the_truth_as_often_as_they_say():
    truth = np.array([0.9, 0.3, 0.0, -0.4, -0.8])
    inside = []
    for seed in range(120):
        found = fit(play(truth, 40, np.random.default_rng(seed)))
        inside.append(np.abs(found.values - truth + truth.mean()) < 1.96 * found.deviations)
    assert 0.9 < np.mean(inside) < 0.99

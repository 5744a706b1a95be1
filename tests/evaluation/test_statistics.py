"""Intervals: seeded, and right about as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from ggt_hf.evaluation.statistics import interval


def test_the_same_values_have_the_same_interval_in_any_run():
    values = np.random.default_rng(3).normal(20, 2, 50)
    assert interval(values) == interval(list(values))


def test_one_value_is_a_point_and_equal_values_too():
    assert (interval([3.0]).low, interval([3.0]).high, interval([3.0]).count) == (3, 3, 1)
    assert interval([2.0] * 9).high == 2


def test_the_interval_of_the_mean_is_that_of_its_standard_error():
    values = np.random.default_rng(1).normal(0, 1, 400)
    found = interval(values)
    half = 1.96 * values.std() / 20
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)


def test_chunks_change_nothing_but_the_draws():
    # So many values are drawn in several turns.
    values = np.random.default_rng(2).normal(0, 1, 5000)
    found = interval(values)
    assert found.low < values.mean() < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 / 5000**0.5, rel=0.05)


def test_it_holds_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        found = interval(generator.normal(5, 1, 30))
        held += found.low <= 5 <= found.high
    assert 0.88 <= held / 200 <= 0.99

from __future__ import annotations

import pytest

from ggt_hf.errors import UsageError
from ggt_hf.synthesis.costing import Terms, cost_table, estimate


def test_money_is_price_times_answers_and_shared_by_the_accepted() -> None:
    found = estimate(1000, Terms(price=0.07, num_attempts=2, accepted=0.5))
    assert found.answers == (1000, 2000)
    assert found.dollars == pytest.approx((70.0, 140.0))
    assert found.num_accepted == 500
    assert found.dollars_a_pair == pytest.approx((0.14, 0.28))
    assert found.hours is None and found.hours_a_pair is None


def test_a_local_editor_costs_hours() -> None:
    found = estimate(10_000, Terms(price=0.0, num_attempts=1, seconds=36.0, accepted=0.25))
    assert found.hours == pytest.approx((100.0, 100.0))
    assert found.hours_a_pair == pytest.approx((0.04, 0.04))
    assert found.dollars == (0.0, 0.0)


def test_the_table_says_only_what_was_said() -> None:
    rows = cost_table(8, Terms(price=0.07, num_attempts=1))
    assert [row["images"] for row in rows] == ["8", "1,000", "10,000", "100,000"]
    assert list(rows[0]) == ["images", "answers", "USD"]
    assert rows[-1]["USD"] == "7,000.00"
    assert "device hours" in cost_table(8, Terms(price=0.0, num_attempts=1, seconds=2.0))[0]
    assert len(cost_table(1000, Terms(price=1.0, num_attempts=1))) == 3


@pytest.mark.parametrize("terms", [{"accepted": 0.0}, {"accepted": 60.0}, {"seconds": -1.0}])
def test_shares_and_times_are_checked(terms: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Terms(price=0.1, num_attempts=1, **terms)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ggt_hf.data.reading.remote.files import expiry
from ggt_hf.data.reading.remote.retrying import Patience, RetryPolicy, SetbackError, asked_delay
from ggt_hf.errors import UsageError


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 -0000"}, 0.0),
        ({"ratelimit": '"resolvers";r=0;t=55'}, 55.0),
        ({"ratelimit": '"resolvers";r=12;t=55'}, None),
        ({}, None),
    ],
)
def test_what_a_server_asks(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_delay(headers) == seconds


def test_a_date_to_come_is_a_delay() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60))
    assert asked_delay({"retry-after": date}) == pytest.approx(60, abs=2)


@pytest.mark.parametrize(
    ("query", "ends"),
    [
        ("Expires=1700000000&Signature=x", 1_700_000_000),
        ("X-Amz-Date=20231114T221320Z&X-Amz-Expires=3600", 1_700_003_600),
        ("nothing=said", float("inf")),
        ("Expires=never", float("inf")),
    ],
)
def test_when_a_signed_url_ends(query: str, ends: float) -> None:
    assert expiry(f"https://cdn/x?{query}") == ends


def test_delays_grow_to_a_limit_and_are_spread() -> None:
    policy = RetryPolicy(first_delay=1, longest_delay=8)
    for failures, whole in enumerate((1, 2, 4, 8, 8), start=1):
        drawn = {policy.delay(failures) for _ in range(50)}
        assert whole / 2 <= min(drawn) < max(drawn) <= whole


def test_at_least_one_attempt() -> None:
    with pytest.raises(UsageError, match="0 attempts"):
        RetryPolicy(attempts=0)


def test_a_long_wait_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    def step() -> None:
        raise SetbackError("the Hub is away")

    with pytest.raises(RuntimeError, match="5 attempts in a row"):
        Patience(RetryPolicy(attempts=5, first_delay=0)).until_done(step, RuntimeError)
    assert [record.message for record in caplog.records] == ["the Hub is away; trying again."]

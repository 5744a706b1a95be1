"""Try again, with growing pauses, a bounded number of times."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from ggt_hf.data.reading.forksafe import ForkSafeLock
from ggt_hf.errors import UsageError

T = TypeVar("T")

_log = logging.getLogger(__name__)

_TOLD_AFTER = 3
"""Failures in a row after which the user is told why nothing happens."""

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be gone at the next attempt."""

_RATE_LIMIT = re.compile(r"\br\s*=\s*0\s*;\s*t\s*=\s*(\d+)")
"""``RateLimit: "resolvers";r=0;t=55``: nothing remains, the window opens again in 55 s."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How patient a reader is."""

    attempts: int = 8
    """Requests in a row that may bring nothing before the read fails; at least 1."""
    first_delay: float = 0.5
    """Seconds before the second attempt; doubles from then on, with jitter; 0 = none."""
    longest_delay: float = 30.0
    """Seconds at which the doubling stops."""
    longest_asked_delay: float = 300.0
    """Seconds up to which a server's own wish (Retry-After, RateLimit) is obeyed."""
    connect_timeout: float = 10.0
    """Seconds to wait for a connection."""
    read_timeout: float = 20.0
    """Seconds without a single byte after which a connection counts as dead."""

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise UsageError(
                f"{self.attempts} attempts read nothing.", hint="Give at least 1 as attempts."
            )

    def delay(self, failures: int) -> float:
        """Return the seconds to wait after `failures` in a row: half fixed, half at random."""
        whole = min(self.longest_delay, self.first_delay * 2.0 ** (failures - 1))
        return whole * random.uniform(0.5, 1.0)


class SetbackError(Exception):
    """One attempt failed in a way that another may not.

    Args:
        cause: what happened, as the end of a sentence.
        asked_delay: seconds that the server asked to be left alone; ``None`` = it did not say.
        progress: the attempt brought bytes, so it is no failure in a row.
        at_once: waiting cannot help; another attempt can.
    """

    def __init__(
        self,
        cause: str,
        *,
        asked_delay: float | None = None,
        progress: bool = False,
        at_once: bool = False,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.asked_delay = asked_delay
        self.progress = progress
        self.at_once = at_once


class Patience:
    """Repeats a step under a policy; a wish to be left alone holds back every thread."""

    def __init__(self, policy: RetryPolicy) -> None:
        self.policy = policy
        self._open_again = 0.0
        self._lock = ForkSafeLock()

    def until_done(self, step: Callable[[], T], give_up: Callable[[str], Exception]) -> T:
        """Return what `step` returns, calling it again after each `SetbackError`.

        Raises:
            Exception: what `give_up` makes of the last cause, after too many failures in a row.
        """
        failures = 0
        while True:
            self._wait_for_opening()
            try:
                return step()
            except SetbackError as setback:
                failures = 1 if setback.progress else failures + 1
                if failures >= self.policy.attempts:
                    count = f"{failures} attempts in a row"
                    raise give_up(f"{setback.cause} ({count})") from setback
                if failures == _TOLD_AFTER:
                    _log.warning("%s; trying again.", setback.cause)
                self._pause(setback, failures)

    def _pause(self, setback: SetbackError, failures: int) -> None:
        if setback.asked_delay is not None:
            asked = min(setback.asked_delay, self.policy.longest_asked_delay)
            with self._lock:
                self._open_again = max(self._open_again, time.monotonic() + asked)
        elif not (setback.at_once and failures == 1):
            time.sleep(self.policy.delay(failures))

    def _wait_for_opening(self) -> None:
        left = self._open_again - time.monotonic()
        if left > 0:
            # Not everybody at the same instant.
            time.sleep(left + self.policy.delay(1) / 4)


def asked_delay(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a response asks to wait, from Retry-After or RateLimit."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    if text:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:  # "-0000": UTC, of an unknown place
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    match = _RATE_LIMIT.search(headers.get("ratelimit", ""))
    return float(match[1]) if match else None

"""What the Hub and the network answer, made into a pause or into a `HubError`.

huggingface_hub repeats most requests itself, but neither the POST of a commit nor the small
questions around it; `persist` does. Its Xet half raises the built-in `ConnectionError` for
everything, a refused token included, so that the status is read from the message.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ggt_hf.data.reading.remote.retrying import PASSING, asked_delay
from ggt_hf.errors import GgtError, HubError

T = TypeVar("T")

ATTEMPTS = 5
"""How often one request is sent before its failure counts."""

FIRST_PAUSE = 1.0
"""Seconds before the second attempt; doubles from then on."""

LONGEST_PAUSE = 300.0
"""Seconds beyond which a server's Retry-After is not waited for."""

_TOLD_AFTER = 2
"""Failures in a row after which the user is told why nothing happens."""

_log = logging.getLogger(__name__)

_STATUS_IN_TEXT = re.compile(r"HTTP status (?:client|server) error \((\d{3})")

_HINTS = {
    400: "Read what it says above; if it names a file, push again to send it anew.",
    401: "Run: hf auth login, or set HF_TOKEN to a token that is still valid.",
    403: "Use a token with write access to {repo}, or push with --create-pr.",
    404: "Check the name {repo}, the revision, and that the token may see it.",
    409: "Somebody changed {repo} at the same moment; run the same command again.",
    412: "Somebody else commits to {repo}; wait until they are done and run this again.",
    413: "Build with smaller shards, then push again.",
    429: "The Hub limits requests; wait some minutes and run the same command again.",
}

_HINT = "Run the same command again; what has arrived is not sent twice."


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and what caused it, outermost first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status behind `error`; ``None`` where no answer came."""
    for link in chain(error):
        status = getattr(getattr(link, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
        match = _STATUS_IN_TEXT.search(str(link))
        if match:
            return int(match[1])
    return None


def is_passing(error: BaseException) -> bool:
    """Say whether the same request may succeed a little later."""
    status = status_of(error)
    if status is not None:
        return status in PASSING
    return any(_is_broken_connection(link) for link in chain(error))


def pause_after(error: BaseException, failures: int) -> float:
    """Return the seconds to wait after `failures` in a row: the server's wish, or doubling."""
    for link in chain(error):
        asked = asked_delay(getattr(getattr(link, "response", None), "headers", None) or {})
        if asked is not None:
            return min(asked, LONGEST_PAUSE)
    return FIRST_PAUSE * 2.0 ** (failures - 1)


def persist(
    step: Callable[[], T],
    *,
    repo: str,
    doing: str,
    token: str | None = None,
    attempts: int = ATTEMPTS,
) -> T:
    """Return what `step` returns, repeating it while its failure may pass.

    Args:
        step: safe to repeat: asking, or making something so that is so already.
        repo: the repository, for the error.
        doing: what is being done, as the end of "... failed".
        token: never to appear in a message.
        attempts: how often to try; at least 1.

    Raises:
        HubError: it failed for good.
    """
    failures = 0
    while True:
        try:
            return step()
        except GgtError:
            raise
        except Exception as error:
            failures += 1
            if failures >= attempts or not is_passing(error):
                raise refusal(error, repo=repo, doing=doing, token=token) from error
            if failures == _TOLD_AFTER:
                _log.warning("%s: %s failed; trying again.", repo, doing)
            time.sleep(pause_after(error, failures))


def refusal(error: BaseException, *, repo: str, doing: str, token: str | None = None) -> HubError:
    """Return the `HubError` that names the repository, the deed, the cause and the next step."""
    status = status_of(error)
    cause = _cause(error, status)
    if token:
        cause = cause.replace(token, "(token)")
    hint = _HINTS.get(status or 0, _HINT).format(repo=repo)
    return HubError(f"{repo}: {doing} failed: {cause}.", hint=hint)


def _cause(error: BaseException, status: int | None) -> str:
    root = list(chain(error))[-1]
    said: Any = next(
        (m for m in (getattr(e, "server_message", None) for e in chain(error)) if m), ""
    )
    text = " ".join(str(said or root).split()) or type(root).__name__
    return f"status {status}, {text.rstrip('.')}" if status else text.rstrip(".")


def _is_broken_connection(error: BaseException) -> bool:
    from huggingface_hub.errors import OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return False
    transport = any(kind.__name__ == "TransportError" for kind in type(error).__mro__)
    return transport or isinstance(error, (ConnectionError, TimeoutError))

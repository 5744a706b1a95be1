"""What editors behind an API have in common: which failures were paid, and which may be repeated.

Services bill for answers, so an HTTP error costs nothing here. Where an answer is lost on its way,
nobody can tell.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from importlib.util import find_spec

from ggt_hf.errors import EditorError, GgtError
from ggt_hf.synthesis.editors.editor import LostAnswerError, NoPictureError, NotAnsweredError

_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
_REFUSAL = re.compile(r"safety|moderation|content.?policy|policy.?violation|prohibited", re.I)
_NO_MONEY = re.compile(r"insufficient.?quota|billing|credit|payment", re.I)
_HOPELESS = (401, 402, 403, 404)
_LOST = (408, 504)


def is_installed(module: str) -> bool:
    """Say whether a module can be imported, without the seconds that importing it takes."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it is in
        return False


def http_failure(
    service: str, key: str, status: int, message: str, retry_after: float | None
) -> GgtError:
    """Return the error for an HTTP status: refused, repeatable, lost, or hopeless for all."""
    said = f"{service} answered {status} for {key}: {' '.join(message.split())[:300]}"
    if status in _HOPELESS or (status == 429 and _NO_MONEY.search(message)):
        return EditorError(said, hint="Check the API key, the model's name and the account.")
    if status in _LOST:
        return LostAnswerError(said)
    if status in (409, 425, 429) or status >= 500:
        return NotAnsweredError(said, retry_after)
    outcome = "refused" if _REFUSAL.search(message) else "error"
    return NoPictureError(outcome, said, paid=False)  # type: ignore[arg-type]


def connection_failure(service: str, key: str, error: BaseException) -> GgtError:
    """Return the error for a connection that failed: never made, or broken after the sending."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    # By name: SDKs bring httpx or httpx2, whose classes are the same in all but their module.
    names = {kind.__name__ for link in chain for kind in type(link).__mro__}
    said = f"{service} could not be asked about {key}: {error or type(error).__name__}"
    if names & _NEVER_SENT:
        return NotAnsweredError(said)
    return LostAnswerError(f"{service} was asked about {key}, and the answer was lost: {error}")


def retry_after(headers: Mapping[str, str] | None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks to wait, or ``None``."""
    text = (headers or {}).get("retry-after")
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None

"""Faults: rules that make a matching request go wrong in one stated way."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Role = Literal["hub", "cdn"]
"""The two origins: the API, and the storage that signed urls point to."""

FOREVER = sys.maxsize
"""Value of `Fault.times` for a fault that never heals."""

_CONDITIONS = {"server", "method", "path", "range", "skip", "times", "seen", "fired"}


@dataclass(kw_only=True, slots=True)
class Fault:
    """One rule: the conditions that a request must meet, and what then goes wrong.

    Byte counts are those of the answer's body (or of the request's body, for uploads), from 0 at
    its first byte. `corrupt` alone counts from the start of the whole file.
    """

    server: Role | None = None
    """Listener that is hit; both when None."""
    method: str | None = None
    """HTTP method that is hit; all when None."""
    path: str = ""
    """Regular expression searched in the path with its query."""
    range: str | None = None
    """Regular expression searched in the `Range` header ("" when there is none)."""
    skip: int = 0
    """Matching requests let through first."""
    times: int = 1
    """Matching requests hit after that; `FOREVER` for a fault that stays."""

    status: int | None = None
    """Answer this status instead of serving."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of that answer, `Retry-After` for one."""
    body: str = ""
    """Text of that answer."""
    close: bool = False
    """Hang up before answering, without doing anything."""
    lost_response: bool = False
    """Do what was asked, then hang up instead of answering."""
    reset: bool = False
    """Hang up with RST instead of FIN, wherever a rule hangs up."""
    drop_after: int | None = None
    """Hang up after this many bytes of a file, with the full Content-Length announced."""
    truncate: int | None = None
    """Send this many bytes of a file with a Content-Length that agrees."""
    chunked_cut: int | None = None
    """Send a file chunked, and stop after this many bytes, without the closing chunk."""
    clean_end: bool = False
    """With `chunked_cut`: send the closing chunk, so that the short body looks whole."""
    slow: int | None = None
    """Bytes a second of a file."""
    stall_after: int | None = None
    """Pause once after this many bytes of a file."""
    stall_s: float = 30.0
    """Seconds of that pause."""
    delay: float = 0.0
    """Seconds to wait before anything else."""
    held: threading.Event | None = None
    """Wait for this before anything else: the test has its time, however busy the machine is."""
    corrupt: int | None = None
    """Invert the byte at this offset of a file, where the range covers it."""
    ignore_range: bool = False
    """Answer 200 with the whole file to a ranged request."""
    set_headers: Mapping[str, str | None] = field(default_factory=dict)
    """Headers of the true answer to replace, or to leave out when None."""
    discard_upload: bool = False
    """Accept uploaded bytes, store zeros."""
    cut_upload_after: int | None = None
    """Hang up after this many uploaded bytes."""

    seen: int = 0
    """Requests that met the conditions, so far."""
    fired: int = 0
    """Requests hit, so far."""

    @property
    def cut(self) -> int | None:
        """Bytes of a body after which it stops short of what was announced."""
        return self.drop_after if self.drop_after is not None else self.chunked_cut

    def meets(self, server: Role, method: str, path: str, byte_range: str | None) -> bool:
        """Whether a request meets the conditions, counters aside."""
        return (
            self.server in (None, server)
            and self.method in (None, method)
            and re.search(self.path, path) is not None
            and (self.range is None or re.search(self.range, byte_range or "") is not None)
        )

    def does_something(self) -> bool:
        """Whether any action is set."""
        return any(
            getattr(self, f.name) != getattr(NO_FAULT, f.name)
            for f in fields(self)
            if f.name not in _CONDITIONS
        )


NO_FAULT = Fault()
"""What a request that no rule hits carries."""


class Faults:
    """The rules in force, asked once for each request; the first that matches hits it."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, **rule: Any) -> Fault:
        """Put a rule in force; its counters tell later whether it was met.

        Raises:
            ValueError: If no action is set.
        """
        fault = Fault(**rule)
        if not fault.does_something():
            raise ValueError(f"fault has no action, got {rule}")
        with self._lock:
            self._rules.append(fault)
        return fault

    def clear(self) -> None:
        """Let everything heal."""
        with self._lock:
            self._rules.clear()

    def match(self, server: Role, method: str, path: str, byte_range: str | None) -> Fault:
        """Return the rule that hits this request, or `NO_FAULT`."""
        with self._lock:
            for fault in self._rules:
                if not fault.meets(server, method, path, byte_range):
                    continue
                fault.seen += 1
                if fault.skip < fault.seen and fault.fired < fault.times:
                    fault.fired += 1
                    return fault
        return NO_FAULT

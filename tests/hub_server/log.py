"""The request log: what reached which origin, and how many bytes moved."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.hub_server.faults import Role


@dataclass(kw_only=True, slots=True)
class Entry:
    """One request."""

    server: Role
    """Origin that was asked."""
    method: str
    """HTTP method."""
    path: str
    """Path with its query, percent-encoded as it arrived."""
    range: str | None = None
    """`Range` header."""
    authorization: str | None = None
    """`Authorization` header."""
    user_agent: str | None = None
    """`User-Agent` header."""
    status: int | None = None
    """Status answered; None when the connection was closed first."""
    sent: int = 0
    """Bytes of the answer's body, counted as they are handed to the connection."""
    received: int = 0
    """Bytes of the request's body."""
    faulty: bool = False
    """Whether a fault hit it."""
    error: str | None = None
    """How the connection broke, when it did."""
    time: float = field(default_factory=time.time)
    """Seconds since 1970."""


class RequestLog:
    """All requests since the last `clear`, oldest first."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        """Append a request."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def select(
        self, path: str = "", *, server: Role | None = None, method: str | None = None
    ) -> list[Entry]:
        """Requests of a server and method whose path contains a regular expression."""
        return [
            entry
            for entry in self
            if server in (None, entry.server)
            and method in (None, entry.method)
            and re.search(path, entry.path)
        ]

    def sent(self, path: str = "", *, server: Role | None = None) -> int:
        """Bytes of bodies answered."""
        return sum(entry.sent for entry in self.select(path, server=server))

    def received(self, path: str = "", *, server: Role | None = None) -> int:
        """Bytes of bodies taken in."""
        return sum(entry.received for entry in self.select(path, server=server))

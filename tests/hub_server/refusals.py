"""How a request ends without what it asked for."""

from __future__ import annotations

from collections.abc import Mapping

Headers = Mapping[str, object]


class RefusalError(Exception):
    """A refusal: status, the Hub's error code, a message, and perhaps headers or a JSON body."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        headers: Headers | None = None,
        body: object = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers, self.body = headers or {}, body


class HangUpError(Exception):
    """The connection is gone; nothing more can be said on it."""


def revision_not_found(revision: str) -> RefusalError:
    """The refusal for a revision that is not there."""
    return RefusalError(404, f"Invalid rev id: {revision}", code="RevisionNotFound")

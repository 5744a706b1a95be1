"""Who may call: accounts and the tokens they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What one access token stands for."""

    name: str
    """User name; also the namespace of the user's own repositories."""
    orgs: tuple[str, ...] = ()
    """Organisations whose repositories the user reads and writes."""
    role: Literal["read", "write"] = "write"
    """Right of the token: a read token never writes, whoever holds it."""

    def member_of(self, namespace: str) -> bool:
        """Whether private repositories of this namespace are visible."""
        return namespace == self.name or namespace in self.orgs

    def may_write(self, repo_id: str) -> bool:
        """Whether the token may change this repository."""
        return self.role == "write" and self.member_of(repo_id.split("/")[0])


ALICE = "hf_alice"
"""Write token of alice, a member of the organisation `ggt`."""
BOB = "hf_bob"
"""Write token of bob, a stranger to alice and to `ggt`."""
READER = "hf_read"
"""Read token of alice."""

DEFAULT_ACCOUNTS = {
    ALICE: Account(name="alice", orgs=("ggt",)),
    BOB: Account(name="bob"),
    READER: Account(name="alice", orgs=("ggt",), role="read"),
}

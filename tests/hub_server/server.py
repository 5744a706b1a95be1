"""The server: two listeners on two addresses, over one state."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from tests.hub_server import (
    admin,
    api_account,
    api_repos,
    api_tree,
    commits,
    discussions,
    lfs,
    resolve,
)
from tests.hub_server.faults import Fault, Role
from tests.hub_server.log import RequestLog
from tests.hub_server.state import Settings, State
from tests.hub_server.wire import Listener, Route
from tests.hub_server.xet import routes as xet

ADDRESSES: dict[Role, str] = {"hub": "127.0.0.1", "cdn": "127.0.0.2"}
"""Two addresses, not only two ports: clients decide by host whether a redirect leaves the Hub."""

ROUTES: dict[Role, tuple[Route, ...]] = {
    "hub": (
        *admin.ROUTES,
        *api_account.ROUTES,
        *api_repos.ROUTES,
        *api_tree.ROUTES,
        *commits.ROUTES,
        *discussions.ROUTES,
        *lfs.ROUTES,
        *xet.ROUTES,
        *resolve.ROUTES,
    ),
    "cdn": (*lfs.CDN_ROUTES, *resolve.CDN_ROUTES, *xet.CDN_ROUTES),
}


class HubServer:
    """A Hub on loopback, with its storage origin. Use it as a context manager."""

    def __init__(self, root: Path, settings: Settings | None = None) -> None:
        self._defaults = settings or Settings()
        self.state = State(root, self._defaults)
        self._listeners: dict[Role, Listener] = {}

    @property
    def endpoint(self) -> str:
        """Url of the hub: the value of HF_ENDPOINT."""
        return self.state.hub_url

    @property
    def log(self) -> RequestLog:
        """Every request since the start, or since the last `reset`."""
        return self.state.log

    def start(self) -> Self:
        """Listen on two free ports."""
        self._listen("hub", 0)
        self._listen("cdn", 0)
        self.state.hub_url, self.state.cdn_url = self._url("hub"), self._url("cdn")
        return self

    def stop(self) -> None:
        """Stop listening and cut what is open."""
        for role in tuple(self._listeners):
            self._hush(role)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def reset(self) -> None:
        """Return to an empty Hub with the first settings, on the same ports."""
        self.state.settings = self._defaults
        self.state.wipe()

    def configure(self, **settings: Any) -> None:
        """Change settings by name, until the next `reset`."""
        self.state.settings = replace(self.state.settings, **settings)

    def fault(self, **rule: Any) -> Fault:
        """Put a fault in force; the arguments are the fields of `Fault`."""
        return self.state.faults.add(**rule)

    def heal(self) -> None:
        """Take all faults out of force."""
        self.state.faults.clear()

    @contextlib.contextmanager
    def outage(self, role: Role) -> Iterator[None]:
        """Be gone: refuse connections to one origin, then listen on the same port again."""
        port = self._listeners[role].server_port
        self._hush(role)
        with socket.socket() as kept:  # bound, though it does not listen: the port stays ours
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            kept.bind((ADDRESSES[role], port))
            try:
                yield
            finally:
                self._listen(role, port)

    def leaked_tokens(self) -> set[str]:
        """Hub tokens that a client sent to the storage origin: must be empty."""
        sent = {entry.authorization or "" for entry in self.log.select(server="cdn")}
        return {token for token in self.state.settings.accounts if any(token in s for s in sent)}

    def _url(self, role: Role) -> str:
        return f"http://{ADDRESSES[role]}:{self._listeners[role].server_port}"

    def _listen(self, role: Role, port: int) -> None:
        listener = Listener((ADDRESSES[role], port), role, self.state, ROUTES[role])
        self._listeners[role] = listener
        serve = threading.Thread(
            target=listener.serve_forever, args=(0.02,), name=f"{role} listener", daemon=True
        )
        serve.start()

    def _hush(self, role: Role) -> None:
        listener = self._listeners.pop(role)
        listener.shutdown()
        listener.server_close()

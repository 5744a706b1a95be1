"""One HTTP exchange: reading a request, answering it, hanging up, and finding its route."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub_server.faults import NO_FAULT, Fault, Role
from tests.hub_server.log import Entry
from tests.hub_server.refusals import HangUpError, Headers, RefusalError, revision_not_found
from tests.hub_server.repos import UnknownRevisionError
from tests.hub_server.state import State

BLOCK = 1 << 16
JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
HELD_S = 240
"""Seconds after which a request that nobody lets go on does so all the same."""


class Request(BaseHTTPRequestHandler):
    """One connection; the attributes below belong to the request in progress."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    server: Listener

    path_only: str
    """Path without its query, percent-encoded."""
    query: dict[str, str]
    """First value of each query parameter."""
    params: dict[str, str]
    """Decoded parts of the path, named by the route."""
    fault: Fault
    """The fault that hits this request, or `NO_FAULT`."""
    entry: Entry
    """This request's line in the log."""
    _body_read: bool
    _era: int

    @property
    def state(self) -> State:
        """What all requests share."""
        return self.server.state

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on stderr: the request log has it all."""

    # Reading

    def blocks(self) -> Iterator[bytes]:
        """The request's body, sized or chunked, once; nothing when it was read before."""
        if self._body_read:
            return
        self._body_read = True
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            yield from self._exactly(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield from self._exactly(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def body(self) -> bytes:
        """The whole request body."""
        return b"".join(self.blocks())

    def json(self) -> dict[str, Any]:
        """The request body as a JSON object; {} when it is empty."""
        value = json.loads(self.body() or b"{}")
        if not isinstance(value, dict):
            raise RefusalError(400, "expected a JSON object")
        return value

    def flag(self, name: str) -> bool:
        """Whether a query parameter says yes."""
        return self.query.get(name, "").lower() in ("1", "true")

    def _exactly(self, left: int) -> Iterator[bytes]:
        while left:
            block = self.rfile.read(min(left, BLOCK))
            if not block:
                raise ConnectionError("the client stopped sending")
            left -= len(block)
            self.entry.received += len(block)
            yield block

    def _drain(self) -> None:
        for _ in self.blocks():
            pass

    # Answering

    def reply(
        self,
        value: object = None,
        *,
        status: int = 200,
        headers: Headers | None = None,
        content_type: str = JSON,
    ) -> None:
        """Answer with a JSON value, or with text (`str`), or with an empty body (None)."""
        if isinstance(value, str):
            data, content_type = value.encode(), TEXT
        else:
            data = b"" if value is None else json.dumps(value).encode()
        self._drain()
        if self.fault.lost_response:
            self.hang_up()
        self.start(
            status,
            {
                "Content-Type": content_type,
                "Content-Length": len(data),
                "X-Request-Id": f"Root={uuid.uuid4().hex}",
                **(headers or {}),
            },
        )
        if self.command != "HEAD":
            self.write(data)

    def start(self, status: int, headers: Headers) -> None:
        """Send status line and headers, as the fault would have them."""
        changed = self.fault.set_headers
        replaced = {name.lower() for name in changed}
        kept = {name: value for name, value in headers.items() if name.lower() not in replaced}
        added = {name: value for name, value in changed.items() if value is not None}
        self.entry.status = status
        self.send_response(status)
        for name, value in (kept | added).items():
            self.send_header(name, str(value))
        self.end_headers()

    def write(self, data: bytes) -> None:
        """Send bytes of the body."""
        self.entry.sent += len(data)  # first: a client that has them all may ask the log at once
        self.wfile.write(data)

    def hang_up(self) -> None:
        """Close the connection with FIN, or RST where the fault says so.

        Raises:
            HangUpError: Always.
        """
        self.close_connection = True
        with contextlib.suppress(OSError):
            if self.fault.reset:
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            else:
                self.connection.shutdown(socket.SHUT_RDWR)
            self.connection.close()
        raise HangUpError

    def refuse(self, error: RefusalError) -> None:
        """Answer with an error as the Hub words it."""
        named = {"X-Error-Code": error.code, "X-Error-Message": error.message}
        headers = dict(error.headers) | {k: v for k, v in named.items() if v}
        body = {"error": error.message} if error.body is None else error.body
        self.reply(body, status=error.status, headers=headers)

    # Serving

    def serve(self) -> None:
        """Handle one request: log it, apply the fault, find the route, answer."""
        self._open()
        try:
            self._serve()
        except HangUpError:
            self.entry.error = "hung up"
        except OSError as error:
            self.entry.error = repr(error)
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve  # noqa: N815

    def _open(self) -> None:
        url = urlsplit(self.path)
        self.path_only, self.params, self._body_read = url.path, {}, False
        self._era = self.state.era
        query = parse_qs(url.query, keep_blank_values=True)
        self.query = {name: values[0] for name, values in query.items()}
        self.entry = Entry(
            server=self.server.role,
            method=self.command,
            path=self.path,
            range=self.headers.get("Range"),
            authorization=self.headers.get("Authorization"),
            user_agent=self.headers.get("User-Agent"),
        )
        self.state.log.add(self.entry)
        self.fault = self.state.faults.match(
            self.server.role, self.command, self.path, self.entry.range
        )
        self.entry.faulty = self.fault is not NO_FAULT

    def _serve(self) -> None:
        time.sleep(self.fault.delay)
        if self.fault.held is not None:
            self.fault.held.wait(HELD_S)
        if self.fault.close or self._era != self.state.era:  # emptied since: of another test
            self.hang_up()
        if self.fault.status is not None:
            self.reply(self.fault.body, status=self.fault.status, headers=self.fault.headers)
            return
        try:
            self._route()
            self._drain()
        except UnknownRevisionError as error:
            self.refuse(revision_not_found(str(error)))
        except RefusalError as error:
            self.refuse(error)

    def _route(self) -> None:
        method = "GET" if self.command == "HEAD" else self.command
        for route in self.server.routes:
            match = route.pattern.fullmatch(self.path_only)
            if match and method in route.methods:
                self.params = {k: unquote(v) for k, v in match.groupdict().items() if v is not None}
                return route.answer(self)
        raise RefusalError(404, "Not Found")


Answer = Callable[[Request], None]


@dataclass(frozen=True, slots=True)
class Route:
    """Which requests a function answers."""

    methods: tuple[str, ...]
    pattern: re.Pattern[str]
    answer: Answer


_PLACES = {
    "{kind}": "(?P<kind>models|datasets|spaces)",
    "{repo}": "(?P<namespace>[^/]+)/(?P<name>[^/]+?)",
    "{kind/}": "(?:(?P<kind>datasets|spaces)/)?",
}


def route(methods: str, template: str, answer: Answer) -> Route:
    """Make a route of a path template.

    `{x}` is one segment, `{x*}` the rest of the path, `{kind}/{repo}` a repository of the API and
    `{kind/}{repo}` one of the pages, where models have no prefix. Segments are split before they
    are decoded: `refs%2Fpr%2F1` is one.
    """

    def place(match: re.Match[str]) -> str:
        text = match[0]
        if text in _PLACES:
            return _PLACES[text]
        return f"(?P<{text[1:-2]}>.+)" if text.endswith("*}") else f"(?P<{text[1:-1]}>[^/]+)"

    pattern = re.sub(r"\{[^}]+\}", place, template.replace(".", r"\."))
    return Route(tuple(methods.split()), re.compile(pattern), answer)


class Listener(ThreadingHTTPServer):
    """One origin: a thread a connection, all of them closed when it stops."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], role: Role, state: State, routes: tuple[Route, ...]
    ) -> None:
        self.role, self.state, self.routes = role, state, routes
        self._connections: set[socket.socket] = set()
        super().__init__(address, Request)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, then serve it in a thread."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Stop listening and cut the connections that are still open."""
        super().server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what went wrong, except that a client which hung up is no error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

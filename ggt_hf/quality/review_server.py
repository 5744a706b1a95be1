"""The server of a review page: three addresses, on the loopback interface, behind a token."""

from __future__ import annotations

import json
import secrets
import sys
import threading
from hmac import compare_digest
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol

from ggt_hf.errors import UsageError

_LOOPBACK = "127.0.0.1"
_MAX_BODY = 8_192
_POLICY = (
    "default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src 'nonce-{nonce}'; "
    "script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Site(Protocol):
    """What the addresses stand for; knows nothing of HTTP."""

    @property
    def num_shown(self) -> int:
        """Items on the page."""
        ...

    def render(self, decide_url: str, nonce: str) -> str:
        """Return the page, by where to post decisions and its nonce."""
        ...

    def picture(self, index: str, side: str) -> tuple[bytes, str] | None:
        """Return a picture and its media type; None where there is none that is one."""
        ...

    def decide(self, asked: Any) -> bool:
        """Write a decision down; False where it cannot be meant."""
        ...

    def close(self) -> None:
        """Close what is written to."""
        ...


class ReviewServer:
    """Serves one reviewer's page from threads of its own; a context manager.

    Args:
        site: the page, its pictures, and who takes its decisions; closed with the server.
        port: 0 = any that is free.

    Raises:
        UsageError: the port is taken; the site is closed then.
    """

    def __init__(self, site: Site, *, port: int = 0) -> None:
        self._site = site
        token = secrets.token_urlsafe(24)

        class Handler(_Handler):
            pass

        Handler.site, Handler.token = site, token
        try:
            self._server = _Server((_LOOPBACK, port), Handler)
        except OSError as error:
            site.close()
            raise UsageError(
                f"The port {port} of this machine cannot be used: {error.strerror}.",
                hint="Choose another, or leave --port out.",
            ) from error
        self.port = self._server.server_port
        self.url = f"http://{_LOOPBACK}:{self.port}/{token}/"
        """The page's address; who has it can decide."""
        self.num_shown = site.num_shown
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Serve until the server is closed or the thread is interrupted."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def close(self) -> None:
        """Stop to serve."""
        self._server.shutdown()
        self._server.server_close()
        self._site.close()

    def __enter__(self) -> ReviewServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a browser that went away; anything else is told as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Three addresses; everything else, and everyone else, finds nothing."""

    site: Site
    token: str
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "ggt", ""
    timeout = 60

    def do_GET(self) -> None:
        """Give the page or a picture."""
        path = self._allowed_path()
        if path == []:
            nonce = secrets.token_urlsafe(12)
            body = self.site.render("decide", nonce).encode()
            kind = "text/html; charset=utf-8"
            self._send(HTTPStatus.OK, body, kind, policy=_POLICY.format(nonce=nonce))
        elif path and len(path) == 3 and path[0] == "picture":
            found = self.site.picture(path[1], path[2])
            if found is None:
                self._refuse(HTTPStatus.NOT_FOUND)
            else:
                # The address holds the token of this run, so it never names another picture.
                self._send(HTTPStatus.OK, *found, cache="private, max-age=86400, immutable")
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """Take a decision."""
        path = self._allowed_path()
        if path != ["decide"] or not self._from_our_page():
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        length = self.headers.get("Content-Length", "")
        is_number = length.isascii() and length.isdigit() and len(length) < 10
        if not is_number or int(length) > _MAX_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(int(length))  # one that never comes ends the connection
        try:
            meant = self.site.decide(json.loads(body))
        except (ValueError, RecursionError):
            meant = False
        except OSError as error:
            # A full disk: the page says so and keeps the decision until it can be written.
            self._send(HTTPStatus.INSUFFICIENT_STORAGE, str(error).encode(), "text/plain")
            return
        status = HTTPStatus.OK if meant else HTTPStatus.BAD_REQUEST
        self._send(status, b"{}", "application/json")

    def _allowed_path(self) -> list[str] | None:
        """Return the address after the token, in parts; None where it is none of ours."""
        # A foreign page may point its own name at this machine; then the name stands here.
        if self.headers.get("Host") not in self._own_hosts():
            return None
        _, _, rest = self.path.partition("?")[0].partition("/")
        token, slash, path = rest.partition("/")
        if not slash or not compare_digest(token.encode(), self.token.encode()):
            return None
        return path.split("/") if path else []

    def _from_our_page(self) -> bool:
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip()
        origin = self.headers.get("Origin", "").removeprefix("http://")
        return kind == "application/json" and origin in self._own_hosts()

    def _own_hosts(self) -> tuple[str, str]:
        port = self.connection.getsockname()[1]
        return f"{_LOOPBACK}:{port}", f"localhost:{port}"

    def _refuse(self, status: HTTPStatus) -> None:
        # What was sent with it is not read, so this connection cannot go on.
        self.close_connection = True
        self._send(status, status.phrase.encode(), "text/plain")

    def _send(
        self,
        status: HTTPStatus,
        body: bytes,
        kind: str,
        *,
        cache: str = "no-store",
        policy: str = "default-src 'none'",
    ) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": cache}
        for name, value in {**headers, **_HEADERS, "Content-Security-Policy": policy}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the addresses hold the token."""

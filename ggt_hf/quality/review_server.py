"""The server of a review page: three addresses, on the loopback interface, behind a token."""

from __future__ import annotations

import json
import secrets
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hmac import compare_digest
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from ggt_hf.errors import GgtError
from ggt_hf.images import inspect
from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.decisions import CHOICES, MAX_REASON, UNDO, Decision, DecisionLog, pair_id
from ggt_hf.records import Candidate

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


class ReviewServer:
    """Serves one reviewer's page from threads of its own; a context manager.

    Args:
        folder: the candidates.
        shown: those on the page, in its order.
        log: the reviewer's decisions.
        render: makes the page from where to post decisions and its nonce.
        port: 0 = any that is free.
    """

    def __init__(
        self,
        folder: CandidateFolder,
        shown: Sequence[Candidate],
        log: DecisionLog,
        render: Callable[[str, str], str],
        *,
        port: int = 0,
    ) -> None:
        self._log = log
        token = secrets.token_urlsafe(24)
        site = _Site(folder, shown, log, render)

        class Handler(_Handler):
            pass

        Handler.site, Handler.token = site, token
        self._server = _Server((_LOOPBACK, port), Handler)
        self.port = self._server.server_port
        self.url = f"http://{_LOOPBACK}:{self.port}/{token}/"
        """The page's address; who has it can decide."""
        self.num_shown = len(shown)
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
        self._log.close()

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

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a browser that went away; anything else is told as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Site:
    """What the addresses stand for; knows nothing of HTTP but codes."""

    def __init__(
        self,
        folder: CandidateFolder,
        shown: Sequence[Candidate],
        log: DecisionLog,
        render: Callable[[str, str], str],
    ) -> None:
        self._folder, self._shown, self._log, self.render = folder, shown, log, render
        self._by_key = {candidate.key: candidate for candidate in shown}

    def picture(self, index: str, side: str) -> tuple[bytes, str] | None:
        """Return a picture and its type; None where there is none that is one."""
        if not (index.isascii() and index.isdigit()) or side not in ("lq", "gt"):
            return None
        if len(index) > 9 or int(index) >= len(self._shown):
            return None
        candidate = self._shown[int(index)]
        try:
            data = self._folder.read_side(candidate, "lq" if side == "lq" else "gt")
            return data, f"image/{inspect(data, candidate.key).format}"
        except GgtError:
            return None

    def decide(self, asked: Any) -> bool:
        """Write a decision down; False where it cannot be meant."""
        if not isinstance(asked, dict):
            return False
        candidate = self._by_key.get(str(asked.get("key")))
        choice, reason = asked.get("choice"), asked.get("reason", "")
        if candidate is None or choice not in (*CHOICES, UNDO) or not isinstance(reason, str):
            return False
        if asked.get("pair") != pair_id(candidate):
            return False
        decision = Decision(
            key=candidate.key,
            choice=choice,
            reason=" ".join(reason.split())[:MAX_REASON],
            pair=pair_id(candidate),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self._log.add(decision)
        return True


class _Handler(BaseHTTPRequestHandler):
    """Three addresses; everything else, and everyone else, finds nothing."""

    site: _Site
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
        if not (length.isascii() and length.isdigit()) or int(length[:9]) > _MAX_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        try:
            meant = self.site.decide(json.loads(self.rfile.read(int(length))))
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

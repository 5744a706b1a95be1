"""Tiny models built once, and a server that answers as OpenAI-compatible ones do."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.vlm import tiny

Replies = Callable[[dict[str, Any]], "tuple[int, dict[str, str], Any]"]


class ChatServer:
    """A loopback server for ``/v1/chat/completions``; `script` says what comes next.

    Each entry is ``(status, headers, body)``; the last one is repeated. What was asked stands in
    `requests`, with which key in `keys`.
    """

    def __init__(self) -> None:
        self.script: list[tuple[int, dict[str, str], Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["content-length"])
                asked = json.loads(self.rfile.read(size))
                status, headers, body = outer._next(asked, self)
                data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                with contextlib.suppress(ConnectionError):
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _next(
        self, asked: dict[str, Any], handler: BaseHTTPRequestHandler
    ) -> tuple[int, dict[str, str], Any]:
        with self._lock:
            if handler.path != "/v1/chat/completions":
                return 404, {}, {"error": {"message": f"no route {handler.path}"}}
            self.requests.append(asked)
            self.keys.append(handler.headers.get("authorization"))
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def completion(text: str | None, **message: Any) -> tuple[int, dict[str, str], Any]:
    """One good answer, as the protocol has it."""
    choice = {"index": 0, "finish_reason": "stop"}
    return (
        200,
        {"content-type": "application/json"},
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "seer-1-2026",
            "system_fingerprint": "fp_44",
            "choices": [{**choice, "message": {"role": "assistant", "content": text, **message}}],
            "usage": {"prompt_tokens": 900, "completion_tokens": 12, "total_tokens": 912},
        },
    )


@pytest.fixture
def server() -> Iterator[ChatServer]:
    made = ChatServer()
    yield made
    made.close()


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns the folder of a tiny build; each is made once."""
    import torch

    torch.set_num_threads(1)
    made: dict[str, Path] = {}

    def find(name: str) -> Path:
        if name not in made:
            made[name] = tiny.BUILDS[name](tmp_path_factory.mktemp(name) / name)
        return made[name]

    return find

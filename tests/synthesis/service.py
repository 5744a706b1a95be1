"""Image services on loopback: they answer as the Gemini, OpenAI and Hugging Face APIs do.

Their clients are the real SDKs, so what is tested is what users run. Each request is met by the
next behaviour of a script, and every answer that a real service would bill is counted.
"""

from __future__ import annotations

import base64
import email
import io
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

Behaviour = str
"""image, half, black, unchanged, wrong_size, garbage, text, html, refuse, 429, 500, hang, drop."""


Edit = Callable[[Image.Image], Image.Image]
"""What a service makes of a picture; `edited` where nobody says otherwise."""


@dataclass
class Asked:
    """One request as the service understood it."""

    service: str
    picture: Image.Image
    prompt: str
    size: str | None = None
    ratio: str | None = None
    seed: int | None = None
    edit: Edit | None = None

    @property
    def mark(self) -> tuple[int, ...]:
        """What tells one input from another: its first pixel."""
        return tuple(np.asarray(self.picture.convert("RGB"))[0, 0].tolist())


@dataclass
class Service:
    """A running service; `script` chooses what happens to a request."""

    url: str = ""
    script: Callable[[Asked, int], Behaviour] = lambda asked, number: "image"
    edit: Edit | None = None
    seconds: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    paid: Counter[str] = field(default_factory=Counter)
    num_ended: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def await_asked(self, count: int) -> None:
        """Wait until `count` requests have come in all, and no more have."""
        self._await(lambda: len(self.asked) >= count)
        assert len(self.asked) == count

    def await_rest(self) -> None:
        """Wait until what is under way is carried out, whether or not anybody hears of it."""
        self._await(lambda: self.num_ended == len(self.asked))

    def _await(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 200
        while not done():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which the SDKs find this service."""
        return {
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_KEY": "test-key",
            "GOOGLE_GEMINI_BASE_URL": self.url,
            "GEMINI_API_KEY": "test-key",
            "HF_TOKEN": "hf_test",
        }


def edited(picture: Image.Image) -> Image.Image:
    """The service's edit: every level brought half of the way to white; nothing moves."""
    levels = np.asarray(picture.convert("RGB")).astype(np.uint16)
    return Image.fromarray(((levels + 255) // 2).astype(np.uint8))


def answer_picture(asked: Asked, behaviour: Behaviour) -> bytes:
    picture = asked.picture.convert("RGB")
    if behaviour == "garbage":
        return b"\x89PNG\r\n\x1a\n no picture at all"
    if behaviour == "black":
        picture = Image.new("RGB", picture.size)
    elif behaviour == "half":
        picture = edited(picture).resize((picture.width // 2, picture.height // 2))
    elif behaviour == "wrong_size":
        picture = edited(picture).resize((picture.width * 2, picture.height))
    elif behaviour != "unchanged":
        picture = (asked.edit or edited)(picture)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = self._understood(body)
        asked.edit = self.service.edit
        with self.service.lock:
            number = len(self.service.asked)
            self.service.asked.append(asked)
        try:
            self._behave(asked, self.service.script(asked, number))
        finally:
            with self.service.lock:
                self.service.num_ended += 1

    def _behave(self, asked: Asked, behaviour: Behaviour) -> None:
        if behaviour == "drop":
            self.service.paid[str(asked.mark)] += 1
            self.close_connection = True
            self.connection.shutdown(2)
            return
        if behaviour == "hang":
            time.sleep(1.5)
        time.sleep(self.service.seconds)
        self._reply(asked, behaviour)

    def _understood(self, body: bytes) -> Asked:
        if "generateContent" in self.path:
            said = json.loads(body)
            parts = [part for content in said["contents"] for part in content["parts"]]
            data = next(p["inlineData"]["data"] for p in parts if "inlineData" in p)
            config = said["generationConfig"]
            return Asked(
                "gemini",
                _opened(base64.urlsafe_b64decode(data)),
                next(p["text"] for p in parts if "text" in p),
                ratio=config["imageConfig"]["aspectRatio"],
                seed=config["seed"],
            )
        if self.path.endswith("/images/edits"):
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            fields = {}
            for part in email.message_from_bytes(head + body).walk():
                name = part.get_param("name", header="content-disposition")
                fields[str(name)] = part.get_payload(decode=True)
            image = fields.get("image") or fields["image[]"]
            return Asked(
                "openai", _opened(image), fields["prompt"].decode(), size=fields["size"].decode()
            )
        said = json.loads(body)
        parameters = said["parameters"]
        return Asked(
            "hf",
            _opened(base64.b64decode(said["inputs"])),
            parameters["prompt"],
            size=str(parameters["target_size"]),
            seed=parameters["seed"],
        )

    def _reply(self, asked: Asked, behaviour: Behaviour) -> None:
        if re.fullmatch(r"\d{3}", behaviour):
            self._send(int(behaviour), _error(asked.service, int(behaviour)), "application/json")
            return
        if asked.service == "openai" and behaviour == "refuse":
            said = {"error": {"code": "moderation_blocked", "message": "Rejected by safety."}}
            self._send(400, json.dumps(said).encode(), "application/json")
            return
        self.service.paid[str(asked.mark)] += 1
        if behaviour == "html":
            self._send(200, b"<html>Welcome to the proxy</html>", "text/html")
        elif asked.service == "hf":
            self._send(200, answer_picture(asked, behaviour), "image/png")
        else:
            said = (_gemini if asked.service == "gemini" else _openai)(asked, behaviour)
            self._send(200, json.dumps(said).encode(), "application/json")

    def _send(self, status: int, body: bytes, media_type: str) -> None:
        try:
            self.send_response(status)
            if status in (429, 503):
                self.send_header("Retry-After", "0.05")
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client was killed, or had waited long enough

    def log_message(self, *words: Any) -> None:
        pass


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _error(service: str, status: int) -> bytes:
    message = {401: "Incorrect API key.", 404: "No such model."}.get(status, "Try later.")
    if service == "gemini":
        return json.dumps({"error": {"code": status, "message": message, "status": "X"}}).encode()
    return json.dumps({"error": {"code": None, "message": message}}).encode()


def _gemini(asked: Asked, behaviour: Behaviour) -> dict[str, Any]:
    if behaviour == "refuse":
        return {"promptFeedback": {"blockReason": "SAFETY"}}
    if behaviour == "refuse_late":
        return {"candidates": [{"finishReason": "IMAGE_SAFETY", "index": 0}]}
    parts: list[dict[str, Any]] = [{"text": "Here is your picture."}]
    if behaviour != "text":
        data = base64.b64encode(answer_picture(asked, behaviour)).decode()
        parts.append({"inlineData": {"mimeType": "image/png", "data": data}})
    return {"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}]}


def _openai(asked: Asked, behaviour: Behaviour) -> dict[str, Any]:
    if behaviour == "text":
        return {"created": 1, "data": [{"revised_prompt": "I would rather not draw this."}]}
    data = base64.b64encode(answer_picture(asked, behaviour)).decode()
    return {"created": 1, "data": [{"b64_json": data}]}


@contextmanager
def running() -> Iterator[Service]:
    """Run a service in a thread of this process."""
    service = Service()
    handler = type("BoundHandler", (Handler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()

"""Any server that speaks OpenAI's chat protocol: vLLM, Ollama, TGI, or a paid one."""

from __future__ import annotations

import base64
import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import ModelError
from ggt_hf.images import inspect
from ggt_hf.vlm.chat import Chat, ChatModel, Picture, Reply, Settings, Usage

if TYPE_CHECKING:
    import httpx2

    from ggt_hf.vlm.cache import AnswerCache

BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may succeed."""

LONGEST_WAIT = 60.0
"""Seconds waited at most between two tries, whatever the server asks for."""


class EndpointVLM(ChatModel):
    """A vision-language model behind ``BASE_URL/chat/completions``.

    Args:
        base_url: up to and with the version, such as ``http://localhost:8000/v1``.
        model_id: the name by which the server knows the model.
        api_key: ``None`` takes OPENAI_API_KEY, and sends no key where that is not set.
        timeout: seconds to wait for one answer.
        max_tries: times a request is sent before a busy server is given up.
        concurrency: requests under way at once in `ask_many`.
        cache: where answers are kept; ``None`` keeps none.
        sleep: how to wait; tests wait less.
    """

    def __init__(
        self,
        base_url: str,
        model_id: str,
        *,
        api_key: str | None = None,
        timeout: float = 120.0,
        max_tries: int = 6,
        concurrency: int = 4,
        cache: AnswerCache | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import httpx2

        super().__init__(model_id, "unknown", cache)
        key = api_key or os.environ.get("OPENAI_API_KEY")
        try:
            self._client = httpx2.Client(
                base_url=base_url.rstrip("/") + "/",
                headers={"Authorization": f"Bearer {key}"} if key else {},
                timeout=timeout,
            )
        except httpx2.InvalidURL as error:
            raise _bad_address(base_url) from error
        if self._client.base_url.scheme not in ("http", "https"):
            raise _bad_address(base_url)
        self.base_url = base_url
        self.max_tries = max_tries
        self.concurrency = concurrency
        self._sleep = sleep
        self._refused: frozenset[str] = frozenset()

    def identity(self) -> Mapping[str, Any]:
        """Return model and server."""
        return {**super().identity(), "endpoint": self.base_url}

    def reply(self, chats: Sequence[Chat], settings: Settings) -> list[Reply]:
        """Continue every chat, several at once; the first that cannot be had ends all."""
        one = partial(self._complete, settings=settings)
        if len(chats) == 1:
            return [one(chats[0])]
        with ThreadPoolExecutor(self.concurrency) as pool:
            return list(pool.map(one, chats))

    def _complete(self, chat: Chat, settings: Settings) -> Reply:
        messages = _messages(chat)
        while True:
            refused = self._refused
            body = _body(self.model_id, messages, settings, without=refused)
            response = self._post(body)
            if response.status_code != 400:
                break
            # Servers differ in the newer fields; what one does not know is left out from then on.
            complaint = response.text
            unknown = {name for name in _OPTIONAL if name in body and name in complaint}
            if not unknown:
                break
            self._refused = refused | unknown
        return self._read(response)

    def _post(self, body: Mapping[str, Any]) -> httpx2.Response:
        import httpx2

        for attempt in range(1, self.max_tries + 1):
            wait = min(LONGEST_WAIT, 0.5 * 2**attempt)
            try:
                response = self._client.post("chat/completions", json=body)
            except httpx2.TransportError as error:
                cause = f"{type(error).__name__}: {error}"
            else:
                if response.status_code not in BUSY or _out_of_credit(response):
                    return response
                cause = _complaint(response)
                wait = _asked_wait(response) or wait
            if attempt < self.max_tries:
                self._sleep(min(wait, LONGEST_WAIT))
        raise ModelError(
            f"{self.base_url} did not answer after {self.max_tries} tries ({cause}).",
            hint="Check that the server runs and the address is right, or lower the concurrency; "
            "answers had so far are kept.",
        )

    def _read(self, response: httpx2.Response) -> Reply:
        if response.status_code in (401, 403):
            raise ModelError(
                f"{self.base_url} refuses the key ({_complaint(response)}).",
                hint="Set OPENAI_API_KEY to a key of this server that may use the model.",
            )
        if response.status_code == 404:
            raise ModelError(
                f"{self.base_url} does not know {self.model_id} ({_complaint(response)}).",
                hint="Check the model's name; the address usually ends in /v1.",
            )
        if response.status_code != 200:
            raise ModelError(
                f"{self.base_url} cannot answer ({_complaint(response)}).",
                hint="Read the server's message; a smaller picture or max_new_tokens may help.",
            )
        return _reply(response, self.base_url)


_OPTIONAL = ("response_format", "seed", "temperature", "max_tokens")


def _body(
    model: str, messages: list[dict[str, Any]], settings: Settings, *, without: frozenset[str]
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "max_tokens": settings.max_new_tokens,
        "temperature": settings.temperature,
        "seed": settings.seed,
    }
    if settings.schema is not None:
        form = {"name": "answer", "schema": dict(settings.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    if "max_tokens" in without:
        # The newer name of the same limit.
        body["max_completion_tokens"] = settings.max_new_tokens
    return {name: value for name, value in body.items() if name not in without}


def _messages(chat: Chat) -> list[dict[str, Any]]:
    """Return a chat as the protocol takes it; the pictures open the first turn, as data URLs."""
    messages: list[dict[str, Any]] = [
        {"role": turn.role, "content": turn.text} for turn in chat.turns
    ]
    shown = [{"type": "image_url", "image_url": {"url": _url(p)}} for p in chat.pictures]
    messages[0]["content"] = [*shown, {"type": "text", "text": chat.turns[0].text}]
    return messages


def _url(picture: Picture) -> str:
    """Return a picture as a data URL: a file's bytes unchanged, pixels as PNG."""
    if isinstance(picture, bytes):
        kind, data = inspect(picture, "A picture of the question").format, picture
    else:
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "PNG")
        kind, data = "png", buffer.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _reply(response: httpx2.Response, base_url: str) -> Reply:
    try:
        document = response.json()
        choice = document["choices"][0]
        message = choice["message"]
        text = message.get("content") or ""
        usage = document.get("usage") or {}
        reply = Reply(
            text=text if isinstance(text, str) else "".join(p.get("text", "") for p in text),
            usage=Usage(
                input_tokens=int(usage.get("prompt_tokens") or 0),
                output_tokens=int(usage.get("completion_tokens") or 0),
            ),
            revision=document.get("system_fingerprint") or document.get("model"),
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{base_url} answered with something else than a chat completion.",
            hint="Check the address; it usually ends in /v1.",
        ) from error
    if message.get("refusal"):
        return replace(reply, refusal=f"it refused: {message['refusal']}")
    if choice.get("finish_reason") == "content_filter":
        return replace(reply, refusal="its content filter stopped the answer")
    return reply


def _asked_wait(response: httpx2.Response) -> float | None:
    """Return the seconds that Retry-After asks for; it may also be a date."""
    asked = response.headers.get("retry-after")
    if not asked:
        return None
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return None


def _out_of_credit(response: httpx2.Response) -> bool:
    """Say whether a 429 means an empty account, which waiting does not fill."""
    return response.status_code == 429 and "insufficient_quota" in response.text


def _complaint(response: httpx2.Response) -> str:
    try:
        document = response.json()
        error = document.get("error", document)
        message = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        message = response.text
    return f"{response.status_code}: {' '.join(message.split())[:200]}"


def _bad_address(base_url: str) -> ModelError:
    return ModelError(
        f"{base_url!r} is no address of a server.",
        hint="Give it with its scheme and version, such as http://localhost:8000/v1.",
    )

"""Nano Banana and its kin: image models of the Gemini API, by Google's SDK.

The key is read from GEMINI_API_KEY, the endpoint (if another) from GOOGLE_GEMINI_BASE_URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ggt_hf.errors import EditorError, MissingExtraError
from ggt_hf.synthesis.editors.editor import NoPictureError, Picture, fed_bytes
from ggt_hf.synthesis.editors.grid import Fit, Ratios, Size
from ggt_hf.synthesis.editors.services import (
    connection_failure,
    http_failure,
    is_installed,
    retry_after,
)

NANO_BANANA_2 = "gemini-3.1-flash-image"
"""The model called Nano Banana 2."""

PRICES = {NANO_BANANA_2: 0.07}
"""US dollars an image of about one megapixel: roughly the list price in 2026. Prices change."""

_RATIOS = Ratios(
    ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"),
)
_REFUSALS = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"}) | {
    *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR"),
}


class GeminiEditor:
    """An image model of the Gemini API.

    Args:
        model: its id.
        price: US dollars an answer; ``None`` = that of `PRICES`, if it is there, for ``1K``.
        settings: ``image_size`` (``1K``, ``2K``, ``4K``), ``temperature``.
        timeout: seconds to wait for an answer.
    """

    redraws = True
    num_parallel = 4

    def __init__(
        self,
        model: str = NANO_BANANA_2,
        *,
        price: float | None = None,
        settings: Mapping[str, Any] | None = None,
        timeout: float = 180.0,
    ) -> None:
        self.id = model
        self.revision = "gemini-api"
        self.settings: Mapping[str, Any] = dict(settings or {})
        # The list price is that of one megapixel; larger answers cost more.
        known = PRICES.get(model) if self.settings.get("image_size", "1K") == "1K" else None
        self.price = known if price is None else price
        self._timeout = timeout

    def fit(self, size: Size) -> Fit:
        """Return the picture at its own scale, padded to an aspect ratio that the model knows."""
        return Fit.of(size, _RATIOS)

    def ask(self, picture: Picture, prompt: str, seed: int) -> bytes:
        """Return the model's picture, as it was sent."""
        client = self._client
        import httpx2
        from google.genai import errors, types

        fit = self.fit(picture.size)
        data, media_type = fed_bytes(picture, fit)
        settings = dict(self.settings)
        config = types.GenerateContentConfig(
            response_modalities=["TEXT", "IMAGE"],
            image_config=types.ImageConfig(
                aspect_ratio=_RATIOS.name(picture.size), image_size=settings.pop("image_size", None)
            ),
            seed=seed & 0x7FFFFFFF,
            **settings,
        )
        contents = [types.Part.from_bytes(data=data, mime_type=media_type), prompt]
        try:
            response = client.models.generate_content(
                model=self.id, contents=contents, config=config
            )
        except errors.APIError as error:
            wait = retry_after(getattr(error.response, "headers", None)) or _retry_info(error)
            raise http_failure(
                "The Gemini API", picture.key, error.code, f"{error.status} {error.message}", wait
            ) from error
        except (OSError, httpx2.HTTPError) as error:
            raise connection_failure("The Gemini API", picture.key, error) from error
        return _picture_of(response, picture.key)

    def require(self) -> None:
        """Raise `MissingExtraError` where the service's SDK is not installed."""
        if not is_installed("google.genai"):
            raise MissingExtraError.of("google-genai", "gemini", "The Gemini editor")

    @cached_property
    def _client(self) -> Any:
        self.require()
        from google import genai
        from google.genai import types

        try:
            # No retries of the SDK's own: each call is counted before it is made.
            return genai.Client(
                http_options=types.HttpOptions(
                    timeout=round(self._timeout * 1000),
                    retry_options=types.HttpRetryOptions(attempts=1),
                )
            )
        except ValueError as error:
            raise EditorError(
                f"The Gemini API cannot be used ({error}).", hint="Set GEMINI_API_KEY."
            ) from error


def _picture_of(response: Any, key: str) -> bytes:
    feedback = getattr(response, "prompt_feedback", None)
    if feedback is not None and feedback.block_reason:
        reason = feedback.block_reason.name
        raise NoPictureError("refused", f"The Gemini API blocked {key}: {reason}.")
    candidates = response.candidates or []
    parts = [p for c in candidates if c.content for p in c.content.parts or () if not p.thought]
    pictures = [p.inline_data.data for p in parts if p.inline_data and p.inline_data.data]
    if pictures:
        return bytes(pictures[-1])
    reasons = {c.finish_reason.name for c in candidates if c.finish_reason}
    if reasons & _REFUSALS:
        named = ", ".join(sorted(reasons))
        raise NoPictureError("refused", f"The Gemini API refused {key}: {named}.")
    text = " ".join(p.text for p in parts if p.text)
    if text:
        raise NoPictureError("text_only", f"The Gemini API answered {key} in words: {text[:200]}")
    raise NoPictureError("refused", f"The Gemini API answered nothing for {key}: {reasons or '-'}.")


def _retry_info(error: Any) -> float | None:
    """Return the wait that Google's own RetryInfo asks for, or ``None``."""
    match = re.search(r"retryDelay\W+([\d.]+)s", str(error.details))
    return float(match[1]) if match else None

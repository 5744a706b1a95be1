"""GPT Image: image models of the OpenAI API, by OpenAI's SDK.

The key is read from OPENAI_API_KEY, the endpoint (if another) from OPENAI_BASE_URL.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ggt_hf.errors import EditorError, MissingExtraError, UsageError
from ggt_hf.synthesis.editors.editor import NoPictureError, Picture, fed_bytes
from ggt_hf.synthesis.editors.grid import Buckets, Fit, Multiples, Size, SizeRule
from ggt_hf.synthesis.editors.services import (
    connection_failure,
    http_failure,
    is_installed,
    retry_after,
)

GPT_IMAGE_2 = "gpt-image-2"

_STANDARD = Buckets(((1024, 1024), (1024, 1536), (1536, 1024)))
_ARBITRARY = Multiples(16, max_pixels=2560 * 1440, min_pixels=1024 * 640)
"""Sizes the API documents: multiples of 16, to 2560x1440 without being experimental."""


class OpenAIEditor:
    """An image model of the OpenAI API.

    It takes no seed: an answer cannot be made again.

    Args:
        model: its id.
        price: US dollars an answer. No default: it depends on ``quality`` and size.
        settings: ``quality``, ``background``, ``input_fidelity``, ... of the edit endpoint.
        timeout: seconds to wait for an answer.
    """

    redraws = True
    num_parallel = 4

    def __init__(
        self,
        model: str = GPT_IMAGE_2,
        *,
        price: float | None = None,
        settings: Mapping[str, Any] | None = None,
        timeout: float = 180.0,
    ) -> None:
        self.id = model
        self.revision = "openai-api"
        self.settings: Mapping[str, Any] = {"output_format": "png", **(settings or {})}
        self.price = price
        self._timeout = timeout
        self._rule: SizeRule = _STANDARD if model.startswith("gpt-image-1") else _ARBITRARY

    def fit(self, size: Size) -> Fit:
        """Return the picture on a canvas that the model answers in the very same size."""
        return Fit.of(size, self._rule)

    def ask(self, picture: Picture, prompt: str, seed: int) -> bytes:
        """Return the model's picture, as it was sent; `seed` only numbers the attempts."""
        client = self._client
        import openai

        fit = self.fit(picture.size)
        data, media_type = fed_bytes(picture, fit)
        name = f"lq.{media_type.removeprefix('image/')}"
        try:
            response = client.images.edit(
                model=self.id,
                image=(name, data, media_type),
                prompt=prompt,
                n=1,
                size=f"{fit.fed[0]}x{fit.fed[1]}",
                **self.settings,
            )
        except openai.APIStatusError as error:
            message = f"{error.code or ''} {error.message}"
            wait = retry_after(error.response.headers)
            raise http_failure(
                "The OpenAI API", picture.key, error.status_code, message, wait
            ) from error
        except openai.APIConnectionError as error:
            raise connection_failure("The OpenAI API", picture.key, error) from error
        except TypeError as error:
            raise UsageError(
                f"The OpenAI API cannot be asked so ({error}).",
                hint="Correct or leave out what --set says.",
            ) from error
        return _picture_of(response, picture.key)

    def require(self) -> None:
        """Raise `MissingExtraError` where the service's SDK is not installed."""
        if not is_installed("openai"):
            raise MissingExtraError.of("openai", "openai", "The OpenAI editor")

    @cached_property
    def _client(self) -> Any:
        self.require()
        import openai

        try:
            # No retries of the SDK's own: each call is counted before it is made.
            return openai.OpenAI(max_retries=0, timeout=self._timeout)
        except openai.OpenAIError as error:
            raise EditorError(
                f"The OpenAI API cannot be used ({error}).", hint="Set OPENAI_API_KEY."
            ) from error


def _picture_of(response: Any, key: str) -> bytes:
    for image in response.data or ():
        if image.b64_json:
            try:
                return base64.b64decode(image.b64_json, validate=True)
            except binascii.Error as error:
                raise NoPictureError("error", f"The answer for {key} is no base64.") from error
        if image.revised_prompt:
            said = image.revised_prompt[:200]
            raise NoPictureError("text_only", f"The OpenAI API answered {key} in words: {said}")
    raise NoPictureError("refused", f"The OpenAI API answered {key} without a picture.")

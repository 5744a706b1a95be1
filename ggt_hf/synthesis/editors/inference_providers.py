"""Editing models behind Hugging Face Inference Providers, or an Inference Endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ggt_hf.errors import EditorError
from ggt_hf.synthesis.editors.editor import NoPictureError, Picture, fed_bytes, to_png
from ggt_hf.synthesis.editors.grid import Fit, Multiples, Size
from ggt_hf.synthesis.editors.services import connection_failure, http_failure, retry_after

_RULE = Multiples(32, 1024 * 1024)
"""Editing models of the day work on about one megapixel, in multiples of 16 or 32."""


class InferenceProvidersEditor:
    """A model behind `huggingface_hub.InferenceClient.image_to_image`.

    Args:
        model: its id on the Hub, or the URL of an endpoint.
        provider: who runs it; ``None`` = as your Hub settings say.
        price: US dollars an answer. No default: it is the provider's.
        token: Hub token; ``None`` = as logged in.
        settings: ``num_inference_steps``, ``guidance_scale``, ``negative_prompt``, ...
        timeout: seconds to wait for an answer.
    """

    redraws = True
    num_parallel = 4

    def __init__(
        self,
        model: str,
        *,
        provider: str | None = None,
        price: float | None = None,
        token: str | None = None,
        settings: Mapping[str, Any] | None = None,
        timeout: float = 180.0,
    ) -> None:
        self.id = model
        self.revision = f"inference-providers:{provider or 'auto'}"
        self.settings: Mapping[str, Any] = dict(settings or {})
        self.price = price
        self._provider, self._token, self._timeout = provider, token, timeout

    def fit(self, size: Size) -> Fit:
        """Return the picture on a canvas that editing models leave as it is."""
        return Fit.of(size, _RULE)

    def ask(self, picture: Picture, prompt: str, seed: int) -> bytes:
        """Return the provider's picture as PNG."""
        import httpx2
        from huggingface_hub.errors import (
            HfHubHTTPError,
            InferenceTimeoutError,
            OfflineModeIsEnabled,
        )

        fit = self.fit(picture.size)
        width, height = fit.fed
        try:
            answer = self._client.image_to_image(
                fed_bytes(picture, fit)[0],
                prompt=prompt,
                target_size={"width": width, "height": height},
                seed=seed,
                **self.settings,
            )
        except (InferenceTimeoutError, httpx2.TransportError) as error:
            raise connection_failure("The provider", picture.key, error) from error
        except HfHubHTTPError as error:
            said = f"{error} {error.response.text[:300]}"
            wait = retry_after(error.response.headers)
            status = error.response.status_code
            raise http_failure("The provider", picture.key, status, said, wait) from error
        except (ValueError, OfflineModeIsEnabled) as error:
            raise EditorError(
                f"{self.id} cannot be asked ({error}).",
                hint="Choose a provider that serves it for image-to-image, and be online.",
            ) from error
        except OSError as error:
            # What PIL raises on bytes that are no picture: an answer, and a useless one.
            raise NoPictureError("error", f"The provider sent no picture: {error}.") from error
        return to_png(answer.convert("RGB"))

    @cached_property
    def _client(self) -> Any:
        from huggingface_hub import InferenceClient

        return InferenceClient(
            model=self.id,
            provider=self._provider,  # type: ignore[arg-type]  # the client refuses other words
            token=self._token,
            timeout=self._timeout,
        )

"""Vision-language models behind one interface: ask about pictures, get text or validated data.

`load` chooses by name: ``embedded`` (the tiny model that comes with the package), ``rules`` (no
model at all: image statistics), any chat model of the Hub, a local folder, or, with `endpoint`,
any server that speaks OpenAI's chat protocol.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ggt_hf.vlm.chat import Answer, Picture, Usage, VisionLanguageModel

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "EMBEDDED",
    "RULES",
    "Answer",
    "Picture",
    "Usage",
    "VisionLanguageModel",
    "load",
    "offline_model",
]

EMBEDDED = "embedded"
"""Name of the model that comes with the package."""

RULES = "rules"
"""Name of the fallback without a model."""

_NEEDED = ("jsonschema", "torch", "transformers")


def offline_model() -> str:
    """Return the best model that needs no network: `EMBEDDED`, or `RULES` where that cannot run."""
    from ggt_hf.vlm.embedded import is_embedded

    return EMBEDDED if is_embedded() and all(map(find_spec, _NEEDED)) else RULES


def load(
    model: str,
    *,
    revision: str | None = None,
    endpoint: str | None = None,
    cache: Path | None = None,
    **options: Any,
) -> VisionLanguageModel:
    """Return the vision-language model of that name.

    Args:
        model: ``embedded``, ``rules``, a Hub id, a folder, or the endpoint's name of a model.
        revision: commit, tag or branch of a Hub id.
        endpoint: base URL of an OpenAI-compatible server, such as ``http://localhost:8000/v1``.
        cache: folder where answers are kept; ``None`` keeps none.
        options: further arguments of `LocalVLM` or `EndpointVLM`.

    Raises:
        ModelError: the model cannot be loaded.
        MissingExtraError: transformers, torch or jsonschema is not installed.
    """
    from ggt_hf.vlm.cache import AnswerCache

    answers = AnswerCache(cache) if cache else None
    if endpoint:
        from ggt_hf.vlm.endpoint import EndpointVLM

        return EndpointVLM(endpoint, model, cache=answers, **options)
    if model == RULES:
        from ggt_hf.vlm.rules import RuleBasedVLM

        return RuleBasedVLM()
    from ggt_hf.vlm.local import LocalVLM

    if model == EMBEDDED:
        from ggt_hf.vlm.embedded import EMBEDDED_ID, embedded_folder

        # Kept in half precision, which CPUs hardly compute in.
        options = {"dtype": "float32", "name": EMBEDDED_ID, **options}
        return LocalVLM.from_pretrained(embedded_folder(), cache=answers, **options)
    return LocalVLM.from_pretrained(model, revision=revision, cache=answers, **options)

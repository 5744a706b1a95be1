"""From the words on a command line to an editor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ggt_hf.errors import UsageError
from ggt_hf.synthesis.editors.editor import Editor
from ggt_hf.synthesis.editors.pipelines import Loading, PipelineEditor

ALIASES = {
    "nano-banana-2": "gemini:gemini-3.1-flash-image",
    "gpt-image-2": "openai:gpt-image-2",
}
"""Names that people use, and what they mean."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EditorOptions:
    """What can be said of an editor beside its name."""

    price: float | None = None
    """US dollars an answer, where the default is wrong or there is none."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the editor's own."""
    provider: str | None = None
    """Inference provider of ``hf:``."""
    token: str | None = None
    """Hub token."""
    timeout: float = 180.0
    """Seconds to wait for an answer of an API."""
    loading: Loading = field(default_factory=Loading)
    """How weights are loaded."""


def open_editor(name: str, options: EditorOptions | None = None) -> Editor:
    """Return the editor of a name; no weights are loaded and nothing is asked yet.

    Args:
        name: ``classical``; ``replay:FOLDER``; ``gemini:MODEL`` (``nano-banana-2``);
            ``openai:MODEL`` (``gpt-image-2``); ``hf:ORG/NAME`` or ``hf:URL`` for Inference
            Providers; else a diffusers pipeline: ``ORG/NAME``, or a folder.

    Raises:
        UsageError: the name means nothing.
        EditorError: there is no such editor.
        MissingExtraError: its package is not installed.
    """
    chosen = options or EditorOptions()
    kind, _, rest = ALIASES.get(name, name).partition(":")
    if name == "classical":
        from ggt_hf.synthesis.editors.offline import classical_editor

        return classical_editor()
    if kind in ("replay", "gemini", "openai", "hf") and not rest:
        raise UsageError(f"{name!r} says nothing after {kind}:.", hint="Write as gemini:MODEL.")
    if kind == "replay":
        from ggt_hf.synthesis.editors.offline import ReplayEditor

        return ReplayEditor(Path(rest))
    if kind in ("gemini", "openai", "hf"):
        return _service(kind, rest, chosen)
    if "/" not in name and not Path(name).is_dir():
        raise UsageError(
            f"There is no editor {name!r}.",
            hint="Give embedded, classical, replay:FOLDER, nano-banana-2, gpt-image-2, "
            "hf:ORG/NAME, or a diffusers pipeline: ORG/NAME or a folder.",
        )
    return PipelineEditor.from_pretrained(name, chosen.loading, chosen.settings)


def _service(kind: str, model: str, chosen: EditorOptions) -> Editor:
    if kind == "gemini":
        from ggt_hf.synthesis.editors.gemini_api import GeminiEditor

        return GeminiEditor(
            model, price=chosen.price, settings=chosen.settings, timeout=chosen.timeout
        )
    if kind == "openai":
        from ggt_hf.synthesis.editors.openai_api import OpenAIEditor

        return OpenAIEditor(
            model, price=chosen.price, settings=chosen.settings, timeout=chosen.timeout
        )
    from ggt_hf.synthesis.editors.inference_providers import InferenceProvidersEditor

    return InferenceProvidersEditor(
        model,
        provider=chosen.provider,
        price=chosen.price,
        token=chosen.token,
        settings=chosen.settings,
        timeout=chosen.timeout,
    )

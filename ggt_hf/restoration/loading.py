"""From a name to a restorer: a folder, or a repository on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import MissingExtraError, ReadError, UsageError

if TYPE_CHECKING:
    from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline


def load_restorer(
    model: str | Path,
    *,
    device: str | None = None,
    revision: str | None = None,
    token: str | None = None,
) -> OneStepRestorationPipeline:
    """Load a restorer; no code of a repository is ever run.

    Args:
        model: a folder that `save_pretrained` wrote, or ``ORG/NAME``.
        device: ``"cpu"``, ``"cuda"``, ...; a GPU where there is one, unless given.
        revision: commit, tag or branch on the Hub.
        token: of the Hub; ``None`` = HF_TOKEN or the stored one.

    Returns:
        The pipeline, its weights as ``float32``.

    Raises:
        MissingExtraError: torch or diffusers is not installed.
        UsageError: the folder is not there, the name is no repository's, or there is no such
            device.
        ReadError: it cannot be fetched, or holds no restorer of ours.
    """
    torch = _require()
    from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline

    place = str(model)
    _refuse_unlikely(place)
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        pipeline = OneStepRestorationPipeline.from_pretrained(place, revision=revision, token=token)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ReadError(
            f"{model} holds no restorer that can be loaded: {first}",
            hint="Give a folder that save_pretrained wrote, or ORG/NAME of one.",
        ) from error
    try:
        return pipeline.to(where)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"There is no device {where!r} here.", hint="Leave device out, or give 'cpu'."
        ) from error


def _refuse_unlikely(place: str) -> None:
    if Path(place).is_dir():
        return
    if place.count("/") != 1 or place.startswith(("/", ".", "~")) or Path(place).exists():
        raise UsageError(
            f"There is no folder {place}, and it is no ORG/NAME of the Hub.",
            hint="Give a folder that save_pretrained wrote, or ORG/NAME.",
        )


def _require() -> Any:
    try:
        import diffusers  # noqa: F401
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(str(error.name), "restore", "Restoring") from error
    return torch

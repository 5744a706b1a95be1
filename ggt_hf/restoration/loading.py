"""From a name to a restorer, and back: the embedded one, a folder, a repository, a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ggt_hf.errors import MissingExtraError, ReadError, UsageError
from ggt_hf.restoration.editing import (
    EditingOptions,
    Offload,
    find_editing,
    first_line,
    load_editing,
)
from ggt_hf.restoration.embedded import EMBEDDED, embedded_folder

Restorer = Any
"""A pipeline of ours: `OneStepRestorationPipeline`, or an `EditingRestorer` of some family."""

_CONFIG = "config.json"


def load_restorer(
    model: str | Path,
    *,
    device: str | None = None,
    revision: str | None = None,
    token: str | None = None,
    editing: EditingOptions | None = None,
) -> Restorer:
    """Load a restorer; no code of a repository is ever run.

    Args:
        model: ``embedded``; a folder that `save_pretrained` wrote, or ``ORG/NAME``: of our own
            restorer, of an instruction-editing pipeline of diffusers, or of a LoRA whose card names
            one; or a file of somebody's weights (``.safetensors``, ``.pth``) of an architecture
            that spandrel knows.
        device: ``"cpu"``, ``"cuda"``, ...; a GPU where there is one, unless given.
        revision: commit, tag or branch on the Hub.
        token: of the Hub; ``None`` = HF_TOKEN or the stored one.
        editing: LoRA, dtype and offloading of an instruction-editing restorer.

    Returns:
        The pipeline; our own restorer's weights as ``float32``.

    Raises:
        MissingExtraError: torch or diffusers is not installed.
        UsageError: the folder is not there, the name is no repository's, or there is no such
            device.
        ReadError: it cannot be fetched, or holds no restorer of ours.
        ModelError: this installation lacks the embedded one.
    """
    torch = require_restoring()
    place = str(embedded_folder() if model == EMBEDDED else model)
    _refuse_unlikely(place)
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    options = {"revision": revision, "token": token}
    chosen = editing or EditingOptions()
    try:
        found = None if Path(place).is_file() else find_editing(place, **options)
        if found:
            pipeline: Restorer = load_editing(found, chosen, device=where, **options)
        else:
            _refuse_editing(place, chosen)
            pipeline = _opened(place, options)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ReadError(
            f"{model} holds no restorer that can be loaded: {first_line(error)}",
            hint="Give a folder that save_pretrained wrote, or ORG/NAME of one.",
        ) from error
    return _placed(pipeline, where, chosen.offload)


@contextmanager
def silent_loading() -> Iterator[None]:
    """Keep diffusers and transformers, where they are there, from drawing bars in the block."""
    there = [name for name in ("diffusers", "transformers") if find_spec(name)]
    libraries = [import_module(f"{name}.utils.logging") for name in there]
    shown = [library for library in libraries if library.is_progress_bar_enabled()]
    for library in shown:
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library in shown:
            library.enable_progress_bar()


def _placed(pipeline: Restorer, device: str, offload: Offload) -> Restorer:
    if offload != "none" and device.startswith("cpu"):
        raise UsageError(
            "Offloading frees the memory of an accelerator, and there is none.",
            hint="Leave --offload out.",
        )
    import torch

    try:
        torch.empty(0, device=device)  # offloading would not notice before the first picture
        if offload == "none":
            return pipeline.to(device)
        if offload == "model":
            pipeline.enable_model_cpu_offload(device=device)
        else:
            pipeline.enable_sequential_cpu_offload(device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"{device!r} cannot be used here: {first_line(error)}",
            hint="Leave --device out, or give cpu; for a large model, --offload model.",
        ) from error
    return pipeline


def _refuse_editing(place: str, editing: EditingOptions) -> None:
    if editing != EditingOptions():
        raise UsageError(
            f"{place} is not known as an instruction-editing model: LoRA, dtype and offloading are "
            "for those.",
            hint="Leave --lora, --dtype and --offload out; or, if it is one, go online.",
        )


def save_restorer(network: Any, folder: Path) -> None:
    """Write a restorer's network so that `load_restorer` takes it back, bit for bit.

    Args:
        network: a `OneStepRestorer`, written as its pipeline; or a `RegressionRestorer`.
        folder: made where it is not there.
    """
    from ggt_hf.restoration.network import OneStepRestorer
    from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline

    if isinstance(network, OneStepRestorer):
        OneStepRestorationPipeline(network).save_pretrained(folder)
        return
    network.save_pretrained(folder)
    # The mixin's card says nothing; `ggt push model` makes one of the run's record.
    (folder / "README.md").unlink(missing_ok=True)


def _opened(place: str, options: dict[str, Any]) -> Restorer:
    from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline

    if Path(place).is_file():
        from ggt_hf.restoration.networks import RegressionRestorer

        return _wrapped(RegressionRestorer.from_file(Path(place)))
    config = _config(place, options)
    if "architecture" in config:
        from ggt_hf.restoration.networks import RegressionRestorer

        return _wrapped(RegressionRestorer.from_pretrained(place, **options))
    return OneStepRestorationPipeline.from_pretrained(place, **options)


def _wrapped(network: Any) -> Restorer:
    """Return the pipeline of a network that has the one-step restorer's face, if not its class."""
    from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline

    return OneStepRestorationPipeline(network)


def _config(place: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return ``config.json`` at the root of a folder or repository; empty where there is none."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

    path = Path(place) / _CONFIG
    if not Path(place).is_dir():
        try:
            path = Path(hf_hub_download(place, _CONFIG, **options))
        except (EntryNotFoundError, HfHubHTTPError, OSError):
            return {}  # a pipeline has none; what else is wrong, its loading will tell
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _refuse_unlikely(place: str) -> None:
    if Path(place).is_dir() or Path(place).is_file():
        return
    if place.count("/") != 1 or place.startswith(("/", ".", "~")) or Path(place).exists():
        raise UsageError(
            f"There is no folder {place}, and it is no ORG/NAME of the Hub.",
            hint="Give 'embedded', a folder that save_pretrained wrote, or ORG/NAME.",
        )


def require_restoring() -> Any:
    """Return torch, where all that restoring needs is installed.

    Raises:
        MissingExtraError: torch or diffusers is not installed.
    """
    try:
        import diffusers  # noqa: F401
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(str(error.name), "restore", "Restoring") from error
    return torch

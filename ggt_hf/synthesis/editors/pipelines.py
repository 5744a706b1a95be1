"""Editors that run here: pipelines of diffusers, of the Hub or of a folder."""

from __future__ import annotations

import hashlib
import inspect
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from ggt_hf.errors import EditorError, MissingExtraError, UsageError
from ggt_hf.synthesis.editors.editor import NoPictureError, Picture, to_png
from ggt_hf.synthesis.editors.families import EDITED_BY, FAMILIES, OTHER, Family
from ggt_hf.synthesis.editors.grid import Fit, Size

Offload = Literal["none", "model", "sequential"]
"""Where the weights rest: all on the accelerator, a model at a time, or a layer at a time."""

_HEAD_BYTES = 1 << 20
_INDEX = "model_index.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """How the weights of a pipeline are loaded."""

    revision: str | None = None
    """Commit, tag or branch; the commit it means is pinned and recorded."""
    dtype: str = "auto"
    """``float32``, ``bfloat16``, ``float16``; ``auto`` = bfloat16 on an accelerator."""
    device: str = "auto"
    """``cpu``, ``cuda``, ``cuda:1``, ``mps``; ``auto`` = an accelerator where there is one."""
    offload: Offload = "none"
    """Keep weights in main memory until they are needed."""
    trust_remote_code: bool = False
    """Run Python that the repository brings."""


class PipelineEditor:
    """An image-editing pipeline of diffusers.

    Args:
        pipeline: a pipeline that takes ``prompt`` and ``image``; or, called once at the first
            edit, what loads one.
        class_name: name of its class, which says how it is called.
        id: model id.
        revision: commit of the weights.
        settings: arguments of the call, over those of its family.
        family: how it is called, if not as the table says.
    """

    price = 0.0
    redraws = True
    num_parallel = 1

    def __init__(
        self,
        pipeline: Any,
        *,
        class_name: str | None = None,
        id: str,
        revision: str,
        settings: Mapping[str, Any] | None = None,
        family: Family | None = None,
    ) -> None:
        self.id = id
        self.revision = revision
        name = class_name or type(pipeline).__name__
        self._family = family or FAMILIES.get(name, OTHER)
        self._call = {**self._family.call, **(settings or {})}
        self.settings = {"pipeline": name, **self._call}
        self._given = pipeline
        self._pipeline: Any = None
        self._lock = threading.Lock()

    @classmethod
    def from_pretrained(
        cls, model: str, loading: Loading, settings: Mapping[str, Any] | None = None
    ) -> PipelineEditor:
        """Return the editor of a repository or folder; its weights are loaded at the first edit.

        Raises:
            EditorError: there is no such pipeline, or it takes no image.
            MissingExtraError: diffusers or torch is not installed.
        """
        _require()
        revision, index = _pinned(model, loading.revision)
        name = _class_name(model, index)
        editor = cls(
            lambda: _load(model, revision, loading),
            class_name=EDITED_BY.get(name, name),
            id=model if not Path(model).is_dir() else Path(model).resolve().name,
            revision=revision,
            settings=settings,
        )
        editor.settings["dtype"] = _dtype_name(loading)
        return editor

    def fit(self, size: Size) -> Fit:
        """Return how a picture of `size` is fed."""
        return Fit.of(size, self._family.rule)

    def ask(self, picture: Picture, prompt: str, seed: int) -> bytes:
        """Return the pipeline's picture as PNG. One call at a time: pipelines keep state."""
        import torch

        fit = self.fit(picture.size)
        with self._lock, torch.inference_mode():
            pipeline = self._loaded()
            call = self._arguments(pipeline, fit.fed)
            try:
                result = pipeline(
                    prompt=prompt,
                    image=fit.to_model(picture.image),
                    generator=torch.Generator("cpu").manual_seed(seed),
                    **call,
                )
            except (RuntimeError, ValueError) as error:
                # Too little memory for this size, or a prompt it cannot take.
                raise NoPictureError("error", f"{self.id} failed ({error}).") from error
        if any(getattr(result, "nsfw_content_detected", None) or ()):
            raise NoPictureError("refused", f"The safety checker blacked {picture.key} out.")
        return to_png(result.images[0].convert("RGB"))

    def _arguments(self, pipeline: Any, fed: Size) -> dict[str, object]:
        try:
            return self._family.arguments(pipeline.__call__, fed, self._call)
        except ValueError as error:
            said, _, hint = str(error).partition("; ")
            name = type(pipeline).__name__
            raise UsageError(f"{name} {said}.", hint=f"{hint.capitalize()}.") from error

    def _loaded(self) -> Any:
        if self._pipeline is None:
            given = self._given
            self._pipeline = given() if inspect.isfunction(given) else given
            self._pipeline.set_progress_bar_config(disable=True)
        return self._pipeline


def _load(model: str, revision: str, loading: Loading) -> Any:
    diffusers, torch = _diffusers()
    local = Path(model).is_dir()
    try:
        pipeline = diffusers.DiffusionPipeline.from_pretrained(
            model,
            revision=None if local else revision,
            dtype=getattr(torch, _dtype_name(loading)),
            use_safetensors=True,
            trust_remote_code=loading.trust_remote_code,
        )
        if "image" not in inspect.signature(pipeline.__call__).parameters:
            pipeline = diffusers.AutoPipelineForImage2Image.from_pipe(pipeline)
    except (OSError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise EditorError(
            f"{model} cannot be loaded as an editor ({error}).",
            hint="Give a diffusers pipeline that takes a prompt and an image.",
        ) from error
    if loading.offload == "model":
        pipeline.enable_model_cpu_offload()
    elif loading.offload == "sequential":
        pipeline.enable_sequential_cpu_offload()
    else:
        pipeline.to(_device(loading))
    return pipeline


def _pinned(model: str, revision: str | None) -> tuple[str, Path]:
    """Return the commit that `revision` means, and the pipeline's index file."""
    folder = Path(model)
    if folder.is_dir():
        if not (folder / _INDEX).is_file():
            raise EditorError(
                f"{model} holds no {_INDEX}.", hint="Give the folder of a diffusers pipeline."
            )
        return f"local:{_fingerprint(folder)}", folder / _INDEX
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        # The cache keeps files below snapshots/COMMIT.
        index = Path(hf_hub_download(model, _INDEX, revision=revision))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise EditorError(
            f"{model} cannot be fetched as a diffusers pipeline ({error}).",
            hint="Check its name, your login and the network; or give a folder.",
        ) from error
    return index.parent.name, index


def _class_name(model: str, index: Path) -> str:
    try:
        name = json.loads(index.read_text(encoding="utf-8"))["_class_name"]
    except (ValueError, KeyError, TypeError) as error:
        raise EditorError(
            f"{_INDEX} of {model} names no class.", hint="Give a diffusers pipeline."
        ) from error
    return str(name[-1] if isinstance(name, list) else name)


def _fingerprint(folder: Path) -> str:
    """Return a name for a folder's content: every file's path, size and first megabyte."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            head = hashlib.sha256(file.read(_HEAD_BYTES)).hexdigest()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name} {path.stat().st_size} {head}\n".encode())
    return digest.hexdigest()[:16]


def _device(loading: Loading) -> str:
    _, torch = _diffusers()
    if loading.device != "auto":
        return loading.device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _dtype_name(loading: Loading) -> str:
    _, torch = _diffusers()
    name = loading.dtype
    if name == "auto":
        return "float32" if _device(loading) == "cpu" else "bfloat16"
    if not isinstance(getattr(torch, name, None), torch.dtype):
        raise UsageError(
            f"There is no dtype {name!r}.", hint="Give float32, bfloat16, float16 or auto."
        )
    return name


def _require() -> None:
    """Refuse early, without the seconds that importing takes."""
    for package in ("diffusers", "torch"):
        if find_spec(package) is None:
            raise MissingExtraError.of(package, "synth", "A diffusers editor")


def _diffusers() -> tuple[Any, Any]:
    _require()
    import diffusers
    import torch

    return diffusers, torch

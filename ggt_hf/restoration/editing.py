"""From a name to an instruction-editing restorer: a model, a finetuned one, or a LoRA alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ggt_hf.errors import MissingExtraError, ModelError, ReadError, UsageError

if TYPE_CHECKING:
    from ggt_hf.restoration.pipelines.editing import EditingRestorer

INDEX = "model_index.json"
LORA_WEIGHTS = "pytorch_lora_weights.safetensors"
"""Where diffusers keeps a LoRA."""

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Offload = Literal["none", "model", "sequential"]
"""Where weights rest: all on the accelerator, a model at a time, or a layer at a time."""

DTYPES: tuple[Dtype, ...] = get_args(Dtype)
OFFLOADS: tuple[Offload, ...] = get_args(Offload)


@dataclass(frozen=True, kw_only=True, slots=True)
class EditingOptions:
    """How an instruction-editing restorer is loaded."""

    lora: str | None = None
    """Folder, file or ``ORG/NAME`` of LoRA weights; ``None`` = none."""
    dtype: Dtype = "auto"
    """Of the weights; ``auto`` = bfloat16 on an accelerator, float32 on a CPU."""
    offload: Offload = "none"
    """Keep weights in main memory until they are needed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EditingModel:
    """What a name was found to stand for."""

    kind: type[EditingRestorer]
    """Our class for it."""
    place: str
    """Folder or ``ORG/NAME`` of the pipeline's weights."""
    lora: str | None = None
    """Folder or ``ORG/NAME`` of the LoRA that the name stands for."""
    prompt: str | None = None
    """The instruction that the LoRA was trained with, where its card says so."""


def find_editing(
    place: str, *, revision: str | None = None, token: str | None = None
) -> EditingModel | None:
    """Find out whether a folder or repository is an instruction-editing model, or a LoRA of one.

    Returns:
        What it is; ``None`` where it is something else.

    Raises:
        ReadError: it cannot be fetched; or it is a pipeline, but of a class that no restorer is
            made of; or a LoRA whose card names no base model.
    """
    index = _file(place, INDEX, revision, token)
    if index is not None:
        kind = _kind(place, index)
        return EditingModel(kind=kind, place=place) if kind else None
    if _file(place, LORA_WEIGHTS, revision, token) is None:
        return None
    base, prompt = _card(place, revision, token)
    base_index = _file(base, INDEX, None, token)
    kind = _kind(base, base_index) if base_index else None
    if not kind:
        raise ReadError(
            f"{place} is a LoRA of {base}, which is no editing model that can be fetched.",
            hint="Give --model the base model, and the LoRA as --lora.",
        )
    return EditingModel(kind=kind, place=base, lora=place, prompt=prompt)


def load_editing(
    model: EditingModel,
    options: EditingOptions,
    *,
    device: str,
    revision: str | None = None,
    token: str | None = None,
) -> EditingRestorer:
    """Load what was found, and its LoRA, into main memory.

    Args:
        model: what was found.
        options: dtype, a LoRA.
        device: where it is going to be: ``"cpu"``, ``"cuda"``, ...
        revision: of the repository that was named: of the LoRA, where it stands alone.
        token: of the Hub.

    Raises:
        UsageError: options that do not go together.
        MissingExtraError: peft is not installed, and there is a LoRA.
        ModelError: the LoRA does not fit the model.
        OSError, ValueError, RuntimeError: the pipeline cannot be loaded.
    """
    import torch

    lora, at = (model.lora, revision) if model.lora else (options.lora, None)
    if model.lora and options.lora:
        raise UsageError(
            f"The model is the LoRA {model.lora} itself, and another is given.",
            hint="Leave --lora out, or give --model the base model.",
        )
    name = options.dtype if options.dtype != "auto" else _dtype_for(device)
    pipeline: Any = model.kind.from_pretrained(
        model.place,
        revision=None if model.lora else revision,
        token=token,
        dtype=getattr(torch, name),
        use_safetensors=True,
    )
    if lora:
        _add_lora(pipeline, lora, revision=at, token=token)
    if model.prompt:
        pipeline.set_defaults(model.prompt)
    return pipeline  # type: ignore[no-any-return]


def _add_lora(pipeline: Any, lora: str, *, revision: str | None, token: str | None) -> None:
    if find_spec("peft") is None:
        raise MissingExtraError.of("peft", "edit", "A LoRA")
    path = Path(lora)
    file = {"weight_name": path.name} if path.is_file() else {}
    try:
        pipeline.load_lora_weights(
            str(path.parent) if file else lora,
            revision=revision, token=token, use_safetensors=True, **file,
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, IndexError) as error:
        raise ModelError(
            f"{lora} cannot be used as a LoRA of {pipeline.family}: {first_line(error)}",
            hint="Give a LoRA that was trained on this base model, as safetensors.",
        ) from error
    if not any(pipeline.get_list_adapters().values()):
        raise ModelError(
            f"{lora} holds no weights that {pipeline.family} has a place for.",
            hint="Give a LoRA that was trained on this base model.",
        )


def first_line(error: BaseException) -> str:
    """Return what an error of a library says first; its name, where it says nothing."""
    said = str(error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def _kind(place: str, index: Path) -> type[EditingRestorer] | None:
    from ggt_hf.restoration.pipelines.registry import EDITING, editing_class

    try:
        name = json.loads(index.read_text(encoding="utf-8")).get("_class_name")
    except (OSError, ValueError, AttributeError) as error:
        raise ReadError(
            f"{INDEX} of {place} cannot be read: {first_line(error)}",
            hint="Fetch or save the pipeline again.",
        ) from error
    if not isinstance(name, str) or name == "OneStepRestorationPipeline":
        return None
    try:
        kind = editing_class(name)
    except (ImportError, RuntimeError) as error:
        raise MissingExtraError.of(
            "diffusers (0.42 or newer) or transformers", "edit", f"A restorer over {name}"
        ) from error
    if kind is None:
        raise ReadError(
            f"{place} is a {name}, of which no restorer is made.",
            hint=f"Give one of: {', '.join(sorted(EDITING))}.",
        )
    return kind


def _card(place: str, revision: str | None, token: str | None) -> tuple[str, str | None]:
    """Return the base model and the instruction that a LoRA's card names."""
    from huggingface_hub import ModelCard

    path = _file(place, "README.md", revision, token)
    data = ModelCard.load(path, ignore_metadata_errors=True).data if path else None
    base = getattr(data, "base_model", None)
    base = base[0] if isinstance(base, list) and base else base
    if not isinstance(base, str):
        raise ReadError(
            f"{place} holds a LoRA, and no card that names its base_model.",
            hint="Give --model the base model, and the LoRA as --lora.",
        )
    prompt = data.get("instance_prompt") if data else None
    return base, str(prompt) if prompt else None


def _file(place: str, name: str, revision: str | None, token: str | None) -> Path | None:
    """Return a file of a folder or repository; ``None`` where there is none.

    Raises:
        ReadError: the repository is not there, or not for this user, or cannot be reached.
    """
    if Path(place).is_dir():
        path = Path(place) / name
        return path if path.is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HfHubHTTPError

    try:
        return Path(hf_hub_download(place, name, revision=revision, token=token))
    except EntryNotFoundError:
        return None
    except GatedRepoError as error:
        raise ReadError(
            f"{place} is only for users who have accepted its terms.",
            hint="Accept them on its page on the Hub, then run: hf auth login",
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ReadError(
            f"{place} cannot be fetched: {first_line(error)}",
            hint="Check its name and revision, your login and the network; or give a folder.",
        ) from error


def _dtype_for(device: str) -> Dtype:
    return "float32" if device.startswith("cpu") else "bfloat16"

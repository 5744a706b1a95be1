"""The vision-language model that comes with the package."""

from __future__ import annotations

from pathlib import Path

from ggt_hf.errors import ModelError

EMBEDDED_ID = "ggt-hf/embedded-prompter"
"""What provenance calls it; its revision is a hash of its files."""

_FOLDER = Path(__file__).parents[1] / "sample" / "vlm"


def is_embedded() -> bool:
    """Return whether this version of the package comes with it."""
    return (_FOLDER / "model.safetensors").is_file()


def embedded_folder() -> Path:
    """Return the folder of the embedded model; `LocalVLM` loads it like any other.

    Raises:
        ModelError: this version of the package comes without it.
    """
    if not is_embedded():
        raise ModelError(
            "This version of ggt-hf comes without an embedded model.",
            hint="Choose rules, or a model of the Hub such as Qwen/Qwen3-VL-2B-Instruct.",
        )
    return _FOLDER

"""The vision-language model that comes with the package."""

from __future__ import annotations

from pathlib import Path

from ggt_hf.errors import ModelError

EMBEDDED_ID = "ggt-hf/embedded-prompter"
"""What provenance calls it; its revision is a hash of its files."""

_FOLDER = Path(__file__).parents[1] / "sample" / "vlm"


def embedded_folder() -> Path:
    """Return the folder of the embedded model; `LocalVLM` loads it like any other.

    Raises:
        ModelError: the package was installed without its sample.
    """
    if not (_FOLDER / "model.safetensors").is_file():
        raise ModelError(
            f"The embedded model is missing from {_FOLDER}.",
            hint="Reinstall ggt-hf, or choose --model rules or a model of the Hub.",
        )
    return _FOLDER

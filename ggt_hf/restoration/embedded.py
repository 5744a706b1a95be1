"""The restorer that comes with the package."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ggt_hf.errors import ModelError
from ggt_hf.sample import ROOT

EMBEDDED = "embedded"
"""What users call it."""

EMBEDDED_ID = "ggt-hf/embedded-restorer"
"""What provenance calls it; its revision is a hash of its weights."""

_FOLDER = ROOT / "restorer"
_WEIGHTS = Path("restorer") / "diffusion_pytorch_model.safetensors"


def embedded_folder() -> Path:
    """Return the folder of the embedded restorer, as `save_pretrained` wrote it.

    Raises:
        ModelError: this installation lacks it.
    """
    if not (_FOLDER / _WEIGHTS).is_file():
        raise ModelError(
            "This installation of ggt-hf lacks its embedded restorer.",
            hint="Install it again, or give --model ORG/NAME or a folder.",
        )
    return _FOLDER


def embedded_revision() -> str:
    """Return twelve hexadecimal digits of the sha256 of its weights.

    Raises:
        ModelError: this installation lacks it.
    """
    return hashlib.sha256((embedded_folder() / _WEIGHTS).read_bytes()).hexdigest()[:12]

"""``run.json``: what a run was, and what became of it; cards are made of it."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ggt_hf.errors import FormatError, UsageError

RECORD = "run.json"
"""Its name in a run's folder."""
MODEL = "model"
"""Folder of the trained model in a run's folder; its existence means that the run is finished."""
PICTURES = "pictures"
"""Folder of a run's pictures, ``step-000500/00-KEY.png``: input, restored, truth."""

RECORD_VERSION = 1

_PACKAGES = "ggt-hf", "torch", "diffusers", "transformers", "accelerate", "peft", "spandrel"


@dataclass(kw_only=True, slots=True)
class RunRecord:
    """A run as it stands; written at its start, with each checkpoint and at its end."""

    recipe: dict[str, Any]
    """The recipe, every default filled in."""
    model: dict[str, Any]
    """What is trained: architecture or base with its revision, sizes, prompt."""
    data: list[dict[str, Any]]
    """A source each: name, revision, root hash, counts, licences."""
    ratio: list[int]
    """Pairs of each source in a row of their sum."""
    validation_data: dict[str, Any] | None = None
    """What `validations` were measured on."""
    steps: int = 0
    """Steps done."""
    finished: bool = False
    """Whether they are all done, and the model is written."""
    validations: list[dict[str, float]] = field(default_factory=list)
    """Step by step: ``psnr`` in dB and ``ssim``, averaged over pairs; ``psnr_lq`` and ``ssim_lq``
    are those of the input."""
    loss: float | None = None
    """Mean loss of the last logged steps."""
    sittings: int = 0
    """How often it was started."""
    seconds: float = 0.0
    """Wall time of the steps, over all sittings."""
    waiting_share: float = 0.0
    """Share of it spent waiting for data, 0 to 1."""
    pairs: int = 0
    """Pairs seen, each as often as it came."""
    skipped_steps: int = 0
    """Steps left out since their gradient was no finite number."""
    device: str = "cpu"
    """The accelerator's name, or the processor's."""
    num_processes: int = 1
    """Processes that trained together."""
    peak_memory: int | None = None
    """Most bytes held on the accelerator, or of main memory on a CPU; ``None`` = unknown."""
    versions: dict[str, str] = field(default_factory=dict)
    """Packages -> version."""
    format: int = RECORD_VERSION
    """Version of this record."""

    def write(self, folder: Path) -> None:
        """Replace the record of a run, at once or not at all."""
        partial = folder / f".{RECORD}.partial"
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(folder / RECORD)

    @classmethod
    def read(cls, folder: Path) -> RunRecord:
        """Read the record of a run.

        Raises:
            UsageError: the folder holds none.
            FormatError: it cannot be read, or is of another version.
        """
        path = folder / RECORD
        if not path.is_file():
            raise UsageError(
                f"{folder} holds no {RECORD}: it is no folder of ggt train.",
                hint="Give the folder that ggt train wrote, not the model in it.",
            )
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["format"] != RECORD_VERSION:
                raise ValueError(f"it has format {stored['format']}, not {RECORD_VERSION}")
            return cls(**stored)
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise FormatError(
                f"{path} cannot be read: {error}.", hint="Run the same ggt train command again."
            ) from error


def package_versions() -> dict[str, str]:
    """Return the versions of what a run depends on, where it is installed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found

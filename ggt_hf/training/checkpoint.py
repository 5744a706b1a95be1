"""Where a run stands: one file, replaced at once or not at all; no kill leaves half of one."""

from __future__ import annotations

import os
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ggt_hf.errors import FormatError, WriteError

CHECKPOINT = "checkpoint.pt"
"""The file's name in a run's folder."""


@dataclass(kw_only=True, slots=True)
class Tally:
    """What a run has spent so far, over all its sittings."""

    sittings: int = 0
    """How often it was started."""
    seconds: float = 0.0
    """Wall time of the steps."""
    waited: float = 0.0
    """Seconds of it in which training waited for data."""
    pairs: int = 0
    """Pairs seen by all processes, each as often as it came."""
    skipped: int = 0
    """Steps that were left out since their gradient was no finite number."""

    @property
    def waiting_share(self) -> float:
        """Share of the steps' time spent waiting for data, 0 to 1."""
        return self.waited / self.seconds if self.seconds else 0.0


@dataclass(kw_only=True, slots=True)
class Checkpoint:
    """All that is needed to go on as if nothing had happened.

    No generator's state is part of it: each step seeds its generators by its own number.
    """

    step: int
    """Steps done."""
    recipe: str
    """The recipe but for its number of steps, as JSON."""
    weights: dict[str, Any]
    """Trained weights and buffers by name, on the CPU."""
    average: dict[str, Any] | None
    """State of the moving average; ``None`` where there is none."""
    optimizer: dict[str, Any]
    """State of the optimizer."""
    data: dict[str, int | str]
    """Where the stream stands."""
    tally: Tally = field(default_factory=Tally)
    """What was spent."""

    def save(self, folder: Path) -> None:
        """Replace the checkpoint of a run.

        Raises:
            WriteError: it cannot be stored.
        """
        import torch

        partial = folder / f"{CHECKPOINT}.partial"
        state = {name: getattr(self, name) for name in self.__slots__} | {
            "tally": asdict(self.tally)
        }
        try:
            with partial.open("wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(folder / CHECKPOINT)
        except (OSError, RuntimeError) as error:
            raise WriteError(
                f"{partial} cannot be written: {error}.",
                hint="Make room; the run goes on from its last checkpoint when started again.",
            ) from error

    @classmethod
    def load(cls, folder: Path) -> Checkpoint | None:
        """Return the checkpoint of a run; ``None`` where it has none yet.

        Raises:
            FormatError: the file is no checkpoint.
        """
        import torch

        path = folder / CHECKPOINT
        if not path.exists():
            return None
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            return cls(**state | {"tally": Tally(**state["tally"])})
        except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
            raise FormatError(
                f"{path} is no checkpoint of this version: {error}.",
                hint="Begin anew with --no-resume, or in another folder.",
            ) from error

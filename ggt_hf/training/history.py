"""``log.jsonl``, and the trackers beside it: what a run says of itself while it runs."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ggt_hf.errors import MissingExtraError
from ggt_hf.stages import LineLog, read_rows, rewrite

if TYPE_CHECKING:
    from accelerate import Accelerator

LOG = "log.jsonl"
"""Name of the log in a run's folder: a line for every few steps, one for each validation."""

Tracker = Literal["tensorboard", "trackio"]


def chosen_trackers(wanted: list[Tracker] | None) -> list[Tracker]:
    """Return the trackers of a run: those that are wanted, or tensorboard where it is installed.

    Raises:
        MissingExtraError: a wanted one is not installed.
    """
    if wanted is None:
        return ["tensorboard"] if find_spec("tensorboard") else []
    for tracker in wanted:
        if find_spec(tracker) is None:
            raise MissingExtraError(
                f"The recipe wants the tracker {tracker}, which is not installed.",
                hint=f"Run: pip install {tracker}, or leave trackers out of the recipe.",
            )
    return wanted


class History:
    """What a run has said so far, on the main process; the others stay silent.

    Args:
        folder: the run's.
        step: the step that the run goes on after; what was said of later ones is unsaid.
        accelerator: hands numbers on to the trackers.
        project: names the run for them.
    """

    def __init__(self, folder: Path, step: int, accelerator: Accelerator, project: str) -> None:
        self._accelerator = accelerator
        self.validations: list[dict[str, float]] = []
        self.loss: float | None = None
        self._log: LineLog | None = None
        if accelerator.is_main_process:
            path = folder / LOG
            rows = [row for _, row in read_rows(path) if row.get("step", 0) <= step]
            rewrite(path, rows)
            for row in rows:
                self._remember(row)
            self._log = LineLog(path)
        accelerator.init_trackers(project, init_kwargs={"tensorboard": {"purge_step": step + 1}})

    def say(self, step: int, numbers: dict[str, float], kind: str | None = None) -> None:
        """Note numbers of a step; `kind` puts them under a name of their own. JSON has no word for
        what is no finite number: it is noted as ``null``.
        """
        told = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        row = {"step": step, kind: told} if kind else {"step": step, **told}
        self._remember(row)
        if self._log is not None:
            self._log.append(row)
        named = {f"{kind}/{name}" if kind else name: value for name, value in numbers.items()}
        self._accelerator.log(named, step=step)

    def _remember(self, row: dict[str, Any]) -> None:
        if "validation" in row:
            self.validations.append({"step": row["step"], **row["validation"]})
        self.loss = row.get("loss", self.loss)

    def close(self) -> None:
        """Finish the log and the trackers."""
        self._accelerator.end_training()
        if self._log is not None:
            self._log.close()

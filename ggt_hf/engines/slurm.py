"""A Slurm array: which share of the units is this task's, and which tasks have finished."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ggt_hf.engines.stage import Unit
from ggt_hf.errors import UsageError

_VARIABLES = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT")


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayTask:
    """One task of an array."""

    index: int
    """From 0."""
    count: int
    """Tasks of the whole array."""

    @property
    def name(self) -> str:
        """What its marker is called."""
        return f"task-{self.index:05d}-of-{self.count:05d}"

    def share(self, units: Sequence[Unit]) -> tuple[Unit, ...]:
        """Return every `count`-th unit, so that a slow stretch of them falls to all tasks."""
        return tuple(units[self.index :: self.count])


def task(environ: Mapping[str, str] = os.environ) -> ArrayTask:
    """Read which task of its array this process is.

    Raises:
        UsageError: it is none, or only a part of an array was submitted.
    """
    try:
        number = int(environ["SLURM_ARRAY_TASK_ID"])
        first = int(environ.get("SLURM_ARRAY_TASK_MIN", "0"))
        count = int(environ["SLURM_ARRAY_TASK_COUNT"])
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"This process is no task of a Slurm array: {', '.join(_VARIABLES)} do not say so.",
            hint="Write a batch file with --write-sbatch FILE, then run: bash FILE",
        ) from error
    index = number - first
    last = int(environ.get("SLURM_ARRAY_TASK_MAX", first + count - 1))
    if not 0 <= index < count or last - first + 1 != count:
        raise UsageError(
            f"The array has {count} tasks from {first} to {last}: some are left out, and nobody "
            "would do their units.",
            hint="Submit the array without gaps or steps; finished units are not done twice.",
        )
    return ArrayTask(index=index, count=count)


def tell_finished(markers: Sequence[str]) -> str:
    """Say which tasks left a marker that they finished."""
    if not markers:
        return "no task has finished"
    count = int(markers[-1].rpartition("-")[2])
    done = {int(name.split("-")[1]) for name in markers}
    left = [str(index) for index in range(count) if index not in done]
    return f"of {count} tasks these have not finished: {', '.join(left) or 'none'}"

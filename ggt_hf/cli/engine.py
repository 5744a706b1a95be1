"""The flags of commands that run a stage on any engine, spelled once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ggt_hf.cli.output import Output
from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from ggt_hf.engines import EngineOptions, StageReport

_PANEL = "Engines"

Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        help="local: this machine. slurm: the tasks of an array. ray: a cluster.",
        rich_help_panel=_PANEL,
    ),
]
WorkerGpus = Annotated[
    float,
    typer.Option(
        "--worker-gpus",
        min=0.0,
        help="With --engine ray: GPUs that each worker holds; may be a fraction.",
        rich_help_panel=_PANEL,
    ),
]
WriteSbatch = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="With --engine slurm: write a batch file that runs this command, and stop.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
NumTasks = Annotated[
    int,
    typer.Option(min=1, help="Tasks of the array, for --write-sbatch.", rich_help_panel=_PANEL),
]
SbatchOption = Annotated[
    list[str] | None,
    typer.Option(
        "--sbatch",
        metavar="OPTION",
        help="More for the batch file, such as --sbatch=--partition=gpu. Repeatable.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Merge = Annotated[
    bool,
    typer.Option(
        "--merge",
        help="With --engine slurm: join what the tasks have done.",
        rich_help_panel=_PANEL,
    ),
]

_OF_THE_FILE = ("--write-sbatch", "--num-tasks", "--sbatch")
"""Options about the batch file, which the command inside of it does not take again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineFlags:
    """What the user said about the engine.

    Raises:
        UsageError: there is no such engine, or a flag of another one is given.
    """

    engine: str = "local"
    """One of `engines.ENGINES`."""
    num_workers: int | None = None
    """Workers; ``None`` = what suits the stage."""
    worker_gpus: float = 0.0
    """GPUs of each, on Ray."""
    write_sbatch: Path | None = None
    """The batch file to write instead of working."""
    num_tasks: int = 16
    """Tasks in that file."""
    sbatch: Sequence[str] = ()
    """More options in that file."""
    merge: bool = False
    """Merge instead of working."""

    def __post_init__(self) -> None:
        from ggt_hf.engines import ENGINES

        if self.engine not in ENGINES:
            raise UsageError(
                f"There is no engine {self.engine!r}.", hint=f"Use {', '.join(ENGINES)}."
            )
        if self.engine != "slurm" and (self.merge or self.write_sbatch):
            raise UsageError(
                "--merge and --write-sbatch are of Slurm alone.", hint="Add --engine slurm."
            )
        if self.engine != "ray" and self.worker_gpus:
            raise UsageError(
                "--worker-gpus is of Ray alone.",
                hint="Add --engine ray; or ask Slurm for them: --sbatch=--gpus-per-task=1.",
            )

    def options(self, num_workers: int | None, *, quiet: bool) -> EngineOptions:
        """Return how a stage runs; `num_workers` is what suits it where the user said nothing."""
        from ggt_hf.engines import EngineOptions

        return EngineOptions(
            engine=self.engine,  # type: ignore[arg-type]  # checked above
            num_workers=self.num_workers or num_workers,
            num_gpus=self.worker_gpus,
            merge=self.merge,
            quiet=quiet,
        )

    def batch_written(self, name: str, screen: Output) -> bool:
        """Write the batch file of this very command, where it was asked for; say whether it was.

        Raises:
            UsageError: a token would be written into it.
        """
        if self.write_sbatch is None:
            return False
        from ggt_hf.engines import write_sbatch

        words = without_file_options(sys.argv[1:])
        if any(word.partition("=")[0] == "--token" for word in words):
            raise UsageError(
                "A token does not belong into a file.", hint="Set HF_TOKEN, or: hf auth login."
            )
        write_sbatch(
            self.write_sbatch,
            [sys.executable, "-m", "ggt_hf", *words],
            num_tasks=self.num_tasks,
            name=name,
            cpus_per_task=self.num_workers or 1,
            options=self.sbatch,
        )
        screen.result(
            {"batch_file": str(self.write_sbatch), "num_tasks": self.num_tasks},
            f"{self.write_sbatch}: an array of {self.num_tasks} tasks, and the merge after it",
        )
        screen.remark(f"next: bash {self.write_sbatch}")
        return True


def tell_task(report: StageReport, screen: Output) -> None:
    """Say what the task of an array has done; the manifest comes with the merge."""
    num_failed = len(report.failures)
    fields = {
        "units": report.num_units,
        "reused": report.num_reused,
        "failed": num_failed,
        "out": str(report.out),
    }
    failed = f", {num_failed:,} failed" if num_failed else ""
    screen.result(
        fields, f"this task: {report.num_units:,} done{failed}; --merge writes {report.out}"
    )


def without_file_options(words: Sequence[str]) -> list[str]:
    """Return a command line without the options that are about the batch file."""
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _OF_THE_FILE:
            skip = True
        elif not word.startswith(tuple(f"{option}=" for option in _OF_THE_FILE)):
            kept.append(word)
    return kept

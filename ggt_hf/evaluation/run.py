"""A run of a benchmark: how it is made, what it found, and the files that say so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.engines import Engine, StageReport
from ggt_hf.errors import GgtError
from ggt_hf.evaluation.cases import Case
from ggt_hf.evaluation.judging import JudgeChoice
from ggt_hf.evaluation.scores import FILE, ScoreTable, write_scores
from ggt_hf.evaluation.summary import Summary
from ggt_hf.evaluation.task import Task, described
from ggt_hf.metrics import metric
from ggt_hf.version import __version__

if TYPE_CHECKING:
    from ggt_hf.quality.calibration import Calibration

RUN = "run.json"
"""Written last: a run with it is whole."""

SUMMARY = "summary.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How a run is made, besides what is run."""

    metrics: tuple[str, ...] = ()
    """What is measured; empty = what each task says."""
    limit: int | None = None
    """Pictures of each task; ``None`` = all."""
    seed: int = 0
    """Of the restorers, of `limit`, and of what is degraded here."""
    judge: JudgeChoice | None = None
    """Who says VLM-R; ``None`` = nobody. A judge adds it to whatever else is measured."""
    keep_pictures: bool = True
    """Whether restored pictures are kept."""
    engine: Engine = "local"
    """Where the workers are."""
    num_workers: int | None = None
    """How many; ``None`` = one a core."""
    device: str | None = None
    """Where metrics compute; ``None`` = a GPU where there is one."""
    quiet: bool = False
    """Show no progress."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskFailure:
    """A picture that has no score."""

    task: str
    """The task's name."""
    restorer: str
    """The restorer's name."""
    key: str
    """The picture's key."""
    error: str
    """What went wrong, in a line."""


@dataclass(kw_only=True, slots=True)
class BenchmarkReport:
    """What a run found."""

    out: Path
    """Its folder."""
    tasks: dict[str, Task]
    """By name."""
    cases: dict[str, dict[str, Case]]
    """Task -> key -> case."""
    scores: ScoreTable
    """Every picture."""
    summary: Summary
    """Means and differences."""
    failures: list[TaskFailure] = field(default_factory=list)
    """Pictures without scores."""
    num_reused: int = 0
    """Scores that an earlier run had made."""
    calibration: Calibration | None = None
    """What the judge was shown to see; ``None``: nobody judged."""

    @property
    def num_unsaid(self) -> int:
        """Restored pictures of which the judge could not say anything."""
        if self.calibration is None:
            return 0
        return sum(not any(metric(name).judged for name in row.scores) for row in self.scores.rows)


class ShareDoneError(GgtError):
    """One task of an array has done its share; nothing is summed up yet."""

    def __init__(self, shares: Sequence[StageReport]) -> None:
        self.num_failed = sum(len(report.failures) for report in shares)
        done = sum(report.num_units for report in shares) - self.num_failed
        super().__init__(
            f"This task of the array has {done:,} scores; {self.num_failed:,} pictures failed.",
            hint="When all tasks have ended, run the same command without --engine slurm.",
        )


def write_run(report: BenchmarkReport, identities: Mapping[str, Any], settings: Settings) -> None:
    """Write scores, summary and, last, what was run."""
    from ggt_hf.evaluation.tables import to_latex, to_markdown

    out = report.out
    write_scores(out / FILE, report.scores)
    _write_text(out / "summary.md", to_markdown(report.summary))
    _write_text(out / "summary.tex", to_latex(report.summary))
    _write_text(out / SUMMARY, json.dumps(report.summary.to_dict(), indent=1) + "\n")
    said = {
        "version": __version__,
        "restorers": identities,
        "tasks": {name: described(task) for name, task in report.tasks.items()},
        "num_pictures": {name: len(cases) for name, cases in report.cases.items()},
        "failures": len(report.failures),
        "seed": settings.seed,
        "limit": settings.limit,
    }
    _write_text(out / RUN, json.dumps(said, indent=1, sort_keys=True) + "\n")


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)

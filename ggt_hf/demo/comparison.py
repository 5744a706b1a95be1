"""The last page of a demo: restorers compared on the sample's test pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.evaluation.restorers import INPUT

if TYPE_CHECKING:
    from ggt_hf.evaluation.run import BenchmarkReport

FOLDER = "comparison"
"""The run's folder inside the demo's."""


def compare_restorers(
    out: Path, restorers: Sequence[str], *, num_workers: int | None = None
) -> BenchmarkReport:
    """Evaluate restorers on the sample's test pairs against the input, and write the report.

    Args:
        out: the demo's folder; the run goes to `FOLDER` in it, its page is ``report.html`` there.
        restorers: each as ``ggt eval`` takes it, ``NAME=WHAT`` or ``WHAT``; the input is added.
        num_workers: processes; ``None`` = one a core.

    Raises:
        GgtError: a restorer cannot be used.
    """
    from ggt_hf.evaluation.benchmark import run_benchmark
    from ggt_hf.evaluation.report import write_report
    from ggt_hf.evaluation.restorers import restorer_of
    from ggt_hf.evaluation.run import Settings
    from ggt_hf.evaluation.task import SAMPLE, task_of
    from ggt_hf.restoration.methods import method_of

    made = run_benchmark(
        [restorer_of(text, method_of) for text in dict.fromkeys([INPUT, *restorers])],
        [task_of(SAMPLE)],
        out / FOLDER,
        Settings(quiet=True, num_workers=num_workers),
        against=INPUT,
    )
    write_report(made, title="Restorers on the sample")
    return made

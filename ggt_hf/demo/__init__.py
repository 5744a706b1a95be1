"""The whole way of the data on the embedded sample, offline, and one page to look at.

The rooms do not know each other here either: each step reads the files that the one before wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ggt_hf.demo.report import DemoReport, Steps

__all__ = ["DemoReport", "next_commands", "run_demo"]

PAGE = "index.html"
"""The page that the demo writes."""


def run_demo(out: Path, *, tell: Callable[[str], None]) -> DemoReport:
    """Build, validate, load and stream pairs; make and judge targets, finetune, restore, compare.

    Args:
        out: the folder to write to; made where it is missing.
        tell: called with one line a step.

    Raises:
        FormatError: a step saw other pairs than the one before it.
    """
    from ggt_hf.data.loading.bare_name import BARE_NAME
    from ggt_hf.demo.page import write_page
    from ggt_hf.demo.pairs import run_pairs
    from ggt_hf.demo.restoring import run_restoring
    from ggt_hf.demo.targets import run_targets

    out.mkdir(parents=True, exist_ok=True)
    # Beside that folder, plain `datasets` loads it by its name.
    report = DemoReport(out=out, dataset=out / BARE_NAME, page=out / PAGE)
    steps = Steps(report, tell)
    run_pairs(report, steps)
    run_targets(report, steps)
    run_restoring(report, steps)
    with steps.step("show") as say:
        write_page(report, next_commands(report))
        say(f"every pair and every decision in {report.page}")
    return report


def next_commands(report: DemoReport) -> dict[str, str]:
    """Return some commands worth trying next, and what each does."""
    from ggt_hf.data.reading.reader import open_dataset
    from ggt_hf.demo.restoring import RECIPE

    with open_dataset(report.dataset) as store:
        key = store.manifest.row(0).key
    own = {"ggt build YOUR_PAIRS my-dataset": "The same from your own folders, zips or manifests."}
    train = {f"ggt train {report.out / RECIPE} --steps 500 --output mine": "Finetune for longer."}
    review = {f"ggt review {report.candidates}": "Judge the targets by eye, on a page."}
    return {
        f"ggt info {report.dataset}": "What is in the dataset: counts, licences, root hash.",
        f"ggt show {report.dataset} {key} --out .": "One pair, read by its byte range.",
        **(review if report.targets else own),
        **(train if report.restored else {}),
    }

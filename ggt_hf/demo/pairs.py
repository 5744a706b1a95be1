"""The sample's pairs: built into shards, validated, loaded, streamed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ggt_hf.demo.report import DemoReport, Steps
from ggt_hf.errors import FormatError


def run_pairs(report: DemoReport, steps: Steps) -> None:
    """Build the sample and read it back in every way.

    Raises:
        FormatError: a reader saw other pairs than were built.
    """
    from ggt_hf import sample
    from ggt_hf.data.building.build import build_dataset

    with steps.step("build") as say:
        info = build_dataset(sample.PAIRS, report.dataset, overwrite=True, quiet=True)
        report.num_pairs = info.num_pairs
        say(f"{info.num_pairs} pairs of photographs into {report.dataset}")
    with steps.step("validate") as say:
        say(_validate(report.dataset))
    with steps.step("load") as say:
        say(_load(report))
    with steps.step("stream") as say:
        say(_stream(report))


def _validate(dataset: Path) -> str:
    from ggt_hf.data.validation import validate

    result = validate(dataset)
    if not result.ok:
        raise FormatError(
            f"{dataset} does not read right: {result.findings[0]}",
            hint=f"Run: ggt validate {dataset}",
        )
    return f"{len(result.checks)} checks passed; datasets, webdataset and manifest agree"


def _load(report: DemoReport) -> str:
    from ggt_hf.data.loading.load import load_dataset

    with tempfile.TemporaryDirectory() as cache, _quiet_datasets():
        splits = load_dataset(report.dataset, cache_dir=cache)
        counts = {split: len(dataset) for split, dataset in splits.items()}
    _expect(report, sum(counts.values()), "load_dataset")
    return ", ".join(f"{count} {split}" for split, count in counts.items())


def _stream(report: DemoReport) -> str:
    from ggt_hf.data.loading.load import load_dataset

    splits = load_dataset(report.dataset, streaming=True)
    pairs = [pair for dataset in splits.values() for pair in dataset]
    _expect(report, len(pairs), "load_dataset(streaming=True)")
    unlike = sum(pair["lq"].size != pair["gt"].size for pair in pairs)
    _expect(report, len(pairs) - unlike, "comparing the sizes of both sides")
    return f"{len(pairs)} pairs decoded, both sides of one size"


@contextmanager
def _quiet_datasets() -> Iterator[None]:
    """Spare the user bars for what takes a moment."""
    import datasets

    were_on = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if were_on:
            datasets.enable_progress_bars()


def _expect(report: DemoReport, found: int, step: str) -> None:
    if found != report.num_pairs:
        raise FormatError(
            f"{step} gave {found} pairs of {report.num_pairs} in {report.dataset}.",
            hint=f"Run: ggt validate {report.dataset}",
        )

"""The whole way of the data on the embedded sample, offline, and one page to look at.

The rooms do not know each other here either: each step reads the files that the one before wrote.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.errors import FormatError
from ggt_hf.records import DEGRADATIONS, Pair

if TYPE_CHECKING:
    from ggt_hf.data.reading.store import PairStore
    from ggt_hf.pages.comparison import Comparison, ComparisonPage, PageTable

DATASET = "ggt-100k"
"""The folder that the demo builds: beside it, plain `datasets` loads it by this name."""
PAGE = "index.html"
"""The page that the demo writes."""


@dataclass(kw_only=True, slots=True)
class DemoReport:
    """What a demo did."""

    dataset: Path
    """The dataset that it built."""
    page: Path
    """The page that it wrote."""
    num_pairs: int = 0
    """Pairs built, and then validated, loaded and streamed."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Step -> wall time."""


def run_demo(out: Path, *, tell: Callable[[str], None]) -> DemoReport:
    """Build, validate, load and stream the embedded sample, and write a page about it.

    Args:
        out: the folder to write to; made where it is missing.
        tell: called with one line a step.

    Raises:
        FormatError: a step saw other pairs than the one before it.
    """
    from ggt_hf import sample
    from ggt_hf.data.building.build import build_dataset
    from ggt_hf.data.reading.reader import open_dataset

    report = DemoReport(dataset=out / DATASET, page=out / PAGE)
    out.mkdir(parents=True, exist_ok=True)
    with _step(report, "build", tell) as said:
        report.num_pairs = build_dataset(sample.PAIRS, report.dataset, overwrite=True).num_pairs
        said(f"{report.num_pairs} pairs of photographs into {report.dataset}")
    with _step(report, "validate", tell) as said:
        said(_validate(report.dataset))
    with _step(report, "load", tell) as said:
        said(_load(report))
    with _step(report, "stream", tell) as said:
        said(_stream(report))
    with _step(report, "show", tell) as said, open_dataset(report.dataset) as store:
        demo_page(store, report).write(report.page)
        said(f"a slider for each pair in {report.page}")
    return report


def next_commands(report: DemoReport) -> dict[str, str]:
    """Return three commands worth trying next, and what each does."""
    from ggt_hf.data.reading.reader import open_dataset

    with open_dataset(report.dataset) as store:
        key = store.manifest.row(0).key
    return {
        f"ggt info {report.dataset}": "What is in the dataset: counts, licences, root hash.",
        f"ggt show {report.dataset} {key} --out .": "One pair, read by its byte range.",
        "ggt build YOUR_PAIRS my-dataset": "The same from your own folders, zips or manifests.",
    }


def demo_page(store: PairStore, report: DemoReport) -> ComparisonPage:
    """Return the page of a demo: what was built, where it lies, and every pair under a slider."""
    from ggt_hf.pages.comparison import ComparisonGroup, ComparisonPage

    groups: dict[str, list[Comparison]] = {name: [] for name in DEGRADATIONS}
    for row in store.manifest:
        groups[row.category].append(_comparison(store.pair(row), row.width, row.height))
    return ComparisonPage(
        title="Low quality in, ground truth out",
        lead=(
            "Pairs that this machine has just built into shards, validated, loaded and streamed. "
            "Drag a slider, or focus it and use the arrow keys. The low-quality side of these "
            "pairs was simulated from clean photographs, and says so."
        ),
        facts={
            "Pairs": f"{store.info.num_pairs}",
            "Shards": f"{len(store.info.shards)}",
            "Megabytes": f"{store.info.num_bytes / 1e6:.1f}",
            "Seconds": f"{sum(report.seconds.values()):.0f}",
        },
        tables=[_counts(store), _files(store)],
        next_commands=next_commands(report),
        groups=[
            ComparisonGroup(heading=name.replace("_", " "), comparisons=comparisons)
            for name, comparisons in groups.items()
        ],
    )


@contextmanager
def _step(
    report: DemoReport, name: str, tell: Callable[[str], None]
) -> Iterator[Callable[[str], None]]:
    lines: list[str] = []
    started = time.perf_counter()
    yield lines.append
    report.seconds[name] = time.perf_counter() - started
    tell(f"{name:9}{report.seconds[name]:5.1f} s  {' '.join(lines)}")


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
    import tempfile

    from ggt_hf.data.loading.load import load_dataset

    with tempfile.TemporaryDirectory() as cache, _quiet_datasets():
        splits = load_dataset(report.dataset, cache_dir=cache)
        counts = {split: len(dataset) for split, dataset in splits.items()}
    _expect(report, sum(counts.values()), "load_dataset")
    return ", ".join(f"{count} {split}" for split, count in counts.items())


@contextmanager
def _quiet_datasets() -> Iterator[None]:
    """Spare the user bars for what takes a moment."""
    import datasets

    were_on = datasets.are_progress_bars_disabled() is False
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if were_on:
            datasets.enable_progress_bars()


def _stream(report: DemoReport) -> str:
    from ggt_hf.data.loading.load import load_dataset

    splits = load_dataset(report.dataset, streaming=True)
    pairs = [pair for dataset in splits.values() for pair in dataset]
    _expect(report, len(pairs), "load_dataset(streaming=True)")
    unlike = sum(pair["lq"].size != pair["gt"].size for pair in pairs)
    _expect(report, len(pairs) - unlike, "comparing the sizes of both sides")
    return f"{len(pairs)} pairs decoded, both sides of one size"


def _expect(report: DemoReport, found: int, step: str) -> None:
    if found != report.num_pairs:
        raise FormatError(
            f"{step} gave {found} pairs of {report.num_pairs} in {report.dataset}.",
            hint=f"Run: ggt validate {report.dataset}",
        )


def _comparison(pair: Pair, width: int, height: int) -> Comparison:
    from ggt_hf.images import inspect
    from ggt_hf.pages.comparison import Comparison, EncodedImage

    info = pair.info
    lq, gt = (
        EncodedImage(data=data, format=inspect(data, info.key).format)
        for data in (pair.lq, pair.gt)
    )
    return Comparison(
        title=info.key,
        before=lq,
        after=gt,
        width=width,
        height=height,
        badge=info.origin,
        notes=[f"{info.split} · {info.license}", info.credit or ""],
    )


def _counts(store: PairStore) -> PageTable:
    from ggt_hf.pages.comparison import PageTable

    counts = store.info.counts()
    return PageTable(
        heading="Counts",
        columns=["split", *DEGRADATIONS],
        rows=[
            [split, *(str(row.get(name, 0)) for name in DEGRADATIONS)]
            for split, row in counts.items()
        ],
    )


def _files(store: PairStore) -> PageTable:
    from ggt_hf.data.format.schema import CARD_PATH, INFO_PATH, MANIFEST_PATH
    from ggt_hf.pages.comparison import PageTable

    shards = [
        [shard.path, f"{shard.num_pairs} pairs", f"{shard.num_bytes:,} bytes"]
        for shard in store.info.shards
    ]
    return PageTable(
        heading="Where it lies",
        columns=["file", "holds", "size"],
        rows=[
            *shards,
            [MANIFEST_PATH, "a row a pair: byte ranges, hashes, scores, licences", ""],
            [INFO_PATH, "hashes of all of it; written last", ""],
            [CARD_PATH, "the card, which makes load_dataset read it right", ""],
        ],
        note=f"Below {store.name}. Root hash {store.info.root_hash}.",
    )

"""The page of a demo: what was built, where it lies, every pair and every decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ggt_hf.data.format.schema import CARD_PATH, INFO_PATH, MANIFEST_PATH
from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.demo.report import DemoReport, Target
from ggt_hf.images import inspect
from ggt_hf.pages.comparison import (
    Comparison,
    ComparisonGroup,
    ComparisonPage,
    EncodedImage,
    PageTable,
)
from ggt_hf.records import DEGRADATIONS, Pair

if TYPE_CHECKING:
    from ggt_hf.data.reading.store import PairStore


def write_page(report: DemoReport, next_commands: Mapping[str, str]) -> None:
    """Write the page to `report.page`, whole or not at all."""
    with open_dataset(report.dataset) as store:
        page = ComparisonPage(
            title="Low quality in, ground truth out",
            lead=(
                "What this machine has just done: pairs built into shards, validated, loaded and "
                "streamed, and targets made of really degraded photographs, each with what quality "
                "control said of it. Drag a slider, or focus it and use the arrow keys."
            ),
            facts={
                "Pairs": f"{store.info.num_pairs}",
                "Megabytes": f"{store.info.num_bytes / 1e6:.1f}",
                "Targets made": f"{len(report.targets)}",
                "Targets accepted": f"{sum(t.verdict.accepted for t in report.targets)}",
                "Seconds": f"{sum(report.seconds.values()):.0f}",
            },
            tables=[_counts(store), _files(store)],
            next_commands=next_commands,
            groups=[*_targets(report), *_pairs(store)],
        )
    page.write(report.page)


def _targets(report: DemoReport) -> list[ComparisonGroup]:
    if not report.targets:
        return []
    shown = [_target(report, target) for target in report.targets]
    return [ComparisonGroup(heading="targets of real photographs", comparisons=shown)]


def _target(report: DemoReport, target: Target) -> Comparison:
    candidate, verdict = target.candidate, target.verdict
    before, after = (
        _image((report.candidates / path).read_bytes(), candidate.key)
        for path in (candidate.lq_path, candidate.gt_path)
    )
    said = {True: "yes", False: "no", None: "cannot say"}
    return Comparison(
        title=candidate.key,
        before=before,
        after=after,
        width=candidate.width,
        height=candidate.height,
        after_label="target",
        badge=verdict.outcome,
        notes=[
            f"asked: {candidate.prompt}",
            *(f"{c.stage}: {said[c.passed]}. {c.reason}" for c in verdict.checks),
            f"made by {candidate.editor_id} · {candidate.license}",
            candidate.credit or "no credit asked",
        ],
    )


def _pairs(store: PairStore) -> list[ComparisonGroup]:
    groups: dict[str, list[Comparison]] = {name: [] for name in DEGRADATIONS}
    for row in store.manifest:
        groups[row.category].append(_pair(store.pair(row), row.width, row.height))
    return [
        ComparisonGroup(heading=name.replace("_", " "), comparisons=comparisons)
        for name, comparisons in groups.items()
    ]


def _pair(pair: Pair, width: int, height: int) -> Comparison:
    info = pair.info
    return Comparison(
        title=info.key,
        before=_image(pair.lq, info.key),
        after=_image(pair.gt, info.key),
        width=width,
        height=height,
        badge=info.origin,
        notes=[f"{info.split} · {info.license}", info.credit or "no credit asked"],
    )


def _image(data: bytes, name: str) -> EncodedImage:
    return EncodedImage(data=data, format=inspect(data, name).format)


def _counts(store: PairStore) -> PageTable:
    return PageTable(
        heading="Counts",
        columns=["split", *DEGRADATIONS],
        rows=[
            [split, *(str(row.get(name, 0)) for name in DEGRADATIONS)]
            for split, row in store.info.counts().items()
        ],
    )


def _files(store: PairStore) -> PageTable:
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

"""The page of a demo: what was built, where it lies, every pair and every decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ggt_hf.data.format.schema import CARD_PATH, INFO_PATH, MANIFEST_PATH
from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.demo.passage import encoded_image, target_comparison
from ggt_hf.demo.report import DemoReport, Restored
from ggt_hf.images import inspect
from ggt_hf.pages.comparison import (
    Comparison,
    ComparisonGroup,
    ComparisonPage,
    PageTable,
    Strip,
)
from ggt_hf.records import DEGRADATIONS, OUTCOMES, Check, Pair

if TYPE_CHECKING:
    from ggt_hf.data.reading.store import PairStore


_NAMES = {"low_light": "low light", "old_photo": "old photo"}


def write_page(report: DemoReport, next_commands: Mapping[str, str]) -> None:
    """Write the page to `report.page`, whole or not at all."""
    with open_dataset(report.dataset) as store:
        page = ComparisonPage(
            title="Low quality in, ground truth out",
            lead=(
                "What this machine has just done, offline. First: a target for each of a few "
                "really degraded photographs, which have none: observed, prompted, edited, "
                "measured and judged, each decision with its reason. Then: the same photographs, "
                "restored. Last: pairs that were built into shards, validated, loaded, streamed, "
                "and trained on. Drag a slider, or focus it and use "
                "the arrow keys."
            ),
            facts=_facts(report, store),
            tables=[*_trials(report), _counts(store), _files(store)],
            next_commands=next_commands,
            links=_links(report),
            groups=[*_targets(report), *_restored(report), *_pairs(store)],
        )
    page.write(report.page)


def _facts(report: DemoReport, store: PairStore) -> dict[str, str]:
    """Return the way of the data in numbers: how many were left after each step."""
    passed = {
        stage: sum(check.stage == stage and check.passed is True for check in _checks(report))
        for stage in ("metrics", "vlm")
    }
    made = {
        "Photographs": f"{len(report.targets)}",
        "Passed measuring": f"{passed['metrics']}",
        "Passed the judge": f"{passed['vlm']}",
        "Built into pairs": f"{report.num_generated}",
    }
    return {
        **(made if report.targets else {}),
        "Sample pairs": f"{store.info.num_pairs}",
        "Seconds in all": f"{sum(report.seconds.values()):.0f}",
    }


def _checks(report: DemoReport) -> Iterator[Check]:
    return (check for target in report.targets for check in target.verdict.checks)


def _targets(report: DemoReport) -> list[ComparisonGroup]:
    if not report.targets:
        return []
    outcomes = Counter(target.verdict.outcome for target in report.targets)
    said = ", ".join(f"{outcomes[word]} {word}" for word in OUTCOMES if outcomes[word])
    lead = (
        f"{said[:1].upper()}{said[1:]}. The editor is a chain of classical filters: it shows the "
        "way, and removes neither rain nor scratches, which quality control has to notice. "
        "A generative editor comes in by ggt synth --editor, a larger judge by ggt qc --judge."
    )
    shown = [target_comparison(report, target) for target in report.targets]
    return [
        ComparisonGroup(
            heading="Real photographs, and their verdicts", lead=lead, comparisons=shown
        )
    ]


def _restored(report: DemoReport) -> list[ComparisonGroup]:
    """Return the really degraded photographs beside what the restorers made of them."""
    if not report.restored:
        return []
    return [
        ComparisonGroup(
            heading="Restored: before, embedded, finetuned",
            lead=(
                "The embedded restorer comes with the package. The finetuned one is it, some "
                "steps further, on pairs built here and simulated ones, 1:1: enough to show the "
                "way, not to see much of a difference. Both know simulated weather; real rain "
                "and snow stay for the most part."
            ),
            strips=[_strip(restored) for restored in report.restored.values()],
        )
    ]


def _strip(restored: Restored) -> Strip:
    photograph = restored.photograph
    files = {"before": photograph.path, **restored.results}
    pictures = {
        name: encoded_image(path.read_bytes(), photograph.key) for name, path in files.items()
    }
    info = inspect(pictures["before"].data, photograph.key)
    return Strip(
        title=f"{photograph.key}, restored",
        pictures=pictures,
        width=info.width,
        height=info.height,
        badge=_NAMES.get(photograph.degradation, photograph.degradation),
        notes=[f"{photograph.license} · {photograph.credit or 'no credit asked'}"],
    )


def _links(report: DemoReport) -> dict[str, str]:
    if report.comparison is None:
        return {}
    path = report.comparison.relative_to(report.out).as_posix()
    return {"Report: restorers compared": path}


def _trials(report: DemoReport) -> list[PageTable]:
    """Return what the judge was shown to see before it judged anything."""
    if not report.trials:
        return []
    return [
        PageTable(
            heading="What the judge was shown to see",
            columns=["fault planted into good targets", "ranked right", "the judge"],
            rows=[
                [
                    trial.fault.replace("_", " "),
                    f"{trial.right} of {trial.total}",
                    "sees it" if trial.seen else "was not shown to see it",
                ]
                for trial in report.trials
            ],
            note="A judge is tried before it judges; where it is blind, its verdicts say so.",
        )
    ]


def _pairs(store: PairStore) -> list[ComparisonGroup]:
    groups: dict[str, list[Comparison]] = {name: [] for name in DEGRADATIONS}
    for row in store.manifest:
        groups[row.category].append(_pair(store.pair(row), row.width, row.height))
    return [
        ComparisonGroup(heading=f"Pairs: {_NAMES.get(name, name)}", comparisons=comparisons)
        for name, comparisons in groups.items()
    ]


def _pair(pair: Pair, width: int, height: int) -> Comparison:
    info = pair.info
    return Comparison(
        title=info.key,
        before=encoded_image(pair.lq, info.key),
        after=encoded_image(pair.gt, info.key),
        width=width,
        height=height,
        badge=info.origin,
        notes=[f"{info.split} · {info.license}", info.credit or "no credit asked"],
    )


def _counts(store: PairStore) -> PageTable:
    return PageTable(
        heading="Pairs of the sample",
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
        folded=True,
    )

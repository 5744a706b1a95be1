"""Write shards into the staging folder, then all that stands beside them, and show the dataset."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice

from ggt_hf.data.building.checking import Checked, checked
from ggt_hf.data.building.planning import BuildOptions, ShardPlan
from ggt_hf.data.building.rewriting import SEEKABLE_PATH, NotSeekable, left_lines
from ggt_hf.data.building.shards import ShardWriter
from ggt_hf.data.building.sources import PairSource, Problem
from ggt_hf.data.building.staging import BuiltShard, Staging, write_durably
from ggt_hf.data.building.unchanged import DROPPED_PATH, report_lines
from ggt_hf.data.format.attribution import read_attributions
from ggt_hf.data.format.card import render_dataset_card
from ggt_hf.data.format.manifest import DatasetInfo, Manifest, dataset_info
from ggt_hf.data.format.schema import CARD_PATH, INFO_PATH, MANIFEST_PATH
from ggt_hf.errors import WriteError
from ggt_hf.progress import bar


def results_of(
    pairs: Sequence[PairSource], options: BuildOptions, title: str
) -> Generator[Checked, None, None]:
    """Yield each pair checked, or its problem, behind a bar of progress called `title`."""
    with bar(title, len(pairs), quiet=options.quiet) as advance:
        for result in checked(pairs, options):
            advance()
            yield result


def write_shards(
    place: Staging, plans: Sequence[ShardPlan], options: BuildOptions
) -> tuple[list[BuiltShard], list[Problem], int]:
    """Return the shards of `plans`, the problems met, and how many shards were there already."""
    place.keep_only(plan.path for plan in plans)
    marks = {plan.path: plan.fingerprint(options) for plan in plans}
    built = {path: place.finished(path, mark) for path, mark in marks.items()}
    missing = [plan for plan in plans if built[plan.path] is None]
    _refuse_full_disk(place, missing)
    problems: list[Problem] = []
    pairs = [pair for plan in missing for pair in plan.pairs]
    with closing(results_of(pairs, options, "Building")) as results:
        for plan in missing:
            shard = _write_shard(place, plan, islice(results, len(plan.pairs)), problems)
            if shard:
                place.record(plan.path, marks[plan.path], shard)
                built[plan.path] = shard
    return [shard for shard in built.values() if shard], problems, len(plans) - len(missing)


def _write_shard(
    place: Staging,
    plan: ShardPlan,
    results: Iterator[Checked],
    problems: list[Problem],
) -> BuiltShard | None:
    """Write one shard; one with a problem is checked to its end, but not kept."""
    writer = ShardWriter(place.dataset, plan.path)
    left: list[NotSeekable] = []
    known = len(problems)
    try:
        for result in results:
            if isinstance(result, Problem):
                problems.append(result)
            elif len(problems) == known:
                writer.add(result.pair)
                left.extend(result.left)
        if len(problems) > known:
            return None
        info, rows = writer.finish()
        return BuiltShard(info=info, rows=rows, left=left)
    finally:
        writer.abandon()


def complete(
    place: Staging,
    built: Sequence[BuiltShard],
    dropped: Sequence[Problem],
    left: Sequence[NotSeekable] | None,
) -> DatasetInfo:
    """Write what stands beside the shards, ``meta/info.json`` last, and show the dataset."""
    rows = chain.from_iterable(shard.rows for shard in built)
    manifest = Manifest.from_rows(rows)
    manifest_bytes = manifest.to_parquet()
    info = dataset_info(manifest_bytes, [shard.info for shard in built])
    attributions = read_attributions(place.dataset, manifest)
    card = render_dataset_card(info, manifest, attributions=attributions)
    write_durably(place.dataset / MANIFEST_PATH, manifest_bytes)
    write_durably(place.dataset / CARD_PATH, card.encode())
    if dropped:
        write_durably(place.dataset / DROPPED_PATH, report_lines(dropped))
    if left is not None:
        write_durably(place.dataset / SEEKABLE_PATH, left_lines(left))
    write_durably(place.dataset / INFO_PATH, info.to_json())
    place.publish()
    return info


def _refuse_full_disk(place: Staging, missing: Sequence[ShardPlan]) -> None:
    needed = sum(plan.num_bytes for plan in missing)
    free = shutil.disk_usage(place.folder).free
    if needed > free:
        raise WriteError(
            f"{place.out} needs {needed:,} bytes more, and its disk has {free:,} left.",
            hint="Make room or give another OUT, then run the same command again.",
        )

"""Is the dataset at OUT the very one that would be built? Answered by its content, not by dates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from ggt_hf.data.building.checking import Ready, checked, in_order
from ggt_hf.data.building.planning import BuildOptions, ShardPlan, plan_shards
from ggt_hf.data.building.rewriting import read_left
from ggt_hf.data.building.sources import Listing, PairSource, Problem
from ggt_hf.data.format.manifest import DatasetInfo, Manifest, PairRow
from ggt_hf.data.format.schema import MANIFEST_PATH, encode_json
from ggt_hf.errors import GgtError
from ggt_hf.progress import bar

DROPPED_PATH = "meta/dropped.jsonl"
"""What was left out on request, a line of JSON each: files, cause, fix. Absent if nothing was."""


def report_lines(problems: Iterable[Problem]) -> bytes:
    """Return problems as JSON lines, sorted."""
    lines = (json.dumps(p.as_fields(), sort_keys=True) for p in sorted(problems))
    return "".join(f"{line}\n" for line in lines).encode()


def read_report(root: Path) -> list[Problem]:
    """Return what the dataset at `root` says was left out; empty if it says nothing."""
    path = root / DROPPED_PATH
    if not path.is_file():
        return []
    fields = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Problem(**{**field, "files": tuple(field["files"])}) for field in fields]


def is_built(out: Path, info: DatasetInfo, listing: Listing, options: BuildOptions) -> bool:
    """Say whether building `listing` would give what is at `out`; reads and hashes all sources.

    Stops at the first difference: usually a name or a size, found without reading a picture.
    Pictures that are to be rewritten are rewritten for this, since nothing less would prove it.
    """
    try:
        recorded, left = read_report(out), read_left(out)
        manifest = Manifest.from_parquet((out / MANIFEST_PATH).read_bytes())
    except (OSError, ValueError, TypeError, KeyError, GgtError):
        return False
    left_out = {problem.key for problem in recorded if problem.key}
    bad = [pair for pair in listing.pairs if pair.info.key in left_out]
    good = [pair for pair in listing.pairs if pair.info.key not in left_out]
    plans = plan_shards(good, options.shard_size)
    same_bytes = _same_rewritten if options.seekable else _same_bytes
    return (
        options.seekable is (left is not None)
        and [plan.path for plan in plans] == [shard.path for shard in info.shards]
        and all(_has_size(out / shard.path, shard.num_bytes) for shard in info.shards)
        and len(manifest) == len(good)
        and all(map(_has_place, _placed(plans), manifest))
        and _still_bad(bad, listing.problems, recorded, options)
        and same_bytes(plans, manifest, options)
    )


def _placed(plans: Sequence[ShardPlan]) -> Iterable[tuple[str, PairSource]]:
    return ((plan.path, pair) for plan in plans for pair in plan.pairs)


def _has_place(placed: tuple[str, PairSource], row: PairRow) -> bool:
    path, pair = placed
    return (path, pair.info.key) == (row.shard, row.key)


def _is_planned(pair: PairSource, row: PairRow) -> bool:
    record = hashlib.sha256(encode_json(pair.info)).hexdigest()
    sizes = pair.lq.num_bytes, pair.gt.num_bytes
    return record == row.json.sha256 and sizes == (row.lq.num_bytes, row.gt.num_bytes)


def _has_size(path: Path, num_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == num_bytes


def _still_bad(
    pairs: Sequence[PairSource],
    problems: Sequence[Problem],
    recorded: Sequence[Problem],
    options: BuildOptions,
) -> bool:
    found = [result for result in checked(pairs, options) if isinstance(result, Problem)]
    return sorted([*problems, *found]) == sorted(recorded)


def _same_rewritten(plans: Sequence[ShardPlan], manifest: Manifest, options: BuildOptions) -> bool:
    pairs = [pair for _, pair in _placed(plans)]
    with bar("Comparing", len(pairs), quiet=options.quiet) as advance:
        for made, row in zip(checked(pairs, options), manifest, strict=True):
            hashes = row.lq.sha256, row.gt.sha256, row.json.sha256
            if not isinstance(made, Ready) or made.pair.sha256 != hashes:
                return False
            advance()
    return True


def _same_bytes(plans: Sequence[ShardPlan], manifest: Manifest, options: BuildOptions) -> bool:
    pairs = [pair for _, pair in _placed(plans)]
    if not all(map(_is_planned, pairs, manifest)):
        return False
    with bar("Comparing", len(pairs), quiet=options.quiet) as advance:
        for hashes, row in zip(
            in_order(_hashes, pairs, options.num_workers), manifest, strict=True
        ):
            if hashes != (row.lq.sha256, row.gt.sha256):
                return False
            advance()
    return True


def _hashes(pair: PairSource) -> tuple[str, str] | None:
    try:
        lq, gt = (hashlib.sha256(blob.read()).hexdigest() for blob in (pair.lq, pair.gt))
    except GgtError:
        return None
    return lq, gt

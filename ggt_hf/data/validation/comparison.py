"""Stock readers beside the manifest: the same keys, the same bytes, the same records?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ggt_hf.data.card import DEFAULT_CONFIG
from ggt_hf.data.manifest import DatasetInfo, Manifest, ShardInfo
from ggt_hf.data.validation import readers
from ggt_hf.data.validation.holding import Holding
from ggt_hf.data.validation.readers import Digest, Tally
from ggt_hf.data.validation.report import Ledger, Level

SMALL = 1 << 30
"""Bytes of a dataset up to which stock readers read all of it by default."""

SAMPLE = 200
"""Pairs of each category and split that stock readers read of a larger one by default."""

_HINT = "Mend what the other checks found, then validate again."


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Which shards stock readers get."""

    shards: tuple[ShardInfo, ...]
    """Whole shards, so that a lost sample shows as a wrong count."""
    copies: bool
    """Whether `datasets` also copies everything."""
    left_out: str | None
    """What is not read, in words."""


def plan_reading(info: DatasetInfo, level: Level, limit: int | None) -> Plan:
    """Choose the shards for stock readers.

    Args:
        info: the dataset.
        level: ``full`` reads all.
        limit: at least so many pairs of each category and split, in whole shards spread over
            it; ``None`` = all of a dataset up to `SMALL` bytes, else `SAMPLE`.
    """
    if level == "full" or (limit is None and info.num_bytes <= SMALL):
        return Plan(shards=info.shards, copies=True, left_out=None)
    places: dict[tuple[str, str], list[ShardInfo]] = {}
    for shard in info.shards:
        places.setdefault((shard.category, shard.split), []).append(shard)
    chosen = tuple(shard for place in places.values() for shard in _spread(place, limit or SAMPLE))
    left_out = (
        f"{len(info.shards) - len(chosen)} of {len(info.shards)} shards (--readers-limit), "
        "and loading without streaming; --full reads all"
    )
    return Plan(shards=chosen, copies=False, left_out=left_out)


def _spread(shards: Sequence[ShardInfo], num_pairs: int) -> list[ShardInfo]:
    """Return evenly spread shards, last and first among them, with `num_pairs` or a bit more."""
    average = max(1, sum(shard.num_pairs for shard in shards) // len(shards))
    count = min(len(shards), -(-num_pairs // average))
    if count == 1:
        return [shards[-1]]
    return [shards[i * (len(shards) - 1) // (count - 1)] for i in range(count)]


def compare_readers(
    holding: Holding,
    plan: Plan,
    info: DatasetInfo,
    manifest: Manifest,
    sizes: Mapping[str, int],
    configs: Sequence[str],
    ledger: Ledger,
) -> int:
    """Let every stock reader read the planned shards, and compare what it gives.

    Returns:
        Rows that stock readers gave, all together.
    """
    web = readers.by_webdataset(holding, {shard.path: sizes[shard.path] for shard in plan.shards})
    truth = readers.by_manifest(manifest, [shard.path for shard in plan.shards])
    _compare(web, truth, "all planned shards", ledger)
    total = web.num_rows
    offered: Sequence[str | None] = configs or [None]
    for config in offered:
        mine = [shard for shard in info.shards if config in (None, DEFAULT_CONFIG, shard.category)]
        for split in sorted({shard.split for shard in mine}):
            shards = sorted(shard.path for shard in mine if shard.split == split)
            planned = {shard.path for shard in plan.shards} & set(shards)
            truth = _with_records(readers.by_manifest(manifest, planned), web)
            positions = [i for i, path in enumerate(shards) if path in planned]
            tallies = [readers.by_streaming(holding, config, split, positions, len(shards))]
            if plan.copies:
                tallies.append(readers.by_copying(holding, config, split))
            for tally in tallies:
                _compare(tally, truth, f"{config or 'no configuration'}/{split}", ledger)
                total += tally.num_rows
    return total


def _with_records(truth: Tally, web: Tally) -> Tally:
    """Return `truth` with the parsed records, which only a reader of contents knows."""
    pairs = {
        key: Digest(d.lq, d.gt, record=web.pairs[key].record if key in web.pairs else None)
        for key, d in truth.pairs.items()
    }
    return Tally(truth.reader, pairs, truth.num_rows)


def _compare(tally: Tally, truth: Tally, where: str, ledger: Ledger) -> None:
    def note(cause: str) -> None:
        ledger.add("readers", cause, _HINT, where=where, subject=tally.reader)

    if tally.stopped is not None:
        note(f"it stops after {tally.num_rows} rows: {tally.stopped}")
    elif tally.num_rows != truth.num_rows:
        note(f"it gives {tally.num_rows} rows, the manifest has {truth.num_rows}")
    lost = [key for key in truth.pairs if key not in tally.pairs]
    if lost and tally.stopped is None:
        note(f"it loses {_some(lost)} without a word")
    strange = [key for key in tally.pairs if key not in truth.pairs]
    if strange:
        note(f"it gives {_some(strange)}, which the manifest does not have")
    for part in ("lq", "gt", "json", "record"):
        other = [
            key
            for key, digest in truth.pairs.items()
            if key in tally.pairs and _differs(part, digest, tally.pairs[key])
        ]
        if other:
            note(f"it gives another {part} of {_some(other)}")


def _differs(part: str, told: Digest, given: Digest) -> bool:
    expected, found = getattr(told, part), getattr(given, part)
    if part == "record" and expected is None:
        return False
    if part == "json" and found is None and given.record is not None:
        return False
    return bool(expected != found)


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return ", ".join(keys[:3]) + more

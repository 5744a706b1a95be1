"""Stock readers beside the manifest: the same keys, the same bytes, the same records?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ggt_hf.data.format.card import DEFAULT_CONFIG
from ggt_hf.data.format.manifest import DatasetInfo, Manifest, ShardInfo
from ggt_hf.data.validation import readers
from ggt_hf.data.validation.holding import Holding
from ggt_hf.data.validation.readers import Digest, Tally
from ggt_hf.data.validation.report import Ledger, Level
from ggt_hf.progress import bar

SMALL = 1 << 30
"""Bytes of a dataset up to which stock readers read all of it by default."""

SAMPLE = 200
"""Pairs of each category and split that stock readers read of a larger one by default."""

_COPY_FACTOR = 2.2
"""Room for the largest copy: the download of a Hub dataset, and the arrow files made of it."""

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


def plan_reading(info: DatasetInfo, level: Level, limit: int | None, free_bytes: int) -> Plan:
    """Choose the shards for stock readers.

    Args:
        info: the dataset.
        level: ``full`` reads all.
        limit: at least so many pairs of each category and split, in whole shards spread over
            it; ``None`` = all of a dataset up to `SMALL` bytes, else `SAMPLE`.
        free_bytes: space for copies.
    """
    if level == "full" or (limit is None and info.num_bytes <= SMALL):
        needed = int(info.num_bytes * _COPY_FACTOR)
        if free_bytes >= needed:
            return Plan(shards=info.shards, copies=True, left_out=None)
        left_out = (
            f"loading without streaming: it takes {needed:,} bytes, the temporary folder has "
            f"{free_bytes:,} left (set TMPDIR)"
        )
        return Plan(shards=info.shards, copies=False, left_out=left_out)
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
    configs: Sequence[str],
    ledger: Ledger,
    *,
    quiet: bool,
) -> int:
    """Let every stock reader read the planned shards, and compare what it gives.

    Returns:
        Rows that stock readers gave, all together.
    """
    planned = {shard.path: holding.sizes[shard.path] for shard in plan.shards}
    readings = list(_readings(info, configs))
    total = 0
    with bar("Stock readers", 1 + len(readings), quiet=quiet) as advance:
        web = readers.by_webdataset(holding, planned)
        _compare(web, readers.by_manifest(manifest, planned), "all planned shards", ledger)
        advance()
        for config, split, shards in readings:
            mine = [path for path in shards if path in planned]
            truth = _with_records(readers.by_manifest(manifest, mine), web)
            positions = [shards.index(path) for path in mine]
            tallies = [readers.by_streaming(holding, config, split, positions, len(shards))]
            if plan.copies:
                tallies.append(readers.by_copying(holding, config, split))
            for tally in tallies:
                _compare(tally, truth, f"{config or 'no configuration'}/{split}", ledger)
                total += tally.num_rows
            advance()
    return total + web.num_rows


def _readings(
    info: DatasetInfo, configs: Sequence[str]
) -> Iterator[tuple[str | None, str, list[str]]]:
    """Yield every configuration and split with its shards, as stock `datasets` orders them."""
    offered: Sequence[str | None] = configs or [None]
    for config in offered:
        mine = [shard for shard in info.shards if config in (None, DEFAULT_CONFIG, shard.category)]
        for split in sorted({shard.split for shard in mine}):
            yield config, split, sorted(shard.path for shard in mine if shard.split == split)


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

"""Look into a dataset: what is in it, which pairs, one pair, and what two datasets differ in."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ggt_hf.data.format.manifest import Manifest, PairRow
from ggt_hf.data.format.schema import is_key
from ggt_hf.data.reading.extents import extent
from ggt_hf.data.reading.store import PairStore
from ggt_hf.errors import FormatError, UsageError
from ggt_hf.records import Pair

_EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp"}
_COMPARED = {"lq": "lq_sha256", "gt": "gt_sha256", "record": "json_sha256"}
_PLACED = ("split", "category")


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What changed from one dataset to another, by the manifests alone. Keys are sorted."""

    added: tuple[str, ...]
    """Keys that only the second one has."""
    removed: tuple[str, ...]
    """Keys that only the first one has."""
    changed: dict[str, tuple[str, ...]]
    """Key -> what differs: ``lq``, ``gt`` (encoded bytes), ``record``, ``split``, ``category``."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def summary(store: PairStore) -> dict[str, Any]:
    """Return what a dataset holds, as JSON can say it, from its record and manifest alone."""
    info, table = store.info, store.manifest.table
    return {
        "name": store.name,
        "revision": store.revision,
        "format_version": info.format_version,
        "root_hash": info.root_hash,
        "num_pairs": info.num_pairs,
        "num_shards": len(info.shards),
        "num_bytes": info.num_bytes,
        "counts": info.counts(),
        "formats": {side: _tally(table[f"{side}_format"]) for side in ("lq", "gt")},
        "sizes": _sizes(store.manifest),
        "licenses": _tally(table["license"]),
        "origins": _tally(table["origin"]),
    }


def select(
    store: PairStore,
    *,
    split: str | None = None,
    category: str | None = None,
    limit: int | None = None,
) -> list[PairRow]:
    """Return the manifest rows of a split and category, in the order of the shards.

    Raises:
        UsageError: the dataset has no such split or category.
    """
    import pyarrow.compute as pc

    table = store.manifest.table
    for column, wanted in (("split", split), ("category", category)):
        if wanted is None:
            continue
        known = sorted(store.manifest.table[column].unique().to_pylist())
        if wanted not in known:
            raise UsageError(
                f"{store.name} has no {column} {wanted!r}.", hint=f"It has: {', '.join(known)}."
            )
        table = table.filter(pc.equal(table[column], wanted))
    return list(Manifest(table.slice(0, limit)))


def find(store: PairStore, key: str) -> PairRow:
    """Return the manifest row of `key`.

    Raises:
        UsageError: there is none.
    """
    row = store.manifest.find(key)
    if row is None:
        raise UsageError(
            f"{store.name} has no pair {key!r}.", hint=f"List the keys: ggt ls {store.name}"
        )
    return row


def describe(row: PairRow, pair: Pair) -> dict[str, Any]:
    """Return everything that is known of a pair but its pixels, as JSON can say it."""
    fields = asdict(pair.info)
    fields["category"] = fields.pop("degradation")
    lies = extent(row)
    return fields | {
        "scores": dict(pair.info.scores),
        "width": row.width,
        "height": row.height,
        "lq": {"format": row.lq_format, "num_bytes": len(pair.lq), "sha256": row.lq.sha256},
        "gt": {"format": row.gt_format, "num_bytes": len(pair.gt), "sha256": row.gt.sha256},
        "shard": row.shard,
        "offset": lies.offset,
        "num_bytes": lies.num_bytes,
    }


def save(row: PairRow, pair: Pair, folder: Path) -> list[Path]:
    """Write a pair as ``KEY.lq.jpg``, ``KEY.gt.png``, ``KEY.json`` (say) into `folder`.

    Returns:
        The files, in that order.

    Raises:
        FormatError: the key or a format could lead out of the folder.
    """
    if not is_key(row.key) or not {row.lq_format, row.gt_format} <= _EXTENSIONS.keys():
        raise FormatError(
            f"The manifest's key {row.key!r} or a format of it is none of this format's.",
            hint="Rebuild the dataset with ggt build.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    record = json.dumps(describe(row, pair), indent=2, ensure_ascii=False) + "\n"
    files = {
        folder / f"{row.key}.lq.{_EXTENSIONS[row.lq_format]}": pair.lq,
        folder / f"{row.key}.gt.{_EXTENSIONS[row.gt_format]}": pair.gt,
        folder / f"{row.key}.json": record.encode(),
    }
    for file, content in files.items():
        file.write_bytes(content)
    return list(files)


def difference(old: Manifest, new: Manifest) -> Difference:
    """Compare two datasets by their manifests; no picture is read."""
    before, after = _fingerprints(old), _fingerprints(new)
    names = (*_COMPARED, *_PLACED)
    changed = {
        key: tuple(n for n, a, b in zip(names, before[key], after[key], strict=True) if a != b)
        for key in sorted(before.keys() & after.keys())
        if before[key] != after[key]
    }
    return Difference(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=changed,
    )


def _fingerprints(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    columns = [manifest.table[name].to_pylist() for name in (*_COMPARED.values(), *_PLACED)]
    return dict(zip(manifest.table["key"].to_pylist(), zip(*columns, strict=True), strict=True))


def _tally(column: Any) -> dict[str, int]:
    """Return value -> how often, the most frequent first."""
    counts = Counter({row["values"]: row["counts"] for row in column.value_counts().to_pylist()})
    return dict(counts.most_common())


def _sizes(manifest: Manifest) -> dict[str, list[int]]:
    import pyarrow.compute as pc

    bounds = {side: pc.min_max(manifest.table[side]).as_py() for side in ("width", "height")}
    return {side: [bound["min"], bound["max"]] for side, bound in bounds.items()}

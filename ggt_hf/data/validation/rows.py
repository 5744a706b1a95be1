"""The rows of ``meta/manifest.parquet``, against the record of the dataset and the true sizes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

from ggt_hf.data.format.manifest import DatasetInfo, Manifest, PairRow
from ggt_hf.data.format.schema import MANIFEST_PATH, is_key
from ggt_hf.data.validation.holding import Holding
from ggt_hf.data.validation.report import Ledger
from ggt_hf.errors import FormatError, HubError, ReadError

_REBUILD = "Build the dataset again with ggt build."


def check_manifest(
    holding: Holding, sizes: Mapping[str, int], info: DatasetInfo | None, ledger: Ledger
) -> Manifest | None:
    """Check the manifest and return it; ``None`` where it cannot be used.

    Args:
        holding: where the dataset lies.
        sizes: its files.
        info: its record, where there is a usable one.
        ledger: takes the findings.
    """
    if MANIFEST_PATH not in sizes:
        ledger.add("manifest", "the file is missing", _REBUILD)
        return None
    try:
        data = holding.read(MANIFEST_PATH, 0, sizes[MANIFEST_PATH])
        manifest = Manifest.from_parquet(data)
    except (FormatError, ReadError, HubError) as error:
        ledger.add("manifest", error.message, error.hint)
        return None
    if info is not None and hashlib.sha256(data).hexdigest() != info.manifest_sha256:
        cause = "its SHA-256 is not the one that meta/info.json names: it was changed or damaged"
        ledger.add("manifest", cause, "Fetch it again, or build the dataset again.")
    _check_rows(manifest, info, sizes, ledger)
    return manifest


def _check_rows(
    manifest: Manifest, info: DatasetInfo | None, sizes: Mapping[str, int], ledger: Ledger
) -> None:
    shards = {shard.path: shard for shard in info.shards} if info else {}
    found: Counter[str] = Counter()
    seen: set[str] = set()
    for row in manifest:
        found[row.shard] += 1
        if row.key in seen:
            ledger.add("manifest", "the key has more than one row", _REBUILD, subject=row.key)
        seen.add(row.key)
        cause = _row_cause(row, sizes)
        shard = shards.get(row.shard)
        if cause is None and info is not None:
            if shard is None:
                cause = f"its shard {row.shard} is not listed in meta/info.json"
            elif (row.category, row.split) != (shard.category, shard.split):
                cause = f"it says {row.category}/{row.split}, its shard is {row.shard}"
        if cause is not None:
            hint = "Fetch its shard again, or build the dataset again."
            ledger.add("manifest", cause, hint, subject=row.key)
    for path, shard in shards.items():
        if found[path] != shard.num_pairs:
            cause = f"it has {found[path]} rows of {path}, meta/info.json says {shard.num_pairs}"
            ledger.add("manifest", cause, _REBUILD)


def _row_cause(row: PairRow, sizes: Mapping[str, int]) -> str | None:
    if not is_key(row.key):
        return "a key holds a-z, 0-9, '_' and '-' only, and does not begin with '__'"
    size = sizes.get(row.shard)
    if size is None:
        return f"its shard {row.shard} is missing"
    for span in (row.lq, row.gt, row.json):
        if span.offset < 0 or span.num_bytes < 0 or span.offset + span.num_bytes > size:
            return (
                f"it points at {span.num_bytes:,} bytes from {span.offset:,}, "
                f"outside of {row.shard} with its {size:,} bytes"
            )
    if row.width < 1 or row.height < 1:
        return f"it says {row.width}x{row.height} pixels"
    return None

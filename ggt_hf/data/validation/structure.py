"""``meta/info.json`` and the files around it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ggt_hf.data.format.manifest import DatasetInfo, ShardInfo
from ggt_hf.data.format.schema import CARD_PATH, INFO_PATH, MANIFEST_PATH, parse_shard_path
from ggt_hf.data.validation.holding import Holding
from ggt_hf.data.validation.report import Ledger
from ggt_hf.errors import FormatError, HubError, ReadError

_REBUILD = "Build the dataset again with ggt build."
_MAX_INFO = 64 * 1024 * 1024


def check_structure(
    holding: Holding, sizes: Mapping[str, int], ledger: Ledger
) -> DatasetInfo | None:
    """Check that the dataset was finished, and that its files are the listed ones.

    Args:
        holding: where the dataset lies.
        sizes: its files.
        ledger: takes the findings.

    Returns:
        Its record; ``None`` where there is none that can be used.
    """
    info = _read_info(holding, sizes, ledger)
    for path in (MANIFEST_PATH, CARD_PATH):
        if path not in sizes:
            ledger.add("structure", "the file is missing", _REBUILD, where=path)
    if info is None:
        return None
    if not info.shards:
        ledger.add("structure", "the dataset is empty: it lists no shard", _REBUILD)
    for shard in info.shards:
        _check_shard(shard, sizes, ledger)
    _check_indices(info, ledger)
    _check_strays(info, sizes, ledger)
    return info


def _read_info(holding: Holding, sizes: Mapping[str, int], ledger: Ledger) -> DatasetInfo | None:
    if INFO_PATH not in sizes:
        cause = "the file is missing: the dataset was never finished, or is of another format"
        ledger.add("structure", cause, "Run the same ggt build again; it goes on where it stopped.")
        return None
    try:
        data = holding.read(INFO_PATH, 0, min(sizes[INFO_PATH], _MAX_INFO))
        info = DatasetInfo.from_json(data)
    except (FormatError, ReadError, HubError) as error:
        ledger.add("structure", error.message, error.hint)
        return None
    claimed, true = json.loads(data), json.loads(info.to_json())
    for name in sorted(claimed.keys() | true.keys()):
        if claimed.get(name) != true.get(name):
            cause = f"{name} is {claimed.get(name)!r}, its shards give {true.get(name)!r}"
            ledger.add("structure", cause, _REBUILD)
    return info


def _check_shard(shard: ShardInfo, sizes: Mapping[str, int], ledger: Ledger) -> None:
    where = shard.path
    try:
        category, split, _, _ = parse_shard_path(where)
    except FormatError as error:
        ledger.add("structure", error.message, error.hint, where=where)
    else:
        if (category, split) != (shard.category, shard.split):
            cause = (
                f"meta/info.json gives it to {shard.category}/{shard.split}, "
                f"its path to {category}/{split}"
            )
            ledger.add("structure", cause, _REBUILD, where=where)
    if shard.num_pairs < 1:
        ledger.add("structure", f"it is listed with {shard.num_pairs} pairs", _REBUILD, where=where)
    if where not in sizes:
        hint = "Fetch or push it, or run the same ggt build again."
        ledger.add("structure", "meta/info.json lists it, but it is missing", hint, where=where)


def _check_indices(info: DatasetInfo, ledger: Ledger) -> None:
    places: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for shard in info.shards:
        try:
            *_, index, count = parse_shard_path(shard.path)
        except FormatError:
            continue
        places.setdefault((shard.category, shard.split), []).append((index, count))
    for (category, split), found in places.items():
        if sorted(found) != [(i, len(found)) for i in range(len(found))]:
            numbers = ", ".join(f"{i:05d}-of-{n:05d}" for i, n in sorted(found)[:8])
            cause = f"the shards are not numbered 0 to N-1 of N: {numbers}"
            ledger.add("structure", cause, _REBUILD, where=f"data/{category}/{split}-*.tar")


def _check_strays(info: DatasetInfo, paths: Iterable[str], ledger: Ledger) -> None:
    listed = {shard.path for shard in info.shards}
    for path in paths:
        if path in listed or not path.startswith("data/"):
            continue
        if path.endswith(".tar"):
            cause = "meta/info.json does not list it, yet the card's globs can read it"
            ledger.add("structure", cause, "Delete it, or build the dataset again.", where=path)
        else:
            cause = "it is no shard; perhaps an interrupted build left it"
            hint = "Delete it."
            ledger.add("structure", cause, hint, where=path, severity="warning")

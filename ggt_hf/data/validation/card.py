"""README.md: does its YAML make stock readers take exactly the listed shards, typed as declared?"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ggt_hf.data.format.card import DEFAULT_CONFIG, card_metadata
from ggt_hf.data.format.manifest import DatasetInfo
from ggt_hf.data.format.schema import CARD_PATH, FEATURES_YAML
from ggt_hf.data.validation.holding import Holding
from ggt_hf.data.validation.report import Ledger
from ggt_hf.errors import HubError, ReadError

_WRITE = "Write the card again: ggt card dataset DIR --write."


def check_card(
    holding: Holding, sizes: Mapping[str, int], info: DatasetInfo | None, ledger: Ledger
) -> list[str]:
    """Check the card's YAML, against the shards where `info` lists them.

    Returns:
        The names of the configurations that stock `datasets` will offer.
    """
    if CARD_PATH not in sizes:
        cause = "there is no card: datasets would guess columns from the first samples it meets"
        ledger.add("card", cause, _WRITE)
        return []
    head = _parse(holding, sizes, ledger)
    if head is None:
        return []
    configs = _named(head.get("configs"))
    infos = _named(head.get("dataset_info"))
    if not configs:
        ledger.add("card", "it declares no configs: datasets guesses splits from names", _WRITE)
    if not infos:
        cause = (
            "it has no dataset_info, so no declared features: datasets infers columns from five "
            "samples, drops later JSON fields and gives plain bytes instead of pictures"
        )
        ledger.add("card", cause, _WRITE)
    if info is not None:
        _check_configs(configs, info, sizes, ledger)
        _check_infos(infos, info, ledger)
    return list(configs)


def _parse(holding: Holding, sizes: Mapping[str, int], ledger: Ledger) -> dict[str, Any] | None:
    import yaml
    from huggingface_hub import DatasetCard

    try:
        text = holding.read(CARD_PATH, 0, sizes[CARD_PATH]).decode()
        with _overheard() as said:
            head = dict(vars(DatasetCard(text).data))
    except (ReadError, HubError) as error:
        ledger.add("card", error.message, error.hint)
        return None
    except (ValueError, TypeError, yaml.YAMLError, RecursionError) as error:
        ledger.add("card", f"huggingface_hub cannot parse it: {error}", _WRITE)
        return None
    for remark in said:
        ledger.add("card", f"huggingface_hub warns: {remark}", _WRITE)
    return head


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """Yield what huggingface_hub warns of while the block runs."""
    said: list[str] = []

    class _Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    ear = _Ear(level=logging.WARNING)
    logger = logging.getLogger("huggingface_hub")
    logger.addHandler(ear)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield said
        said.extend(str(warning.message) for warning in caught)
    finally:
        logger.removeHandler(ear)


def _named(entries: Any) -> dict[str, dict[str, Any]]:
    """Return ``config_name`` -> entry of a YAML field that is one mapping or a list of them."""
    if isinstance(entries, Mapping):
        entries = [entries]
    if not isinstance(entries, list):
        return {}
    return {
        str(entry.get("config_name", DEFAULT_CONFIG)): dict(entry)
        for entry in entries
        if isinstance(entry, Mapping)
    }


def _check_configs(
    configs: dict[str, dict[str, Any]],
    info: DatasetInfo,
    sizes: Mapping[str, int],
    ledger: Ledger,
) -> None:
    for name in _names(info):
        if name not in configs:
            ledger.add("card", "the configuration is not declared", _WRITE, subject=name)
            continue
        found = _resolved(configs[name].get("data_files"), sizes)
        wanted = _wanted(name, info)
        for split in sorted(found.keys() | wanted.keys()):
            more = sorted(found.get(split, set()) - wanted.get(split, set()))
            less = sorted(wanted.get(split, set()) - found.get(split, set()))
            for verb, paths in (("takes", more), ("leaves out", less)):
                if paths:
                    cause = f"split {split} {verb} {_some(paths)}"
                    ledger.add("card", cause, _WRITE, subject=name)
    for name in sorted(configs.keys() - set(_names(info))):
        cause = "the configuration has no listed shard; a reader of it finds something else"
        ledger.add("card", cause, _WRITE, subject=name)


def _check_infos(infos: dict[str, dict[str, Any]], info: DatasetInfo, ledger: Ledger) -> None:
    for wanted in card_metadata(info)["dataset_info"]:
        name = wanted["config_name"]
        entry = infos.get(name)
        if entry is None:
            if infos:
                cause = "it has no dataset_info: datasets infers its columns from five samples"
                ledger.add("card", cause, _WRITE, subject=name)
            continue
        if entry.get("features") != FEATURES_YAML:
            cause = f"its features are not those of the format ({_differing(entry)})"
            ledger.add("card", cause, _WRITE, subject=name)
        told, true = _counts(entry.get("splits")), _counts(wanted["splits"])
        if told != true:
            cause = f"its splits have {told or 'no counts'}, the shards give {true}"
            ledger.add("card", cause, _WRITE, subject=name)


def _names(info: DatasetInfo) -> list[str]:
    return [DEFAULT_CONFIG, *sorted({shard.category for shard in info.shards})]


def _wanted(config: str, info: DatasetInfo) -> dict[str, set[str]]:
    splits: dict[str, set[str]] = {}
    for shard in info.shards:
        if config in (DEFAULT_CONFIG, shard.category):
            splits.setdefault(shard.split, set()).add(shard.path)
    return splits


def _resolved(data_files: Any, sizes: Mapping[str, int]) -> dict[str, set[str]]:
    """Return split -> files that the globs of a configuration match."""
    entries = data_files if isinstance(data_files, list) else [data_files]
    splits: dict[str, set[str]] = {}
    for entry in entries:
        split, paths = "train", entry
        if isinstance(entry, Mapping):
            split, paths = str(entry.get("split", "train")), entry.get("path")
        for pattern in paths if isinstance(paths, list) else [paths]:
            matches = _glob(str(pattern))
            splits.setdefault(split, set()).update(path for path in sizes if matches.match(path))
    return splits


def _glob(pattern: str) -> re.Pattern[str]:
    from fsspec.utils import glob_translate

    return re.compile(glob_translate(pattern))


def _counts(splits: Any) -> dict[str, tuple[Any, Any]]:
    entries = splits if isinstance(splits, list) else []
    return {
        str(entry.get("name")): (entry.get("num_examples"), entry.get("num_bytes"))
        for entry in entries
        if isinstance(entry, Mapping)
    }


def _differing(entry: Mapping[str, Any]) -> str:
    told = {f.get("name"): f for f in entry.get("features") or () if isinstance(f, Mapping)}
    true = {f["name"]: f for f in FEATURES_YAML}
    names = [str(name) for name in true.keys() | told.keys() if told.get(name) != true.get(name)]
    return f"see {', '.join(sorted(names))}" if names else "see their order"


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more

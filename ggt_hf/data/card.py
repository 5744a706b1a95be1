"""The head of a dataset's README.md: what makes stock `datasets` read it right."""

from __future__ import annotations

from typing import Any

from ggt_hf.data.manifest import DatasetInfo
from ggt_hf.data.schema import FEATURES_YAML

DEFAULT_CONFIG = "default"
"""The configuration that holds every category."""


def card_metadata(info: DatasetInfo) -> dict[str, Any]:
    """Return the YAML fields ``configs`` and ``dataset_info`` of a dataset's card.

    One configuration a category that has pairs, and ``default`` with all of them.
    """
    counts = info.counts()
    categories = sorted({category for row in counts.values() for category in row})
    names = [DEFAULT_CONFIG, *categories]
    return {
        "configs": [_config(name, counts) for name in names],
        "dataset_info": [
            {"config_name": name, "features": FEATURES_YAML, "splits": _splits(name, info)}
            for name in names
        ],
    }


def _config(name: str, counts: dict[str, dict[str, int]]) -> dict[str, Any]:
    folder = "*" if name == DEFAULT_CONFIG else name
    config: dict[str, Any] = {
        "config_name": name,
        "data_files": [
            {"split": split, "path": f"data/{folder}/{split}-*.tar"}
            for split, row in sorted(counts.items(), reverse=True)
            if name == DEFAULT_CONFIG or name in row
        ],
    }
    if name == DEFAULT_CONFIG:
        config["default"] = True
    return config


def _splits(name: str, info: DatasetInfo) -> list[dict[str, Any]]:
    splits: dict[str, dict[str, Any]] = {}
    for shard in info.shards:
        if name in (DEFAULT_CONFIG, shard.category):
            row = splits.setdefault(
                shard.split, {"name": shard.split, "num_bytes": 0, "num_examples": 0}
            )
            row["num_bytes"] += shard.num_bytes
            row["num_examples"] += shard.num_pairs
    return [splits[split] for split in sorted(splits, reverse=True)]

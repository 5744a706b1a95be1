"""A dataset's README.md: the head that makes stock `datasets` read it right, and the text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ggt_hf.data.format import card_text
from ggt_hf.data.format.attribution import Attribution, manifest_attributions, total_by
from ggt_hf.data.format.licenses import NOBODY_SAID, SEVERAL, hub_license
from ggt_hf.data.format.manifest import DatasetInfo, Manifest
from ggt_hf.data.format.schema import FEATURES_YAML
from ggt_hf.data.format.templates import render_template
from ggt_hf.errors import UsageError

DEFAULT_CONFIG = "default"
"""The configuration that holds every category."""

TEMPLATE = "dataset_card.md"

_HEAD = re.compile(r"---\r?\n(.*?)^---\s*$", re.DOTALL | re.MULTILINE)

_SIZE_CATEGORIES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
"""(bound, the Hub's word for fewer pairs than that)."""


def render_dataset_card(
    info: DatasetInfo,
    manifest: Manifest,
    *,
    attributions: Mapping[Attribution, int] | None = None,
    repo_id: str | None = None,
    pretty_name: str | None = None,
    description: str | None = None,
) -> str:
    """Return the whole README.md of a dataset; the same arguments give the same text.

    Args:
        info: the dataset's record.
        manifest: its rows.
        attributions: how many pairs have which licence, credit and editor, as
            `read_attributions` counts them; without it the card tells what the manifest knows.
        repo_id: the Hub repository it is for; without it the examples load the folder the card
            lies in.
        pretty_name: the title; default: the repository's name.
        description: Markdown, the first paragraph; default: one sentence with the facts.
    """
    known = attributions if attributions is not None else manifest_attributions(manifest)
    title = pretty_name or (repo_id.rpartition("/")[2] if repo_id else "LQ-GT pairs")
    head = {
        "pretty_name": title,
        **_license_metadata(known),
        "task_categories": ["image-to-image"],
        "tags": _tags(info, known),
        "size_categories": [_size_category(info.num_pairs)],
        **card_metadata(info),
    }
    text = card_text.variables(info, manifest, known, repo_id)
    return render_template(
        TEMPLATE,
        {
            "head": _yaml(head),
            "title": title,
            "description": description or card_text.summary(info, known),
            **text,
        },
    )


def check_card(text: str, info: DatasetInfo, name: str) -> None:
    """Insist that a card written by hand still declares this very dataset to `datasets`.

    Args:
        text: the whole README.md.
        info: the dataset's record.
        name: what to call the card in an error.

    Raises:
        UsageError: its YAML head cannot be read, or declares other splits or features.
    """
    import yaml

    hint = "Make one with ggt card dataset DIR, and change its text and other fields only."
    head = _HEAD.match(text)
    try:
        found = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError as error:
        cause = " ".join(str(error).split())
        raise UsageError(f"The YAML head of {name} is broken: {cause}.", hint=hint) from error
    if not isinstance(found, dict):
        raise UsageError(f"{name} has no YAML head between two lines of ---.", hint=hint)
    for field, wanted in card_metadata(info).items():
        if found.get(field) != wanted:
            raise UsageError(f"{name} declares another {field} than the dataset has.", hint=hint)


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


def _license_metadata(attributions: Mapping[Attribution, int]) -> dict[str, str]:
    totals = total_by(attributions, "license")
    licenses = [license for (license,), _ in totals]
    if licenses in ([], [NOBODY_SAID]):
        return {"license": "unknown"}
    if len(licenses) == 1:
        hub_id = hub_license(licenses[0])
        if hub_id is not None:
            return {"license": hub_id}
        return {"license": "other", "license_details": licenses[0]}
    every = sum(attributions.values())
    details = "; ".join(f"{license} ({n:,} of {every:,} pairs)" for (license,), n in totals)
    return {"license": "other", "license_name": SEVERAL, "license_details": details}


def _tags(info: DatasetInfo, attributions: Mapping[Attribution, int]) -> list[str]:
    tags = ["image-restoration", "webdataset", "ggt", f"ggt-format-v{info.format_version}"]
    if any(entry.origin == "synthetic" for entry in attributions):
        tags.append("synthetic")
    return tags


def _size_category(num_pairs: int) -> str:
    return next((word for bound, word in _SIZE_CATEGORIES if num_pairs < bound), "other")


def _yaml(fields: Mapping[str, Any]) -> str:
    import yaml

    class Plain(yaml.SafeDumper):
        """Spells repeated parts out: the features are one object in every configuration."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump(dict(fields), Dumper=Plain, sort_keys=False, allow_unicode=True, width=100)

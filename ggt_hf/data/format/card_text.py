"""The words and tables of a dataset's card, made from its records alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ggt_hf.data.format.attribution import Attribution, total_by
from ggt_hf.data.format.licenses import NOBODY_SAID, forbids_commerce, forbids_derivatives
from ggt_hf.data.format.manifest import DatasetInfo, Manifest
from ggt_hf.records import DEGRADATIONS

if TYPE_CHECKING:
    import pyarrow as pa

MAX_CREDITS = 40
"""Rows of the credits table; what goes beyond is counted in one more row."""

FOLDER = "path/to/dataset"
"""What the examples load where no repository is named."""

CITATION = """\
@article{kong2026GGT-100K,
  title   = {GGT-100K: Generative Ground Truth for Generalizable Real-World Image Restoration},
  author  = {Kong and Zhao and Sun and Wu and Zhang},
  journal = {arXiv preprint arXiv:2605.31039},
  year    = {2026}
}"""

_ORIGINS: dict[str, str] = {
    "generated": "real low-quality photograph; ground truth generated from it by a model",
    "synthetic": "real photograph as ground truth; low-quality side **simulated** from it",
    "captured": "both sides photographed",
    "unknown": "nobody said how the pair was made",
}
"""`Origin` -> its meaning, as the card tells it."""


def variables(
    info: DatasetInfo,
    manifest: Manifest,
    attributions: Mapping[Attribution, int],
    repo_id: str | None,
) -> dict[str, str]:
    """Return the template's variables but head, title and description."""
    return {
        "counts": _counts(info),
        "contents": _contents(info, manifest),
        "origins": _origins(attributions),
        "credits": _credits(attributions),
        "terms": _terms(attributions),
        "limits": _limits(info, attributions),
        "format_version": str(info.format_version),
        "root_hash": info.root_hash,
        "citation": CITATION,
        **_loading(info, repo_id),
    }


def summary(info: DatasetInfo, attributions: Mapping[Attribution, int]) -> str:
    """Return one sentence with the facts: the description where nobody wrote one."""
    origins = [origin for (origin,), _ in total_by(attributions, "origin")]
    kinds = " and ".join(origin for origin in origins if origin != "unknown")
    pairs = f"{kinds} pairs" if kinds else "pairs"
    return (
        f"{info.num_pairs:,} {pairs} of a low-quality picture (`lq`) and its ground truth (`gt`), "
        "for training and testing image restoration."
    )


def _counts(info: DatasetInfo) -> str:
    counts = info.counts()
    splits = sorted(counts, reverse=True)
    categories = [name for name in DEGRADATIONS if any(name in counts[split] for split in splits)]
    rows = [
        [f"`{name}`", *(f"{counts[split].get(name, 0):,}" for split in splits)]
        for name in categories
    ]
    rows.append(["**all**", *(f"{sum(counts[split].values()):,}" for split in splits)])
    return _table(["category", *(f"`{split}`" for split in splits)], rows)


def _contents(info: DatasetInfo, manifest: Manifest) -> str:
    table = manifest.table
    sides = [f"`{side}` {_forms(table[f'{side}_format'])}" for side in ("lq", "gt")]
    width, height = (_spread(table[name].to_pylist()) for name in ("width", "height"))
    shards = len(info.shards)
    return "\n".join(
        (
            f"- {_size(info.num_bytes)} in {shards:,} {'shard' if shards == 1 else 'shards'}.",
            f"- Encodings: {'; '.join(sides)}.",
            f"- Width {width} px; height {height} px. Both sides of a pair have the same size.",
        )
    )


def _origins(attributions: Mapping[Attribution, int]) -> str:
    rows = [
        [f"`{origin}`", _ORIGINS[origin], _cell(editor) or "not recorded", f"{number:,}"]
        for (origin, editor), number in total_by(attributions, "origin", "editor")
    ]
    return _table(["origin", "meaning", "made by", "pairs"], rows)


def _credits(attributions: Mapping[Attribution, int]) -> str:
    totals = total_by(attributions, "license", "credit")
    rows = [
        [_cell(license), _cell(credit) or "nobody is named", f"{number:,}"]
        for (license, credit), number in totals[:MAX_CREDITS]
    ]
    rest = totals[MAX_CREDITS:]
    if rest:
        pairs = sum(number for _, number in rest)
        rows.append(["...", f"{len(rest):,} more, each in its pair's `json.credit`", f"{pairs:,}"])
    return _table(["licence", "credit", "pairs"], rows)


def _terms(attributions: Mapping[Attribution, int]) -> str:
    licenses = {entry.license for entry in attributions}
    terms = ["Each pair carries its own licence and credit, in `json.license` and `json.credit`."]
    if any(map(forbids_commerce, licenses)):
        terms.append("Pairs under a non-commercial (NC) licence are for non-commercial use only.")
    if any(map(forbids_derivatives, licenses)):
        terms.append(
            "Pairs under a no-derivatives (ND) licence may be passed on with their pixels "
            "unchanged, with attribution; resized, cropped, filtered or lossily re-encoded copies "
            "may be used privately, but not shared. Share a selection as a list of keys, not as "
            "pictures. This is a reading of the licence, not legal advice."
        )
    if NOBODY_SAID in licenses:
        terms.append(
            "The licence of some pairs is unknown: find out from their `json.source` before you "
            "share or publish anything made from them."
        )
    changed = sum(n for entry, n in attributions.items() if entry.is_changed_no_derivative)
    if changed:
        terms.append(
            f"In {changed:,} of {sum(attributions.values()):,} pairs the pixels were changed "
            "although the licence says no derivatives, or the record does not tell; whoever "
            "shared them declared to have the right to."
        )
    return "\n\n".join(terms)


def _limits(info: DatasetInfo, attributions: Mapping[Attribution, int]) -> str:
    origins = {entry.origin for entry in attributions}
    limits = []
    if "generated" in origins:
        limits.append(
            "A generated ground truth is plausible, not measured: a model drew it. It may shift, "
            "recolour or invent detail, and text and faces deserve distrust."
        )
    if "synthetic" in origins:
        limits.append(
            "Synthetic pairs are synthetic: their low-quality side is a simulation, and a "
            "restorer trained on them alone learns the simulator."
        )
    if "unknown" in origins:
        limits.append("Where the origin is unknown, nothing is promised about the ground truth.")
    limits.append(
        "A pair's category names what dominates; every category holds mixed degradations."
    )
    limits.append(
        "Stock WebDataset readers may end a shard early without a word when a connection breaks; "
        f"count what you read against the table above ({info.num_pairs:,} in all)."
    )
    return "\n".join(f"- {limit}" for limit in limits)


def _loading(info: DatasetInfo, repo_id: str | None) -> dict[str, str]:
    shard = max(info.shards, key=lambda s: (s.split == "train", s.num_bytes, s.path))
    split, category = shard.split, shard.category
    name = repo_id or FOLDER
    count = sum(s.split == split and s.category == category for s in info.shards)
    span = "00000" if count == 1 else f"{{00000..{count - 1:05d}}}"
    shards = f"data/{category}/{split}-{span}-of-{count:05d}.tar"
    base = f"https://huggingface.co/datasets/{repo_id}/resolve/main" if repo_id else FOLDER
    here = f"Write the path of the folder that holds this file instead of `{FOLDER}`."
    there = (
        "A private repository asks for a token: `hf auth login`; for webdataset put "
        "`pipe:curl -fsSL -H 'Authorization: Bearer TOKEN' ` before the address."
    )
    return {
        "place": there if repo_id else here,
        "datasets_code": _DATASETS_CODE.format(name=name, split=split, category=category),
        "webdataset_code": _WEBDATASET_CODE.format(shards=f"{base}/{shards}"),
        "ggt_code": _GGT_CODE.format(name=name, split=split),
        "validate_command": f"ggt validate {name}",
    }


_DATASETS_CODE = """\
from datasets import load_dataset

pairs = load_dataset("{name}", split="{split}", streaming=True)  # every category
{category} = load_dataset("{name}", "{category}", split="{split}", streaming=True)
pair = next(iter({category}))
print(pair["lq"].size, pair["gt"].size, pair["json"]["prompt"])"""

_WEBDATASET_CODE = """\
import io

import webdataset as wds
from PIL import Image

shards = "{shards}"
for pair in wds.WebDataset(shards, shardshuffle=False):
    lq, gt = (Image.open(io.BytesIO(pair[side])) for side in ("lq", "gt"))
    print(pair["__key__"], lq.size, gt.size)
    break"""

_GGT_CODE = """\
from ggt_hf import load_dataset

pairs = load_dataset("{name}", split="{split}", streaming=True)
print(next(iter(pairs))["json"])"""


def _forms(column: pa.ChunkedArray) -> str:
    counts = Counter[str](column.to_pylist())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {form.upper()}" for form, number in ordered)


def _spread(values: list[int]) -> str:
    ordered = sorted(values)
    low, middle, high = ordered[0], ordered[len(ordered) // 2], ordered[-1]
    return f"{low:,}" if low == high else f"{low:,} to {high:,} (median {middle:,})"


def _size(num_bytes: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} bytes"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    numeric = {i for i, head in enumerate(heads) if head == "pairs" or rows[0][i][:1].isdigit()}
    rule = ["---:" if i in numeric else "---" for i in range(len(heads))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *rows))


def _cell(text: str) -> str:
    """`text` as one Markdown table cell: no line break, no column break, no markup of its own."""
    flat = " ".join(text.split())
    for special in "\\|<>*_`[]":
        flat = flat.replace(special, f"\\{special}")
    return flat

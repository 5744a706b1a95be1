"""One JSON member against the declared fields: what is missing, and what readers would drop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ggt_hf.data.format.manifest import PairRow
from ggt_hf.data.format.schema import FEATURES_YAML, JSON
from ggt_hf.data.validation.report import Ledger

MAX_BYTES = 16 * 1024 * 1024
"""The largest record that is parsed."""

_BUILD = "Correct the record in the source, and build the shard again."
_STRUCT = next(feature for feature in FEATURES_YAML if feature["name"] == JSON)["struct"]
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int64": (int,),
    "float64": (int, float),
}


def check_record(
    data: bytes, ledger: Ledger, *, name: str, category: str | None, row: PairRow | None
) -> None:
    """Check that a record decodes, holds the declared fields, and agrees with what names it.

    Args:
        data: the member's bytes.
        ledger: takes the findings.
        name: the member's name.
        category: the category of its folder, where it is in one.
        row: its manifest row, where there is one.
    """
    try:
        fields = json.loads(data, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        ledger.add("records", f"no usable JSON ({error})", _BUILD, subject=name)
        return
    for cause in mismatches(fields, _STRUCT, ""):
        ledger.add("records", cause, _BUILD, subject=name)
    if not isinstance(fields, dict):
        return
    if category is not None and fields.get("category") != category:
        cause = f"it says category {fields.get('category')!r}, but lies in the folder {category}"
        ledger.add("records", cause, _BUILD, subject=name)
    if row is not None:
        _check_row(fields, row, ledger, name)


def mismatches(value: Any, declared: Any, path: str) -> Iterator[str]:
    """Yield how `value` differs from what was declared; ``None`` is allowed for every leaf.

    Args:
        value: parsed JSON.
        declared: a struct (list of fields) or one field, as in `FEATURES_YAML`.
        path: how to call the value.
    """
    if isinstance(declared, list):
        yield from _struct_mismatches(value, declared, path)
    elif "struct" in declared:
        yield from _struct_mismatches(value, declared["struct"], path)
    elif "list" in declared:
        if not isinstance(value, list):
            yield f"{path} is {_kind(value)}, declared as a list"
            return
        for i, item in enumerate(value):
            yield from mismatches(item, declared["list"], f"{path}[{i}]")
    elif isinstance(declared["dtype"], dict):
        labels = declared["dtype"]["class_label"]["names"].values()
        if value not in labels:
            yield f"{path} is {value!r}, none of the labels {', '.join(labels)}"
    elif value is not None and not _fits(value, declared["dtype"]):
        yield f"{path} is {_kind(value)}, declared as {declared['dtype']}"


def _struct_mismatches(value: Any, declared: list[dict[str, Any]], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path or 'the record'} is {_kind(value)}, declared as named fields"
        return
    prefix = f"{path}." if path else ""
    names = {field["name"] for field in declared}
    for name in sorted(value.keys() - names):
        yield f"the field {prefix}{name} is not declared: stock readers drop it or stop at it"
    for field in declared:
        if field["name"] not in value:
            yield f"the declared field {prefix}{field['name']} is missing"
        else:
            yield from mismatches(value[field["name"]], field, f"{prefix}{field['name']}")


def _fits(value: Any, dtype: str) -> bool:
    if isinstance(value, bool) or not isinstance(value, _TYPES[dtype]):
        return False
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _check_row(fields: dict[str, Any], row: PairRow, ledger: Ledger, name: str) -> None:
    scores = fields.get("scores")
    told = {"license": row.license, "origin": row.origin, "source": row.source}
    differing = [key for key, value in told.items() if fields.get(key) != value]
    if isinstance(scores, list):
        pairs = {s.get("metric"): s.get("value") for s in scores if isinstance(s, dict)}
        if pairs != row.scores:
            differing.append("scores")
    if differing:
        cause = f"{', '.join(differing)} differ from its row in the manifest"
        ledger.add("records", cause, "Build the dataset again with ggt build.", subject=name)


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field stands there twice")
    return fields


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")

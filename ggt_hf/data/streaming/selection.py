"""Rows of a manifest by split, category, scores, licence and size; no tar is touched."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ggt_hf.data.format.manifest import Manifest
from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa


def select(
    manifest: Manifest,
    *,
    split: str | None = None,
    categories: Collection[str] | None = None,
    min_scores: Mapping[str, float] | None = None,
    max_scores: Mapping[str, float] | None = None,
    licenses: Collection[str] | None = None,
    min_size: int | None = None,
) -> Manifest:
    """Return the rows that pass every filter given, in their order.

    Args:
        manifest: the rows to choose from.
        split: the one split to keep.
        categories: categories to keep.
        min_scores: metric -> least value; a pair without the score is left out.
        max_scores: metric -> greatest value; a pair without the score is left out.
        licenses: licences to keep, as the manifest spells them.
        min_size: least width and height, in pixels.

    Raises:
        UsageError: a split, category, licence or metric that no row has.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = manifest.table
    keep = pa.chunked_array([pa.repeat(pa.scalar(True), table.num_rows)])
    wanted = {
        "split": None if split is None else [split],
        "category": categories,
        "license": licenses,
    }
    for column, words in wanted.items():
        if words is not None:
            _refuse_unknown(table, column, words)
            keep = pc.and_(keep, pc.is_in(table[column], pa.array(sorted(words), pa.string())))
    for metric, least in (min_scores or {}).items():
        keep = pc.and_(keep, pc.fill_null(pc.greater_equal(_scores(table, metric), least), False))
    for metric, most in (max_scores or {}).items():
        keep = pc.and_(keep, pc.fill_null(pc.less_equal(_scores(table, metric), most), False))
    if min_size is not None:
        for side in ("width", "height"):
            keep = pc.and_(keep, pc.greater_equal(table[side], min_size))
    return Manifest(table.filter(keep))


def _scores(table: pa.Table, metric: str) -> Any:
    """Return one value a row, null where the pair has no such score."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table["scores"].combine_chunks()
    pairs, rows = pc.list_flatten(column), pc.list_parent_indices(column)
    hits = pc.equal(pairs.field("metric"), metric)
    if not pc.any(hits).as_py():
        known = sorted(pc.unique(pairs.field("metric")).to_pylist())
        raise UsageError(
            f"No pair has a score called {metric!r}.",
            hint=f"The manifest holds: {', '.join(known) or 'no scores at all'}.",
        )
    values = np.full(table.num_rows, np.nan)
    values[rows.filter(hits).to_numpy()] = pairs.field("value").filter(hits).to_numpy()
    return pa.array(values, from_pandas=True)


def _refuse_unknown(table: pa.Table, column: str, words: Collection[str]) -> None:
    import pyarrow.compute as pc

    known = set(pc.unique(table[column]).to_pylist())
    unknown = sorted(set(words) - known)
    if unknown:
        raise UsageError(
            f"No pair has the {column} {', '.join(map(repr, unknown))}.",
            hint=f"The manifest holds: {', '.join(sorted(known))}.",
        )

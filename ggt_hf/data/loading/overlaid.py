"""Apply an overlay to a dataset that `datasets` loaded. No picture is decoded, none is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ggt_hf.data.format.schema import GT, JSON, LQ, features, key_of, member_name
from ggt_hf.data.loading.views import Columns, view_stream, view_table
from ggt_hf.data.reading.overlays import Overlay, corrected_order
from ggt_hf.records import DEGRADATIONS

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset


def overlaid_table(dataset: Dataset, overlay: Overlay, columns: Columns) -> Dataset:
    """Return a freshly loaded map-style dataset, corrected, in the wanted view and old order.

    The corrected pairs are kept in memory; all others stay where they are.
    """
    from datasets import Dataset, Image, concatenate_datasets

    positions = _positions(dataset, overlay.dropped | overlay.edited)
    edited = sorted(overlay.edited & positions.keys())
    order = corrected_order(
        len(dataset),
        dropped=[positions[key] for key in overlay.dropped & positions.keys()],
        edited=[positions[key] for key in edited],
    )
    shown = view_table(dataset, columns)
    if edited:
        undecoded = dataset.select([positions[key] for key in edited])
        for member in (LQ, GT):
            undecoded = undecoded.cast_column(member, Image(decode=False))
        rows = [Corrector(overlay).edit(row) for row in undecoded]
        corrected = view_table(Dataset.from_list(rows, features=dataset.features), columns)
        shown = concatenate_datasets([shown, corrected], info=shown.info, split=shown.split)
    return shown.select(order)


def overlaid_stream(
    dataset: IterableDataset, overlay: Overlay, columns: Columns
) -> IterableDataset:
    """Return a streaming dataset, corrected, in the wanted view."""
    corrector = Corrector(overlay)
    kept = dataset.decode(False).filter(corrector.keeps)
    return view_stream(kept.map(corrector.edit).cast(features()), columns)


class Corrector:
    """Applies an overlay to undecoded rows; travels into worker processes."""

    def __init__(self, overlay: Overlay) -> None:
        self.overlay = overlay

    def keeps(self, row: dict[str, Any]) -> bool:
        """Say whether the row stays."""
        return key_of(row[LQ]["path"]) not in self.overlay.dropped

    def edit(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the row with its replacements read in and its new category."""
        key = key_of(row[LQ]["path"])
        if key not in self.overlay.edited:
            return row
        row = dict(row)
        for member in (LQ, GT):
            replacement = self.overlay.replacement(key, member)
            if replacement is not None:
                row[member] = {"path": member_name(key, member), "bytes": replacement.read()}
        if key in self.overlay.relabelled:
            category = DEGRADATIONS.index(self.overlay.relabelled[key])
            row[JSON] = {**row[JSON], "category": category}
        return row


def _positions(dataset: Dataset, keys: frozenset[str]) -> dict[str, int]:
    """Return where the rows of `keys` stand, by the names that their pictures kept."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pc.struct_field(dataset.data.column(LQ), "path")
    wanted = pa.array([member_name(key, LQ) for key in keys], pa.string())
    found = pc.indices_nonzero(pc.is_in(names, wanted))
    return {
        key_of(name): position
        for name, position in zip(names.take(found).to_pylist(), found.to_pylist(), strict=True)
    }

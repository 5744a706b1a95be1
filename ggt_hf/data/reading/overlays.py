"""Corrections of a dataset that leave its bytes alone: pairs dropped, replaced or relabelled.

The pixels of a no-derivatives set are shared as they are; what was found wrong with them is a
small YAML file beside them, applied when loading::

    of: 3f2a...                      # root hash of the dataset it was made for (ggt info shows it)
    drop:
      train-rain-0001: the target is blank
    replace:
      train-rain-0002:
        gt: {path: fixed/0002.png, sha256: 9b1c...}    # relative to this file, never outside
        reason: the target was cut off
    relabel:
      train-rain-0003: {category: haze, reason: there is no rain in it}

A configuration names the shards that are read. A relabelled pair therefore stays in the
configuration its bytes lie in, with its new category: every pair is in exactly one category's
configuration, before and after. To select by the corrected label, load ``default`` and filter by
``json.category``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.data.format.manifest import DatasetInfo, Manifest, MemberSpan, PairRow
from ggt_hf.data.format.schema import GT, LQ
from ggt_hf.errors import FormatError, IntegrityError, ReadError
from ggt_hf.records import Degradation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Replacement:
    """A picture that stands in for a member of a pair."""

    path: Path
    """The file."""
    sha256: str
    """Of its bytes, in hexadecimal."""

    def read(self) -> bytes:
        """Return the bytes of the picture.

        Raises:
            ReadError: the file cannot be read.
            IntegrityError: it holds other bytes than the overlay says.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise ReadError(
                f"The replacement {self.path} cannot be read: {error.strerror}.",
                hint="Fetch the overlay together with its pictures.",
            ) from error
        found = hashlib.sha256(data).hexdigest()
        if found != self.sha256:
            raise IntegrityError(
                f"The replacement {self.path} has the SHA-256 {found}, not {self.sha256}.",
                hint="Fetch it again, or correct its sha256 in the overlay.",
            )
        return data


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlay:
    """A list of corrections for one dataset."""

    name: str
    """What to call it in an error: its file."""
    of: str
    """Root hash of the dataset it was made for."""
    dropped: frozenset[str] = frozenset()
    """Keys of pairs that are left out."""
    replaced: Mapping[str, Mapping[str, Replacement]] = field(default_factory=dict)
    """Key -> ``lq`` and/or ``gt`` -> the picture to read instead."""
    relabelled: Mapping[str, Degradation] = field(default_factory=dict)
    """Key -> the category it should have had."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Key -> why it is corrected; every corrected key has one."""

    @property
    def edited(self) -> frozenset[str]:
        """Keys of pairs that stay, changed."""
        return frozenset({*self.replaced, *self.relabelled})

    def replacement(self, key: str, member: str) -> Replacement | None:
        """Return what to read instead of a member's bytes; ``None`` = the shard's own."""
        return self.replaced.get(key, {}).get(member)

    def check(self, info: DatasetInfo, dataset: str) -> None:
        """Make sure that the overlay was made for the dataset with this record.

        Raises:
            FormatError: it was made for another one, or for another state of this one.
        """
        if info.root_hash != self.of:
            raise FormatError(
                f"{self.name} was made for the dataset with the root hash {self.of}; "
                f"{dataset} has {info.root_hash}.",
                hint="Load the revision it was made for, or review it and renew its `of`.",
            )

    def apply(self, manifest: Manifest) -> Manifest:
        """Return the manifest of the corrected dataset, in the same order.

        The row of a replaced picture says length, hash, format and size of its replacement,
        whose bytes `replacement` names; no byte range of the shard holds them.

        Raises:
            FormatError: a key is unknown, or a replacement is not as large as its counterpart.
            ImageError: a replacement is no picture.
        """
        import pyarrow as pa

        positions = self._positions(manifest)
        edited = [self._edit(manifest.row(positions[key])) for key in sorted(self.edited)]
        order = corrected_order(
            len(manifest),
            dropped=[positions[key] for key in self.dropped],
            edited=[positions[key] for key in sorted(self.edited)],
        )
        both = pa.concat_tables([manifest.table, Manifest.from_rows(edited).table])
        return Manifest(both.take(pa.array(order)))

    def _positions(self, manifest: Manifest) -> dict[str, int]:
        wanted = self.dropped | self.edited
        keys = manifest.table["key"].to_pylist()
        positions = {key: position for position, key in enumerate(keys) if key in wanted}
        unknown = sorted(wanted - positions.keys())
        if unknown:
            more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
            raise FormatError(
                f"{self.name} corrects {', '.join(unknown[:3])}{more}, which the dataset has not.",
                hint="Correct the keys; `ggt ls` lists those of a dataset.",
            )
        return positions

    def _edit(self, row: PairRow) -> PairRow:
        from ggt_hf.images import inspect

        sizes = {LQ: (row.width, row.height), GT: (row.width, row.height)}
        spans, formats = {LQ: row.lq, GT: row.gt}, {LQ: row.lq_format, GT: row.gt_format}
        indexes = {LQ: row.lq_index, GT: row.gt_index}
        for member, replacement in self.replaced.get(row.key, {}).items():
            data = replacement.read()
            header = inspect(data, str(replacement.path))
            sizes[member], formats[member] = (header.width, header.height), header.format
            indexes[member] = None
            spans[member] = MemberSpan(
                offset=spans[member].offset, num_bytes=len(data), sha256=replacement.sha256
            )
        if sizes[LQ] != sizes[GT]:
            lq, gt = ("{} x {}".format(*sizes[member]) for member in (LQ, GT))
            raise FormatError(
                f"{self.name} gives {row.key} an LQ of {lq} pixels and a GT of {gt}.",
                hint="Replace it by a picture of the same size, or replace both.",
            )
        return changed(
            row,
            lq=spans[LQ],
            gt=spans[GT],
            lq_format=formats[LQ],
            gt_format=formats[GT],
            width=sizes[LQ][0],
            height=sizes[LQ][1],
            category=self.relabelled.get(row.key, row.category),
            lq_index=indexes[LQ],
            gt_index=indexes[GT],
        )


def corrected_order(num_rows: int, *, dropped: list[int], edited: list[int]) -> NDArray[np.int64]:
    """Return which rows to take from the old rows followed by the edited ones.

    Args:
        num_rows: how many old rows there are.
        dropped: positions to leave out.
        edited: position that each edited row, in order, takes the place of.
    """
    import numpy as np

    order = np.arange(num_rows, dtype=np.int64)
    order[edited] = num_rows + np.arange(len(edited))
    return np.delete(order, dropped)

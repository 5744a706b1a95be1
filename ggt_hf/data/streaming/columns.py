"""The few columns of a manifest that a stream needs, as arrays: a million rows in about 100 MB."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    from ggt_hf.data.format.manifest import Manifest

_NUMBERS = (
    "lq_offset",
    "lq_num_bytes",
    "gt_offset",
    "gt_num_bytes",
    "width",
    "height",
)


@dataclass(frozen=True, slots=True)
class PairPlace:
    """Where one pair lies, and how large its pictures are."""

    row: int
    """Its row among the selected ones."""
    key: str
    """Its key."""
    shard: str
    """Path of its shard inside the dataset."""
    lq_offset: int
    """First byte of the LQ in the shard."""
    lq_bytes: int
    """Length of the LQ."""
    gt_offset: int
    """First byte of the GT in the shard."""
    gt_bytes: int
    """Length of the GT."""
    width: int
    """Pixels across, of both pictures."""
    height: int
    """Pixels down, of both pictures."""
    indexes: tuple[bytes | None, bytes | None]
    """Seek index of (LQ, GT); ``None`` where the picture has none."""


class PairColumns:
    """Rows of a manifest, cheap to look up by number."""

    def __init__(self, manifest: Manifest) -> None:
        table = manifest.table
        self._numbers = np.stack([table[name].to_numpy() for name in _NUMBERS], axis=1)
        shards = table["shard"].combine_chunks().dictionary_encode()
        self._shards: list[str] = shards.dictionary.to_pylist()
        self._shard = cast("NDArray[np.int32]", shards.indices.to_numpy())
        self._keys = _whole(table["key"])
        self._hashes = {side: _whole(table[f"{side}_sha256"]) for side in ("lq", "gt")}
        self._indexes = {side: _whole(table[f"{side}_index"]) for side in ("lq", "gt")}

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def digest(self) -> str:
        """Names the selected pairs, in their order."""
        digest = hashlib.blake2b(digest_size=8)
        for column in (self._keys, *self._hashes.values()):
            for buffer in column.buffers():
                if buffer is not None:
                    digest.update(buffer)
        return digest.hexdigest()

    def place(self, row: int) -> PairPlace:
        """Return where the pair of `row` lies."""
        lq_offset, lq_bytes, gt_offset, gt_bytes, width, height = self._numbers[row].tolist()
        return PairPlace(
            row,
            self._keys[row].as_py(),
            self._shards[self._shard[row]],
            lq_offset,
            lq_bytes,
            gt_offset,
            gt_bytes,
            width,
            height,
            (self._indexes["lq"][row].as_py(), self._indexes["gt"][row].as_py()),
        )

    def sha256(self, row: int, side: str) -> str:
        """Return the recorded sha256 of a pair's ``lq`` or ``gt``."""
        return cast("str", self._hashes[side][row].as_py())

    def common_size(self) -> tuple[int, int] | None:
        """Return (height, width) where all pairs have the same, else ``None``."""
        sizes = {(int(h), int(w)) for h, w in np.unique(self._sizes(), axis=0)}
        return sizes.pop() if len(sizes) == 1 else None

    def smaller_than(self, side: int) -> NDArray[np.int64]:
        """Return the rows whose width or height is below `side` pixels."""
        return np.flatnonzero(self._sizes().min(axis=1) < side)

    def _sizes(self) -> NDArray[np.int64]:
        return self._numbers[:, [_NUMBERS.index("height"), _NUMBERS.index("width")]]


def _whole(column: Any) -> pa.Array:
    """Return a chunked column as one array whose buffers start at its first row."""
    import pyarrow as pa

    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)

"""The few columns of a manifest that a stream needs, as arrays: a million rows in about 100 MB."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
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
        self._keys = _Strings(table["key"])
        self._hashes = {side: _Strings(table[f"{side}_sha256"]) for side in ("lq", "gt")}
        self._indexes = tuple(_Strings(table[f"{side}_index"]) for side in ("lq", "gt"))

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def digest(self) -> str:
        """Names the selected pairs, in their order."""
        digest = hashlib.blake2b(digest_size=8)
        for column in (self._keys, *self._hashes.values()):
            for buffer in column.buffers:
                digest.update(buffer)
        return digest.hexdigest()

    def place(self, row: int) -> PairPlace:
        """Return where the pair of `row` lies."""
        lq_offset, lq_bytes, gt_offset, gt_bytes, width, height = self._numbers[row].tolist()
        return PairPlace(
            row,
            self._key(row),
            self._shards[self._shard[row]],
            lq_offset,
            lq_bytes,
            gt_offset,
            gt_bytes,
            width,
            height,
            (self._indexes[0][row], self._indexes[1][row]),
        )

    def sha256(self, row: int, side: str) -> str:
        """Return the recorded sha256 of a pair's ``lq`` or ``gt``."""
        return (self._hashes[side][row] or b"").decode()

    def common_size(self) -> tuple[int, int] | None:
        """Return (height, width) where all pairs have the same, else ``None``."""
        sizes = {(int(h), int(w)) for h, w in np.unique(self._sizes(), axis=0)}
        return sizes.pop() if len(sizes) == 1 else None

    def smaller_than(self, side: int) -> NDArray[np.int64]:
        """Return the rows whose width or height is below `side` pixels."""
        return np.flatnonzero(self._sizes().min(axis=1) < side)

    def _key(self, row: int) -> str:
        return (self._keys[row] or b"").decode()

    def _sizes(self) -> NDArray[np.int64]:
        return self._numbers[:, [_NUMBERS.index("height"), _NUMBERS.index("width")]]


class _Strings:
    """A column of strings or bytes as it lies in memory: a value costs no Arrow object."""

    def __init__(self, column: Any) -> None:
        import pyarrow as pa

        whole = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        is_large = pa.types.is_large_string(whole.type) or pa.types.is_large_binary(whole.type)
        _, ends, data = whole.buffers()
        self._length = len(whole)
        self._is_null = whole.is_null().to_numpy(zero_copy_only=False) if whole.null_count else None
        bounds = np.frombuffer(ends or bytes(8), np.int64 if is_large else np.int32)
        bounds = bounds[whole.offset : whole.offset + self._length + 1]
        self._data = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
        self._bounds = bounds - bounds[0] if bounds[0] else bounds

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, row: int) -> bytes | None:
        if self._is_null is not None and self._is_null[row]:
            return None
        return self._data[self._bounds[row] : self._bounds[row + 1]].tobytes()

    @property
    def buffers(self) -> tuple[memoryview, memoryview]:
        """What its values are made of, as long as no value is null."""
        return self._bounds.data, self._data.data

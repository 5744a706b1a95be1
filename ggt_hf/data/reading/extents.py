"""A pair as one stretch of its shard: where it lies, what proves it, how it is cut up."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ggt_hf.data.format.manifest import Manifest, MemberSpan, PairRow
from ggt_hf.data.format.schema import GT, JSON, LQ, decode_json, member_name
from ggt_hf.data.format.tarball import stored_size
from ggt_hf.errors import FormatError
from ggt_hf.records import Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """The bytes of a shard from a pair's first member to the end of its last."""

    shard: str
    """Path of the shard inside the dataset."""
    offset: int
    """Byte at which the LQ's content starts."""
    num_bytes: int
    """Length up to the end of the JSON's content, the tar headers between them included."""


def extent(row: PairRow) -> Extent:
    """Return the stretch of `row`'s three members.

    Raises:
        FormatError: the members do not lie one after the other as the format lays them.
    """
    end = row.json.offset + row.json.num_bytes
    adjacent = (
        row.lq.offset >= 0
        and min(row.lq.num_bytes, row.gt.num_bytes, row.json.num_bytes) >= 0
        and row.lq.offset + stored_size(row.lq.num_bytes) == row.gt.offset
        and row.gt.offset + stored_size(row.gt.num_bytes) == row.json.offset
    )
    if not adjacent:
        raise FormatError(
            f"The manifest places the members of {row.key} apart from each other in {row.shard}.",
            hint="Rebuild the dataset with ggt build.",
        )
    return Extent(shard=row.shard, offset=row.lq.offset, num_bytes=end - row.lq.offset)


def contents(row: PairRow, data: bytes) -> Iterator[tuple[str, MemberSpan, bytes]]:
    """Yield (suffix, span, content) of each member; `data` holds the bytes of `extent(row)`."""
    for suffix, span in ((LQ, row.lq), (GT, row.gt), (JSON, row.json)):
        start = span.offset - row.lq.offset
        yield suffix, span, data[start : start + span.num_bytes]


def mismatch(row: PairRow, data: bytes) -> str | None:
    """Name the first member of `row` in `data` whose SHA-256 is not the manifest's, or none."""
    for suffix, span, content in contents(row, data):
        found = hashlib.sha256(content).hexdigest()
        if found != span.sha256:
            name = member_name(row.key, suffix)
            return f"{name} has the sha256 {found[:12]}… instead of {span.sha256[:12]}…"
    return None


def cut(row: PairRow, data: bytes) -> Pair:
    """Cut the bytes of `extent(row)` into a pair.

    Raises:
        FormatError: the JSON member does not hold the declared fields.
    """
    lq, gt, record = (content for _, _, content in contents(row, data))
    return Pair(info=decode_json(record, key=row.key, split=row.split), lq=lq, gt=gt)


class ExtentIndex:
    """Finds the pair to which a byte range of a shard belongs, in O(log n)."""

    def __init__(self, manifest: Manifest) -> None:
        self._shards = _positions_by_shard(manifest)

    def pair_at(self, shard: str, offset: int, num_bytes: int) -> tuple[Extent, int] | None:
        """Return the extent that holds the whole range, and its pair's position in the manifest.

        ``None`` where the range is not within one pair.
        """
        if shard not in self._shards:
            return None
        starts, stops, positions = self._shards[shard]
        index = bisect_right(starts, offset) - 1
        if index < 0 or offset + num_bytes > stops[index]:
            return None
        start = int(starts[index])
        found = Extent(shard=shard, offset=start, num_bytes=int(stops[index]) - start)
        return found, int(positions[index])


_Columns = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.int64]"]


def _positions_by_shard(manifest: Manifest) -> dict[str, _Columns]:
    """Return shard -> (starts, stops, row positions) of its pairs, sorted by start."""
    import numpy as np

    def column(name: str) -> NDArray[np.int64]:
        values: NDArray[np.int64] = manifest.table[name].to_numpy()
        return values

    names = manifest.table["shard"].combine_chunks().dictionary_encode()
    codes = names.indices.to_numpy()
    starts = column("lq_offset")
    stops = column("json_offset") + column("json_num_bytes")
    order = np.lexsort((starts, codes))
    bounds = np.searchsorted(codes[order], np.arange(len(names.dictionary) + 1))
    index = {}
    for code, shard in enumerate(names.dictionary.to_pylist()):
        rows = order[bounds[code] : bounds[code + 1]]
        index[shard] = (starts[rows], stops[rows], rows)
    return index

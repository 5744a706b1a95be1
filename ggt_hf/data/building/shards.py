"""Write shards: encoded pairs in, ordinary tars and their manifest rows out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ggt_hf.data.format import tarball
from ggt_hf.data.format.manifest import MemberSpan, PairRow, ShardInfo
from ggt_hf.data.format.schema import members, parse_shard_path
from ggt_hf.images import ImageInfo, inspect
from ggt_hf.records import Pair, PairInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredPair:
    """A pair, its members' bytes, and all that the manifest says of them but where they lie."""

    info: PairInfo
    """The record."""
    members: tuple[tuple[str, bytes], ...]
    """Name and content of each member, in the order of the format."""
    sha256: tuple[str, ...]
    """Of each member's content, in hexadecimal."""
    lq: ImageInfo
    """Header of the low-quality picture."""
    gt: ImageInfo
    """Header of the ground truth."""
    indexes: tuple[bytes | None, bytes | None] = (None, None)
    """Seek index of (LQ, GT)."""


def measure(pair: Pair, look: Callable[[bytes, str], ImageInfo] = inspect) -> MeasuredPair:
    """Return `pair` with everything computed that does not depend on its place in a shard.

    Args:
        pair: the encoded pair.
        look: reads a header, given the bytes and a name for errors; `inspect`, or stricter.

    Raises:
        ImageError: as `look`.
    """
    contents = members(pair)
    return MeasuredPair(
        info=pair.info,
        members=contents,
        sha256=tuple(hashlib.sha256(content).hexdigest() for _, content in contents),
        lq=look(pair.lq, f"{pair.info.key}.lq"),
        gt=look(pair.gt, f"{pair.info.key}.gt"),
    )


class ShardWriter:
    """Writes one shard, whole or not at all.

    The bytes go to a temporary file beside the shard, which `finish` flushes to the disk and
    renames, so that a shard which exists is complete.

    Args:
        root: the dataset's folder.
        path: the shard's path inside it, as `schema.shard_path` names it.
    """

    def __init__(self, root: Path, path: str) -> None:
        self.path = path
        self.category, self.split, _, _ = parse_shard_path(path)
        self._target = root / path
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._partial = self._target.with_name(f".{self._target.name}.partial")
        self._file = self._partial.open("wb")
        self._hash = hashlib.sha256()
        self._position = 0
        self._rows: list[PairRow] = []

    def add(self, pair: MeasuredPair) -> None:
        """Append a pair."""
        spans: list[MemberSpan] = []
        for (name, content), sha256 in zip(pair.members, pair.sha256, strict=True):
            self._write(tarball.header(name, len(content)))
            spans.append(MemberSpan(offset=self._position, num_bytes=len(content), sha256=sha256))
            self._write(content)
            self._write(tarball.padding(len(content)))
        self._rows.append(self._row(pair, *spans))

    def finish(self) -> tuple[ShardInfo, list[PairRow]]:
        """End the tar, and return the shard's record and one manifest row a pair."""
        self._write(tarball.END)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self._target)
        shard = ShardInfo(
            path=self.path,
            split=self.split,
            category=self.category,
            num_pairs=len(self._rows),
            num_bytes=self._position,
            sha256=self._hash.hexdigest(),
        )
        return shard, self._rows

    def abandon(self) -> None:
        """Remove what was written; harmless after `finish`."""
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)
        self._position += len(data)

    def _row(self, pair: MeasuredPair, lq: MemberSpan, gt: MemberSpan, json: MemberSpan) -> PairRow:
        return PairRow(
            key=pair.info.key,
            split=pair.info.split,
            category=pair.info.degradation,
            shard=self.path,
            lq=lq,
            gt=gt,
            json=json,
            lq_format=pair.lq.format,
            gt_format=pair.gt.format,
            width=pair.lq.width,
            height=pair.lq.height,
            scores=dict(pair.info.scores),
            license=pair.info.license,
            origin=pair.info.origin,
            source=pair.info.source,
            lq_index=pair.indexes[0],
            gt_index=pair.indexes[1],
        )


def write_shard(root: Path, path: str, pairs: Iterable[Pair]) -> tuple[ShardInfo, list[PairRow]]:
    """Write the shard `path` of the dataset at `root`, whole or not at all.

    Args:
        root: the dataset's folder.
        path: the shard's path inside it, as `schema.shard_path` names it.
        pairs: the pairs, in the order in which they are to stand.

    Returns:
        The shard's record and one manifest row a pair.
    """
    writer = ShardWriter(root, path)
    try:
        for pair in pairs:
            writer.add(measure(pair))
        return writer.finish()
    finally:
        writer.abandon()

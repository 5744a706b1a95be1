"""Write one shard: encoded pairs in, an ordinary tar and its manifest rows out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from ggt_hf.data import tarball
from ggt_hf.data.manifest import MemberSpan, PairRow, ShardInfo
from ggt_hf.data.schema import members, parse_shard_path
from ggt_hf.images import inspect
from ggt_hf.records import Pair


def write_shard(root: Path, path: str, pairs: Iterable[Pair]) -> tuple[ShardInfo, list[PairRow]]:
    """Write the shard `path` of the dataset at `root`, whole or not at all.

    The bytes go to a temporary file beside the shard, which is flushed to the disk and then
    renamed, so that a shard which exists is complete.

    Args:
        root: the dataset's folder.
        path: the shard's path inside it, as `schema.shard_path` names it.
        pairs: the pairs, in the order in which they are to stand.

    Returns:
        The shard's record and one manifest row a pair.
    """
    category, split, _, _ = parse_shard_path(path)
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    rows: list[PairRow] = []
    whole = hashlib.sha256()
    position = 0
    with partial.open("wb") as file:
        for pair in pairs:
            spans: list[MemberSpan] = []
            for name, content in members(pair):
                chunk = b"".join(
                    (tarball.header(name, len(content)), content, tarball.padding(len(content)))
                )
                spans.append(
                    MemberSpan(
                        offset=position + tarball.BLOCK,
                        num_bytes=len(content),
                        sha256=hashlib.sha256(content).hexdigest(),
                    )
                )
                whole.update(chunk)
                file.write(chunk)
                position += len(chunk)
            rows.append(pair_row(pair, path, *spans))
        whole.update(tarball.END)
        file.write(tarball.END)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(target)
    shard = ShardInfo(
        path=path,
        split=split,
        category=category,
        num_pairs=len(rows),
        num_bytes=position + len(tarball.END),
        sha256=whole.hexdigest(),
    )
    return shard, rows


def pair_row(pair: Pair, shard: str, lq: MemberSpan, gt: MemberSpan, json: MemberSpan) -> PairRow:
    """Return the manifest row of a pair whose members lie at the given spans of `shard`."""
    info = pair.info
    header = inspect(pair.lq, f"{info.key}.lq")
    return PairRow(
        key=info.key,
        split=info.split,
        category=info.degradation,
        shard=shard,
        lq=lq,
        gt=gt,
        json=json,
        lq_format=header.format,
        gt_format=inspect(pair.gt, f"{info.key}.gt").format,
        width=header.width,
        height=header.height,
        scores=dict(info.scores),
        license=info.license,
        origin=info.origin,
        source=info.source,
    )

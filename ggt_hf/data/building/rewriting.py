"""Pairs made seekable while they are built, and the record of the pictures that could not be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ggt_hf.data.building.seekable import find_jpegtran, make_seekable
from ggt_hf.data.building.sources import PairSource
from ggt_hf.data.format.attribution import with_lossless_pixels
from ggt_hf.data.format.schema import GT, LQ, member_name
from ggt_hf.records import Pair

SEEKABLE_PATH = "meta/seekable.jsonl"
"""Present where a dataset was built seekable: a line for each picture left as it was, and why."""

Indexes = tuple[bytes | None, bytes | None]
"""Seek index of (LQ, GT); ``None`` where the picture needs none, or can have none."""

_WITHOUT_JPEGTRAN = (".png", ".webp")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class NotSeekable:
    """A picture that went into a seekable dataset byte for byte."""

    member: str
    """Its name in the shard."""
    reason: str
    """Why it was not rewritten."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewritten:
    """A pair after its pictures were made seekable where they could be."""

    pair: Pair
    """The pair to be stored; its record says that pixels were encoded anew, where they were."""
    indexes: Indexes
    """Where parts of its pictures begin."""
    left: tuple[NotSeekable, ...]
    """Its pictures that stayed as they were."""


def rewrite(pair: Pair, names: Mapping[str, str]) -> Rewritten:
    """Make both pictures of a pair seekable, proven to be without loss.

    Args:
        pair: the pair as its source gave it.
        names: member's name -> what to call it in an error.

    Raises:
        ImageError: a picture is not whole.
        MissingExtraError: there is no ``jpegtran``.
    """
    members = [member_name(pair.info.key, suffix) for suffix in (LQ, GT)]
    lq, gt = (
        make_seekable(data, names[member])
        for member, data in zip(members, (pair.lq, pair.gt), strict=True)
    )
    left = tuple(
        NotSeekable(member=member, reason=made.reason)
        for member, made in zip(members, (lq, gt), strict=True)
        if made.how == "unchanged"
    )
    info = pair.info if len(left) == len(members) else with_lossless_pixels(pair.info)
    return Rewritten(
        pair=replace(pair, info=info, lq=lq.data, gt=gt.data),
        indexes=(lq.index, gt.index),
        left=left,
    )


def require_rewriter(pairs: Iterable[PairSource]) -> None:
    """Make sure that what rewrites JPEGs is installed, if there may be any.

    Raises:
        MissingExtraError: there is no ``jpegtran``.
    """
    names = (blob.name.lower() for pair in pairs for blob in (pair.lq, pair.gt))
    if not all(name.endswith(_WITHOUT_JPEGTRAN) for name in names):
        find_jpegtran()


def left_lines(left: Iterable[NotSeekable]) -> bytes:
    """Return the content of `SEEKABLE_PATH`."""
    lines = (json.dumps(asdict(picture), sort_keys=True) for picture in sorted(left))
    return "".join(f"{line}\n" for line in lines).encode()


def read_left(root: Path) -> tuple[NotSeekable, ...] | None:
    """Return which pictures the dataset at `root` left as they were; ``None``: not seekable."""
    path = root / SEEKABLE_PATH
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(NotSeekable(**json.loads(line)) for line in lines)

"""How a build is to be done, and which pair goes into which shard: known before any is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from ggt_hf.data.building.soundness import CheckLevel
from ggt_hf.data.building.sources import PairSource
from ggt_hf.data.format.schema import FORMAT_VERSION, encode_json, shard_path
from ggt_hf.data.format.tarball import END
from ggt_hf.errors import UsageError
from ggt_hf.records import Degradation

DEFAULT_SHARD_SIZE = 1_000_000_000
"""Bytes: large enough to stream well, small enough to fetch again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOptions:
    """How a build is to be done."""

    shard_size: int = DEFAULT_SHARD_SIZE
    """Bytes that a shard should not exceed."""
    check: CheckLevel = "structure"
    """How deep every picture is looked into."""
    drop_bad: bool = False
    """Leave out what cannot be taken, listed in ``meta/dropped.jsonl``, instead of refusing."""
    overwrite: bool = False
    """Replace another dataset at OUT."""
    seekable: bool = False
    """Rewrite pictures without loss, so that regions of them decode alone."""
    num_workers: int | None = None
    """Threads that read, check and hash; ``None``: one a core."""
    quiet: bool = False
    """Show no progress."""

    def __post_init__(self) -> None:
        if self.shard_size < 1:
            raise UsageError(
                f"A shard size of {self.shard_size} bytes cannot be meant.",
                hint="Give bytes, such as 1000000000, or leave it.",
            )
        if self.check not in ("structure", "pixels"):
            raise UsageError(
                f"There is no check {self.check!r}.", hint="Give 'structure' or 'pixels'."
            )
        if self.num_workers is not None and self.num_workers < 1:
            raise UsageError(
                f"{self.num_workers} workers cannot be meant.", hint="Give at least 1."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardPlan:
    """One shard before it is written."""

    path: str
    """Path inside the dataset."""
    pairs: tuple[PairSource, ...]
    """What it will hold, by key; at least one."""

    @property
    def num_bytes(self) -> int:
        """Size of the tar to be; nearly, where pictures are to be rewritten."""
        return sum(pair.stored_num_bytes for pair in self.pairs) + len(END)

    def fingerprint(self, options: BuildOptions) -> str:
        """Return the hash of all that decides the shard's bytes, sources' marks included."""
        how = f"{options.check} seekable, cells listed" if options.seekable else options.check
        digest = hashlib.sha256(f"{FORMAT_VERSION} {how} {self.path}".encode())
        for pair in self.pairs:
            blobs = "".join(f"\n{b.name}\n{b.num_bytes} {b.mark}" for b in (pair.lq, pair.gt))
            digest.update(f"\n{pair.info.key}{blobs}\n".encode() + encode_json(pair.info))
        return digest.hexdigest()


def plan_shards(pairs: Iterable[PairSource], shard_size: int) -> tuple[ShardPlan, ...]:
    """Cut every category and split into shards of nearly equal size, pairs by key.

    Args:
        pairs: the pairs, in any order.
        shard_size: bytes that a shard should not exceed by more than half a pair.

    Returns:
        The shards, by path.
    """

    def place(pair: PairSource) -> tuple[Degradation, str]:
        return pair.info.degradation, pair.info.split

    plans: list[ShardPlan] = []
    ordered = sorted(pairs, key=lambda pair: (*place(pair), pair.info.key))
    for (category, split), group in groupby(ordered, key=place):
        parts = _cut(list(group), shard_size)
        plans.extend(
            ShardPlan(path=shard_path(category, split, index, len(parts)), pairs=tuple(part))
            for index, part in enumerate(parts)
        )
    return tuple(sorted(plans, key=lambda plan: plan.path))


def _cut(pairs: Sequence[PairSource], shard_size: int) -> list[list[PairSource]]:
    """Cut where the running size passes each n-th of the whole, so that no shard is tiny."""
    sizes = [pair.stored_num_bytes for pair in pairs]
    total = sum(sizes)
    count = -(-total // shard_size)
    parts: dict[int, list[PairSource]] = {}
    position = 0
    for pair, size in zip(pairs, sizes, strict=True):
        # A pair belongs to the part in which its middle lies.
        parts.setdefault((2 * position + size) * count // (2 * total), []).append(pair)
        position += size
    return list(parts.values())

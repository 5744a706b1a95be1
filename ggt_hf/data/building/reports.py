"""What a build would do, and what it did."""

from __future__ import annotations

from dataclasses import dataclass

from ggt_hf.data.building.planning import ShardPlan
from ggt_hf.data.building.rewriting import NotSeekable
from ggt_hf.data.building.sources import Problem
from ggt_hf.data.format.manifest import DatasetInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """What a build would do."""

    shards: tuple[ShardPlan, ...]
    """The plan, without the pairs that would be refused or dropped."""
    problems: tuple[Problem, ...]
    """What would be refused, or dropped."""
    remarks: tuple[str, ...]
    """What the user should know, though nothing is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildReport:
    """What a build did."""

    info: DatasetInfo
    """The dataset at OUT."""
    dropped: tuple[Problem, ...]
    """What was left out."""
    remarks: tuple[str, ...]
    """What the user should know, though nothing is wrong."""
    unchanged: bool
    """The very same dataset was there already, and was not touched."""
    num_reused_shards: int
    """Shards that an earlier, interrupted run had finished."""
    left: tuple[NotSeekable, ...] | None
    """Pictures that could not be made seekable; ``None`` where none was to be."""

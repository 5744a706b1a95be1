"""What a stage is: units of work, the function over them, and what came of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, get_args

from ggt_hf.errors import (
    AnswerError,
    BudgetError,
    EditorError,
    GgtError,
    MissingExtraError,
    ModelError,
    UsageError,
    WriteError,
)
from ggt_hf.stages import to_line

Engine = Literal["local", "slurm", "ray"]
"""Where the workers are: processes of this machine, the tasks of a Slurm array, actors of Ray."""

ENGINES: tuple[Engine, ...] = get_args(Engine)

Row = Mapping[str, Any]
"""What work makes of a unit: JSON values by name."""

Work = Callable[..., Any]
"""``work(unit)``, or ``work(state, unit)`` where a set-up makes a state; picklable. It returns a
`Row`; with a batch size it is given a list of units, and returns a row or an error for each."""

Setup = Callable[[], Any]
"""Makes what every unit needs and only one copy a worker may be made of: a loaded model."""

Outcome = Mapping[str, Any]
"""``key`` and ``unit``, and either ``row`` or ``error``."""

Attempt = Callable[[Sequence["Unit"]], list[dict[str, Any]]]
"""Turns a batch of units into their outcomes."""

_ENDING = (BudgetError, EditorError, MissingExtraError, ModelError, UsageError, WriteError)
"""What every further unit would meet as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """One piece of work, which succeeds or fails as a whole."""

    key: str
    """Unique in the stage; the manifest is sorted by it."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """What the work needs to know, as JSON values; when it changes, the unit is done again."""

    def digest(self, fingerprint: str) -> str:
        """Return what names this work on this payload: 16 hexadecimal digits."""
        words = [fingerprint, self.key, dict(self.payload)]
        text = json.dumps(words, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A unit that could not be worked on; the next run tries it again."""

    key: str
    """The unit's key."""
    error: str
    """The kind of error and its message, in one line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageReport:
    """What a run did."""

    out: Path
    """The manifest."""
    num_units: int
    """Units this run was about: the stage's, or those of one Slurm task."""
    num_reused: int
    """Units that an earlier run had finished."""
    failures: tuple[Failure, ...]
    """Units without a result, by key."""
    merged: bool
    """Whether the manifest was written; a Slurm task leaves that to the merge."""


@dataclass(frozen=True)
class Stage:
    """The units of a stage, in order, each with its digest."""

    units: tuple[Unit, ...]
    """Sorted by key."""
    fingerprint: str
    """Names the work: its version, its model and revision, its thresholds."""

    @classmethod
    def of(cls, units: Iterable[Unit], fingerprint: str) -> Stage:
        """Sort the units.

        Raises:
            UsageError: a key is empty or given twice, or a payload is no JSON.
        """
        stage = cls(tuple(sorted(units, key=lambda unit: unit.key)), fingerprint)
        for unit, following in zip_longest(stage.units, stage.units[1:]):
            if not unit.key or (following and following.key == unit.key):
                raise UsageError(
                    f"The key {unit.key!r} is empty or given to two units.",
                    hint="Give each unit a key of its own.",
                )
        _ = stage.digests  # refuses payloads that are no JSON before any work begins
        return stage

    @cached_property
    def digests(self) -> dict[str, str]:
        """Key -> digest of its unit."""
        found = {}
        for unit in self.units:
            try:
                found[unit.key] = unit.digest(self.fingerprint)
            except (TypeError, ValueError) as error:
                raise UsageError(
                    f"The payload of unit {unit.key!r} is no JSON: {error}.",
                    hint="Hand over paths and numbers; open files and models inside the work.",
                ) from error
        return found

    @cached_property
    def digest(self) -> str:
        """Names the whole stage."""
        words = "".join(f"{key}\0{digest}\n" for key, digest in self.digests.items())
        return hashlib.blake2b(words.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """The work and its set-up, as they travel to a worker."""

    work: Work
    """What is done to each unit."""
    setup: Setup | None
    """What each worker does first; ``None`` = nothing."""
    fingerprint: str
    """As `Stage.fingerprint`."""
    batch_size: int | None = None
    """Units that the work takes at once; ``None`` = one, and not in a list."""

    def batches(self, units: Sequence[Unit]) -> list[Sequence[Unit]]:
        """Cut units into batches, in their order."""
        size = self.batch_size or 1
        return [units[start : start + size] for start in range(0, len(units), size)]

    def prepare(self) -> Attempt:
        """Do the set-up once; return what turns a batch into its outcomes.

        It raises only what ends the stage: a model that is gone, a disk that is full.
        """
        work = self.work if self.setup is None else partial(self.work, self.setup())
        if self.batch_size is None:
            work = partial(_singly, work)
        return partial(_attempt, work, self.fingerprint)


def _singly(work: Work, units: Sequence[Unit]) -> list[Any]:
    return [work(unit) for unit in units]


def _attempt(work: Work, fingerprint: str, units: Sequence[Unit]) -> list[dict[str, Any]]:
    try:
        rows = work(units)
    except Exception as error:
        if ends_stage(error):
            raise
        if len(units) > 1:  # who it is of them shows when each is tried alone
            return [found for unit in units for found in _attempt(work, fingerprint, [unit])]
        rows = [error]
    return [_outcome(*both, fingerprint) for both in zip(units, rows, strict=True)]


def _outcome(unit: Unit, found: Row | Exception, fingerprint: str) -> dict[str, Any]:
    outcome: dict[str, Any] = {"key": unit.key, "unit": unit.digest(fingerprint)}
    try:
        if isinstance(found, Exception):
            raise found
        row = dict(found)
        if row.get("key", unit.key) != unit.key or "unit" in row:
            raise ValueError("a row may not name another key, nor hold a field called unit")
        to_line(row)
    except Exception as error:  # whatever it is, it is this unit's and not the stage's
        return outcome | {"error": describe(error)}
    return outcome | {"row": row}


def ends_stage(error: BaseException) -> bool:
    """Say whether an error is no unit's own, so that to go on would be in vain."""
    return isinstance(error, _ENDING) and not isinstance(error, AnswerError)


def describe(error: BaseException) -> str:
    """Return an error in one line: its kind and message, or what our own says by itself."""
    if isinstance(error, GgtError):
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")

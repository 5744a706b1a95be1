"""``verdicts.jsonl``: one line a candidate, with every check that was made and its reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ggt_hf.errors import FormatError
from ggt_hf.records import STAGES, Check, Verdict
from ggt_hf.stages import read_rows


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredVerdict:
    """A verdict, and the pictures it is about."""

    verdict: Verdict
    """What was decided."""
    pair: str
    """`decisions.pair_id` of the pictures that were looked at."""


def to_row(stored: StoredVerdict) -> dict[str, Any]:
    """Return the object of a line; the outcome is written out for readers in other languages."""
    verdict = stored.verdict
    return {
        "key": verdict.key,
        "outcome": verdict.outcome,
        "accepted": verdict.accepted,
        "rejected_at": verdict.rejected_at,
        "pair": stored.pair,
        "checks": [asdict(check) for check in verdict.checks],
    }


def read_verdicts(path: Path) -> list[Verdict]:
    """Return the verdicts of a file, in its order; of a key that stands twice, the last one.

    Raises:
        FormatError: a line is no verdict.
    """
    return [stored.verdict for stored in read_stored(path).values()]


def read_stored(path: Path) -> dict[str, StoredVerdict]:
    """Return what a file holds: key -> verdict; a missing file holds nothing."""
    found: dict[str, StoredVerdict] = {}
    for number, row in read_rows(path):
        stored = _stored(row, path, number)
        found[stored.verdict.key] = stored
    return found


def stored_of(row: Mapping[str, Any]) -> StoredVerdict:
    """Return the verdict that an object says; `to_row` is its inverse.

    Raises:
        KeyError, TypeError, ValueError: it says none.
    """
    checks = tuple(_check(check) for check in row["checks"])
    key, pair = row["key"], row["pair"]
    if not isinstance(key, str) or not isinstance(pair, str):
        raise TypeError("key and pair are text")
    return StoredVerdict(verdict=Verdict(key=key, checks=checks), pair=pair)


def _stored(row: Mapping[str, Any], path: Path, number: int) -> StoredVerdict:
    try:
        return stored_of(row)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            f"{path}, line {number}, is no verdict: {error}.",
            hint="Take the line away; ggt qc judges the candidate again.",
        ) from error


def _check(data: Mapping[str, Any]) -> Check:
    if data["stage"] not in STAGES or data["passed"] not in (True, False, None):
        raise ValueError(f"{data['stage']!r} did not say {data['passed']!r}")
    scores = {str(name): float(value) for name, value in data["scores"].items()}
    if not all(map(math.isfinite, scores.values())):
        raise ValueError("a score is not finite")
    return Check(
        stage=data["stage"],
        passed=data["passed"],
        scores=scores,
        reason=str(data["reason"]),
        judged_by=str(data["judged_by"]),
    )

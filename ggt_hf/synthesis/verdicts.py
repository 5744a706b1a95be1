"""What quality control said, as far as it matters here: accepted or not, why, and the scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ggt_hf.errors import FormatError, SourceError
from ggt_hf.stages import read_rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One line of ``verdicts.jsonl``."""

    accepted: bool
    """Whether every stage passed it."""
    rejected: bool
    """Whether a stage refused it; neither = it is still undecided."""
    reason: str | None
    """Why not; ``None`` where it is accepted."""
    scores: Mapping[str, float]
    """Metric name -> value, of all stages together."""


def read_verdicts(path: Path) -> dict[str, Judged]:
    """Return the verdicts by the key of their candidate; a later line replaces an earlier one.

    Raises:
        SourceError: there is no such file.
        FormatError: a line is no verdict.
    """
    if not path.is_file():
        raise SourceError(f"There are no verdicts at {path}.", hint="Run ggt qc first.")
    verdicts = {}
    for number, row in read_rows(path):
        try:
            verdicts[str(row["key"])] = _judged(row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(
                f"{path}, line {number}, is no verdict ({type(error).__name__}: {error}).",
                hint="Write it by ggt qc.",
            ) from error
    return verdicts


def _judged(row: Mapping[str, Any]) -> Judged:
    checks = row.get("checks") or ()
    failed = [check for check in checks if not check["passed"]]
    if "checks" not in row and "accepted" not in row:
        raise ValueError("it has neither checks nor accepted")
    scores = dict(row.get("scores") or {})
    for check in checks:
        scores |= check.get("scores") or {}
    said = [str(check.get("reason") or check.get("stage") or "rejected") for check in failed]
    # Nobody looked: that is no acceptance.
    accepted = bool(row.get("accepted", checks and not failed))
    return Judged(
        accepted=accepted,
        rejected=row.get("outcome", "rejected") == "rejected" and not accepted,
        reason=None if accepted else "; ".join(said) or str(row.get("reason") or "not looked at"),
        scores={name: float(value) for name, value in scores.items() if _is_number(value)},
    )


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)

"""What reviewers decided: one file of lines a reviewer, which only grows.

Undoing is a line too; of the lines of one key the last one counts. A decision is of pictures, not
of a key: it holds only as long as the key names the pair that the reviewer saw.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from ggt_hf.errors import FormatError, UsageError
from ggt_hf.records import Candidate, Check
from ggt_hf.stages import LineLog, read_rows

REVIEWS = "reviews"
"""Folder beside ``candidates.jsonl`` that holds a file a reviewer."""

Choice = Literal["accept", "reject", "unsure"]
"""What a reviewer may say of a pair."""

CHOICES: tuple[Choice, ...] = get_args(Choice)

UNDO = "undo"
"""Stands in a line where a reviewer took the decision back."""

MAX_REASON = 500
"""Characters of a reason that are kept."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What one reviewer said of one pair: a line of a reviewer's file."""

    key: str
    """Key of the candidate."""
    choice: str
    """One of `CHOICES`, or `UNDO`."""
    reason: str = ""
    """Why it was rejected; empty where nothing was said."""
    pair: str
    """`pair_id` of what was seen."""
    at: str
    """When, in UTC, as ISO 8601."""


def pair_id(candidate: Candidate) -> str:
    """Return a name of the two pictures of a candidate: the start of both hashes."""
    return f"{candidate.lq_sha256[:12]}-{candidate.gt_sha256[:12]}"


def reviewer_file(folder: Path, reviewer: str) -> Path:
    """Return the file of a reviewer below the folder of the candidates.

    Raises:
        UsageError: the name cannot be the name of a file everywhere.
    """
    if not _NAME.fullmatch(reviewer):
        raise UsageError(
            f"A reviewer cannot be called {reviewer!r}.",
            hint="Use lower-case letters, digits, _ and -, at most 64, as in --reviewer ada.",
        )
    return folder / REVIEWS / f"{reviewer}.jsonl"


class DecisionLog:
    """The decisions of one reviewer: those in the file, and those added; safe for threads.

    Args:
        path: from `reviewer_file`.
    """

    def __init__(self, path: Path) -> None:
        self._log = LineLog(path, durable=True)
        self._current = _standing(path)
        self._lock = threading.Lock()

    def add(self, decision: Decision) -> None:
        """Write a decision down; when this returns, it is on the disk."""
        with self._lock:
            self._log.append(asdict(decision))
            _stand(self._current, decision)

    def current(self, candidates: Iterable[Candidate]) -> dict[str, Decision]:
        """Return what stands: key -> decision, of those of `candidates` that were seen as is."""
        with self._lock:
            return _valid(self._current, candidates)

    def close(self) -> None:
        """Close the file."""
        self._log.close()


def read_reviews(folder: Path, candidates: Iterable[Candidate]) -> dict[str, dict[str, Decision]]:
    """Return every reviewer's decisions that stand: reviewer -> key -> decision, by name.

    Raises:
        FormatError: a line is no decision.
    """
    known = list(candidates)
    paths = sorted((folder / REVIEWS).glob("*.jsonl"))
    return {path.stem: _valid(_standing(path), known) for path in paths}


def review_check(key: str, reviews: Mapping[str, Mapping[str, Decision]]) -> Check:
    """Return what the reviewers together say of a candidate: the majority of those who decided.

    A tie, and a pair that nobody accepted or rejected, are left open.
    """
    said = {name: found[key] for name, found in reviews.items() if key in found}
    count = {choice: sum(d.choice == choice for d in said.values()) for choice in CHOICES}
    ahead = count["accept"] - count["reject"]
    words = [f"{name}: {_words(decision)}" for name, decision in said.items()]
    return Check(
        stage="review",
        passed=None if ahead == 0 else ahead > 0,
        scores={choice: float(number) for choice, number in count.items()},
        reason="; ".join(words) or "nobody has reviewed it",
        judged_by=", ".join(said) or "nobody",
    )


def _words(decision: Decision) -> str:
    return f"{decision.choice} ({decision.reason})" if decision.reason else decision.choice


def _valid(
    standing: Mapping[str, Decision], candidates: Iterable[Candidate]
) -> dict[str, Decision]:
    return {
        candidate.key: found
        for candidate in candidates
        if (found := standing.get(candidate.key)) and found.pair == pair_id(candidate)
    }


def _standing(path: Path) -> dict[str, Decision]:
    found: dict[str, Decision] = {}
    for number, row in read_rows(path):
        _stand(found, _decision(row, path, number))
    return found


def _stand(found: dict[str, Decision], decision: Decision) -> None:
    if decision.choice == UNDO:
        found.pop(decision.key, None)
    else:
        found[decision.key] = decision


def _decision(row: Mapping[str, Any], path: Path, number: int) -> Decision:
    names = ("key", "choice", "reason", "pair", "at")
    values = {name: row.get(name, "") for name in names}
    if not all(isinstance(value, str) for value in values.values()) or values["choice"] not in (
        *CHOICES,
        UNDO,
    ):
        raise FormatError(
            f"{path}, line {number}, is no decision.",
            hint="Only ggt review writes these files; take the line away.",
        )
    return Decision(**cast("dict[str, str]", values))

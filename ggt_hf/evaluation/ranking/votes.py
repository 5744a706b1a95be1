"""What raters chose: one file of lines a rater, which only grows, and whom to believe.

A vote names the contestants and the files that it compared, so that it counts for as long as both
contestants are ranked with those very pictures, whatever is added to the study.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np

from ggt_hf.errors import FormatError
from ggt_hf.evaluation.ranking.ballot import CHECK, Comparison, Versions
from ggt_hf.quality.decisions import reviewer_file
from ggt_hf.stages import LineLog, read_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ggt_hf.evaluation.ranking.study import Study

VOTES = "votes"
"""Folder of a ranking that holds a file a rater."""

Choice = Literal["left", "right", "same"]
"""What a rater may say of two pictures."""

CHOICES: tuple[Choice, ...] = get_args(Choice)

UNDO = "undo"
"""Stands in a line where a rater took the vote back."""

MIN_CHECKS = 10
"""Attention checks that a rater must have answered before anything counts."""

MAX_MISSED = 0.1
"""Share of them that a rater may miss: one of ten. Who clicks at random passes once in a hundred
times with ten checks, and once in three hundred with the twelve of a ballot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """What one rater said of one comparison: a line of the rater's file."""

    key: str
    """Of the comparison."""
    choice: str
    """One of `CHOICES`, or `UNDO`."""
    picture: str
    """Key of the picture."""
    left: str
    """Contestant on the left, or `CHECK`."""
    right: str
    """Contestant on the right, or `CHECK`."""
    left_sha256: str
    """Of the file on the left."""
    right_sha256: str
    """Of the file on the right."""
    at: str
    """When, in UTC, as ISO 8601."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rater:
    """How far a rater is to be believed."""

    name: str
    """Who."""
    num_votes: int
    """Votes that stand, checks not counted."""
    num_checks: int
    """Attention checks answered."""
    num_missed: int
    """Those answered wrong; ``same`` is wrong too."""
    votes: tuple[Vote, ...] = ()
    """Those that count: of a rater that counts, of versions that are ranked."""

    @property
    def counts(self) -> bool:
        """Whether the rater's votes count."""
        enough = self.num_checks >= MIN_CHECKS
        return enough and self.num_missed <= MAX_MISSED * self.num_checks

    @property
    def says(self) -> str:
        """Why they count or not, in words."""
        said = f"{self.num_missed} of {self.num_checks} checks missed"
        if self.num_checks < MIN_CHECKS:
            return f"not yet: {said}, {MIN_CHECKS} are needed"
        return f"counts: {said}" if self.counts else f"left out: {said}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Poll:
    """All votes of a study."""

    raters: tuple[Rater, ...]
    """Everybody, by name, each with the votes that count."""
    num_stale: int
    """Votes of raters that count, on versions that are not ranked any more."""

    @property
    def votes(self) -> tuple[Vote, ...]:
        """What counts, of all raters."""
        return tuple(vote for rater in self.raters for vote in rater.votes)


class VoteLog:
    """The votes of one rater: those in the file, and those added; safe for threads."""

    def __init__(self, out: Path, rater: str) -> None:
        path = votes_file(out, rater)
        self._log = LineLog(path, durable=True)
        self._standing = _standing(path)
        self._lock = threading.Lock()

    def add(self, comparison: Comparison, choice: str) -> None:
        """Write a vote down; when this returns, it is on the disk."""
        vote = Vote(
            key=comparison.key,
            choice=choice,
            picture=comparison.picture,
            left=comparison.left.contestant,
            right=comparison.right.contestant,
            left_sha256=comparison.left.sha256,
            right_sha256=comparison.right.sha256,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        with self._lock:
            self._log.append(asdict(vote))
            _stand(self._standing, vote)

    def current(self, ballot: Iterable[Comparison]) -> dict[str, str]:
        """Return key -> choice of the comparisons of `ballot` that were decided as they are now."""
        with self._lock:
            return {
                one.key: vote.choice
                for one in ballot
                if (vote := self._standing.get(one.key))
                and (vote.left_sha256, vote.right_sha256) == (one.left.sha256, one.right.sha256)
            }

    def close(self) -> None:
        """Close the file."""
        self._log.close()


def votes_file(out: Path, rater: str) -> Path:
    """Return the file of a rater.

    Raises:
        UsageError: the name cannot be the name of a file everywhere.
    """
    return out / VOTES / reviewer_file(out, rater).name


def read_poll(out: Path, study: Study) -> Poll:
    """Read the votes of every rater; those on a twin are its stem's.

    Args:
        out: the ranking's folder.
        study: what is ranked now.

    Raises:
        FormatError: a line is no vote.
    """
    raters, num_stale = [], 0
    for path in sorted((out / VOTES).glob("*.jsonl")):
        standing = list(_standing(path).values())
        checks = [vote for vote in standing if CHECK in (vote.left, vote.right)]
        others = [vote for vote in standing if CHECK not in (vote.left, vote.right)]
        rater = Rater(
            name=path.stem,
            num_votes=len(others),
            num_checks=len(checks),
            num_missed=sum(not _passed(vote) for vote in checks),
        )
        if rater.counts:
            ranked = [_of_stems(vote, study.twins) for vote in others]
            kept = tuple(vote for vote in ranked if _holds(vote, study.versions))
            rater = replace(rater, votes=kept)
            num_stale += len(others) - len(kept)
        raters.append(rater)
    return Poll(raters=tuple(raters), num_stale=num_stale)


def outcomes_of(votes: Sequence[Vote], names: Sequence[str]) -> NDArray[np.float64]:
    """Return a row a vote: place of the left one in `names`, of the right one, worth of the left.

    The left one's worth is 1 where it was preferred, 0 where the other was, a half for a tie.
    """
    place = {name: index for index, name in enumerate(names)}
    worth = {"left": 1.0, "same": 0.5, "right": 0.0}
    rows = [(place[vote.left], place[vote.right], worth[vote.choice]) for vote in votes]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def wins_of(outcomes: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return ``wins[i, j]``: times that i was preferred to j, ties half for each.

    Args:
        outcomes: from `outcomes_of`, or some of its rows.
        count: contestants.
    """
    left, right = outcomes[:, 0].astype(int), outcomes[:, 1].astype(int)
    wins = np.zeros((count, count))
    np.add.at(wins, (left, right), outcomes[:, 2])
    np.add.at(wins, (right, left), 1 - outcomes[:, 2])
    return wins


def _passed(vote: Vote) -> bool:
    return vote.choice == ("right" if vote.left == CHECK else "left")


def _of_stems(vote: Vote, twins: Mapping[str, str]) -> Vote:
    """Return a vote on a contestant as one on who made the same pictures and is ranked for both."""
    left, right = (twins.get(name, name) for name in (vote.left, vote.right))
    return replace(vote, left=left, right=right)


def _holds(vote: Vote, versions: Versions) -> bool:
    made = versions.get(vote.picture, {})
    sides = ((vote.left, vote.left_sha256), (vote.right, vote.right_sha256))
    return all(name in made and made[name].sha256 == sha256 for name, sha256 in sides)


def _standing(path: Path) -> dict[str, Vote]:
    found: dict[str, Vote] = {}
    for number, row in read_rows(path):
        values = {name: row.get(name) for name in Vote.__dataclass_fields__}
        words = all(isinstance(value, str) for value in values.values())
        if not words or values["choice"] not in (*CHOICES, UNDO):
            raise FormatError(
                f"{path}, line {number}, is no vote.",
                hint="Only ggt review --pairwise writes these files; take the line away.",
            )
        _stand(found, Vote(**cast("Mapping[str, str]", values)))
    return found


def _stand(found: dict[str, Vote], vote: Vote) -> None:
    if vote.choice == UNDO:
        found.pop(vote.key, None)
    else:
        found[vote.key] = vote

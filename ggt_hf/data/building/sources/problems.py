"""What stands between a source and its pairs: every problem names its files and the fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ggt_hf.errors import GgtError, SourceError

SHOWN = 20
"""Problems printed in an error; the rest stands in the report."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Problem:
    """One reason why something given cannot become a pair."""

    files: tuple[str, ...]
    """What it concerns: paths relative to the source."""
    cause: str
    """A sentence that names it."""
    fix: str
    """An imperative sentence."""
    key: str = ""
    """Key of the pair, where it is a whole pair whose pictures are at fault."""

    @classmethod
    def of(cls, error: GgtError, *files: str) -> Problem:
        """Return the problem that `error` reports about `files`."""
        return cls(files=files, cause=error.message, fix=error.hint)

    def as_fields(self) -> dict[str, Any]:
        """Return what a report holds of it."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.cause} {self.fix}"


def refusal(problems: Sequence[Problem], *, report: str | None) -> SourceError:
    """Return the error that lists `problems`, the first ones in full.

    Args:
        problems: at least one.
        report: where the full list lies, if it was written.
    """
    lines = [f"  - {problem}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        where = f"; all of them: {report}" if report else ""
        lines.append(f"  ... and {len(problems) - SHOWN} more{where}")
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return SourceError(
        f"Nothing was built, because of {count}:\n" + "\n".join(lines),
        hint="Mend them and run the same command again, or leave these out with --drop-bad.",
    )

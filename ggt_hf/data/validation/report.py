"""What a validation says: checks, their outcomes, and findings that name the next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Level = Literal["quick", "default", "full"]
"""How much is looked at.

- ``quick``: structure, manifest and card; no shard is opened;
- ``default``: also every byte and every pixel; stock readers on a sample of whole shards;
- ``full``: stock readers on every pair, streaming and copied.
"""

Check = Literal[
    "structure", "manifest", "card", "hashes", "tars", "keys", "records", "pixels", "readers"
]
Outcome = Literal["pass", "fail", "left out"]
Severity = Literal["error", "warning"]

CHECKS: dict[Check, str] = {
    "structure": "meta/info.json and the files it lists",
    "manifest": "the rows of meta/manifest.parquet",
    "card": "the YAML of README.md",
    "hashes": "size and SHA-256 of every shard",
    "tars": "every header, and every member against the manifest",
    "keys": "three adjacent members a key, each key once",
    "records": "the fields of every JSON member",
    "pixels": "every picture, decoded, and its seek index",
    "readers": "what datasets and webdataset make of it",
}
"""Every check and what it looks at, in the order of the report."""

SHOWN = 20
"""Findings kept of one check in one file; the rest is counted."""


_MAX_TEXT = 400
"""Characters of a finding's text; what stands in a dataset can be of any length."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong."""

    check: Check
    """The check that found it."""
    where: str
    """The file inside the dataset, or the configuration that was read."""
    subject: str | None = None
    """The key or member concerned; ``None`` where it is the whole file."""
    cause: str
    """What is wrong, and what comes of it."""
    hint: str
    """The next step, as an imperative sentence."""
    severity: Severity = "error"
    """A warning is told, and fails nothing."""

    def __str__(self) -> str:
        subject = f" · {self.subject}" if self.subject else ""
        return f"{self.where}{subject}: {self.cause}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """One check: what it looked at, and what it found."""

    name: Check
    """Which check."""
    outcome: Outcome
    """``fail`` when a finding is an error."""
    looked_at: str
    """How much was seen, in words."""
    left_out: str | None = None
    """What was not looked at and why; ``None`` when nothing was left out."""
    num_findings: int = 0
    """All findings, shown or not."""
    findings: tuple[Finding, ...] = ()
    """The first findings of each file, at most `SHOWN`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidationReport:
    """The outcome of every check on one dataset."""

    name: str
    """The folder, or ``namespace/name`` on the Hub."""
    revision: str | None
    """The commit that was read; ``None`` for a folder."""
    level: Level
    """How much was looked at."""
    num_pairs: int
    """Pairs seen in the shards, or listed where no shard was opened."""
    seconds: float
    """Time taken."""
    checks: tuple[CheckResult, ...]
    """Every check, in the order of `CHECKS`."""

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return all(check.outcome != "fail" for check in self.checks)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all checks."""
        return tuple(finding for check in self.checks for finding in check.findings)

    def __getitem__(self, name: Check) -> CheckResult:
        """Return the result of the check `name`."""
        return next(check for check in self.checks if check.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        return {"ok": self.ok, **asdict(self)}


@dataclass(slots=True)
class Ledger:
    """Collects the findings of one file: all are counted, the first of each check are kept.

    Its memory does not grow with the number of findings, and it crosses process boundaries.
    """

    where: str
    """The file that the findings are about, unless one says otherwise."""
    findings: list[Finding] = field(default_factory=list)
    """What is kept."""
    errors: dict[Check, int] = field(default_factory=dict)
    """Number of errors of each check."""
    warnings: dict[Check, int] = field(default_factory=dict)
    """Number of warnings of each check."""

    def add(
        self,
        check: Check,
        cause: str,
        hint: str,
        *,
        subject: str | None = None,
        where: str | None = None,
        severity: Severity = "error",
    ) -> None:
        """Take note of a finding."""
        counts = self.errors if severity == "error" else self.warnings
        counts[check] = counts.get(check, 0) + 1
        if counts[check] <= SHOWN:
            self.findings.append(
                Finding(
                    check=check,
                    where=_tame(where or self.where),
                    subject=None if subject is None else _tame(subject),
                    cause=_tame(cause),
                    hint=hint,
                    severity=severity,
                )
            )

    def count(self, check: Check) -> int:
        """Return the number of errors of `check`."""
        return self.errors.get(check, 0)


def _tame(text: str) -> str:
    """Return text that names from hostile files cannot use against a terminal or a log."""
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return safe if len(safe) <= _MAX_TEXT else f"{safe[:_MAX_TEXT]}..."


def conclude(
    ledgers: list[Ledger], looked_at: Mapping[Check, str], left_out: Mapping[Check, str]
) -> tuple[CheckResult, ...]:
    """Sum up what was found, a result for every check.

    Args:
        ledgers: the findings of every file.
        looked_at: check -> how much it saw; a check without an entry did not run.
        left_out: check -> what it did not see, and why.
    """
    return tuple(
        CheckResult(
            name=name,
            outcome=_outcome(name, ledgers, ran=name in looked_at),
            looked_at=looked_at.get(name, "nothing"),
            left_out=left_out.get(name),
            num_findings=sum(
                ledger.errors.get(name, 0) + ledger.warnings.get(name, 0) for ledger in ledgers
            ),
            findings=tuple(
                finding
                for ledger in ledgers
                for finding in ledger.findings
                if finding.check == name
            ),
        )
        for name in CHECKS
    )


def _outcome(name: Check, ledgers: list[Ledger], *, ran: bool) -> Outcome:
    if any(ledger.count(name) for ledger in ledgers):
        return "fail"
    return "pass" if ran else "left out"

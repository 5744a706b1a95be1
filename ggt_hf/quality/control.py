"""The stages in order, over a folder of candidates, into ``verdicts.jsonl``.

Cheap stages come first, and a later one sees only what the earlier ones did not refuse. A line is
written as soon as a candidate is through, so a run can be killed at any moment; a check is made
again only where its pictures, its limits or its judge changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ggt_hf.errors import GgtError, UsageError
from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.decisions import pair_id
from ggt_hf.quality.examiners import Examiner
from ggt_hf.quality.lookahead import Pool, open_pool
from ggt_hf.quality.verdict_file import StoredVerdict, read_stored, to_row
from ggt_hf.records import OUTCOMES, STAGES, Candidate, Check, Stage, Verdict
from ggt_hf.stages import VERDICTS, LineLog, settle


@dataclass(kw_only=True, slots=True)
class ControlReport:
    """What a run of quality control came to."""

    path: Path
    """The file of verdicts."""
    verdicts: list[Verdict] = field(default_factory=list)
    """Every verdict that stands, in the order of the candidates."""
    num_kept: int = 0
    """Checks that an earlier run had made and that still hold."""
    num_made: int = 0
    """Checks that this run made."""
    failures: dict[str, GgtError] = field(default_factory=dict)
    """Key -> why it could not be judged; it has no verdict, and is tried again next time."""

    def counts(self) -> dict[str, Any]:
        """Return how many came to what, where, and for which first reason."""
        outcomes = Counter(verdict.outcome for verdict in self.verdicts)
        return {
            "candidates": len(self.verdicts) + len(self.failures),
            **{outcome: outcomes[outcome] for outcome in OUTCOMES},
            "failed": len(self.failures),
            "stages": {stage: self._stage(stage) for stage in STAGES if self._seen(stage)},
        }

    def _seen(self, stage: Stage) -> list[Check]:
        return [c for verdict in self.verdicts for c in verdict.checks if c.stage == stage]

    def _stage(self, stage: Stage) -> dict[str, Any]:
        seen = self._seen(stage)
        said = Counter(
            {True: "passed", False: "refused", None: "cannot say"}[c.passed] for c in seen
        )
        reasons = Counter(_first_fault(check.reason) for check in seen if not check.passed)
        return {"seen": len(seen), **said, "reasons": dict(reasons.most_common(12))}


@dataclass(slots=True)
class Passage:
    """One candidate on its way through the stages."""

    candidate: Candidate
    """Who."""
    earlier: Mapping[Stage, Check]
    """Checks of the same pictures from an earlier run."""
    checks: list[Check] = field(default_factory=list)
    """Checks that hold: kept ones, and those made."""
    failure: GgtError | None = None
    """Why it could not be judged."""
    made: int = 0
    """Checks that were made now."""


def control(
    folder: CandidateFolder,
    out: Path,
    examiners: Sequence[Examiner],
    *,
    everything: bool = False,
    num_workers: int = 1,
    advance: Callable[[], object] = lambda: None,
) -> ControlReport:
    """Judge every candidate of a folder.

    Args:
        folder: the candidates.
        out: folder that gets ``verdicts.jsonl``; verdicts that it holds already are gone on with.
        examiners: one a stage, in the order of `STAGES`.
        everything: whether later stages also see what an earlier one refused.
        num_workers: processes for the stages that compute; the outcome is the same for any.
        advance: called for each candidate that is through.

    Raises:
        UsageError: no stage, or stages that are not in their order.
        FormatError: the file of verdicts is damaged.
        ModelError: the judge cannot be used.
    """
    order = [STAGES.index(examiner.stage) for examiner in examiners]
    if not order or order != sorted(set(order)):
        raise UsageError(
            "Quality control needs its stages in order, each once.",
            hint=f"Give some of {', '.join(STAGES)}.",
        )
    path = out / VERDICTS
    stored = read_stored(path)
    report = ControlReport(path=path)
    done: dict[str, StoredVerdict] = {}
    passages = (passage(c, stored.get(c.key)) for c in folder.candidates)
    with open_pool(num_workers) as pool, LineLog(path) as log:
        for unit in lead(passages, folder.root, examiners, pool, everything=everything):
            advance()
            key = unit.candidate.key
            if unit.failure:
                report.failures[key] = unit.failure
                continue
            verdict = Verdict(key=key, checks=tuple(unit.checks))
            done[key] = StoredVerdict(verdict=verdict, pair=pair_id(unit.candidate))
            report.num_made += unit.made
            report.num_kept += len(unit.checks) - unit.made
            if stored.get(key) != done[key]:
                log.append(to_row(done[key]))
    settle(path, map(to_row, done.values()))
    report.verdicts = [found.verdict for found in done.values()]
    return report


def lead(
    passages: Iterator[Passage],
    root: Path,
    examiners: Sequence[Examiner],
    pool: Pool,
    *,
    everything: bool,
) -> Iterator[Passage]:
    """Lead candidates through the stages, in their order; their pictures lie below `root`."""
    flow = passages
    for examiner in examiners:
        flow = _stage(flow, root, examiner, pool, everything)
    return flow


def passage(candidate: Candidate, found: StoredVerdict | None) -> Passage:
    """Return a candidate before its first stage, with the checks of an earlier verdict."""
    same = found is not None and found.pair == pair_id(candidate)
    checks = found.verdict.checks if found and same else ()
    return Passage(candidate, {check.stage: check for check in checks})


def _stage(
    units: Iterator[Passage],
    root: Path,
    examiner: Examiner,
    pool: Pool,
    everything: bool,
) -> Iterator[Passage]:
    """One stage: units in, the same units out, in the same order, one check longer."""

    def work(unit: Passage) -> Candidate | None:
        refused = any(check.passed is False for check in unit.checks)
        if unit.failure or (refused and not everything):
            return None
        kept = unit.earlier.get(examiner.stage)
        if kept and kept.judged_by == examiner.judged_by(unit.candidate):
            unit.checks.append(kept)
            return None
        return unit.candidate

    for unit, found in pool.map(examiner, root, work, units):
        if isinstance(found, GgtError):
            unit.failure = found
        elif found is not None:
            unit.checks.append(found)
            unit.made += 1
        yield unit


def _first_fault(reason: str) -> str:
    """Return what a reason names first, without its numbers."""
    return reason.partition(";")[0].partition(" (")[0].strip(" .")

"""The three stages behind one interface: a candidate and its pictures in, a check out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ggt_hf.errors import FormatError
from ggt_hf.quality.calibration import Calibration
from ggt_hf.quality.decisions import Decision, review_check
from ggt_hf.quality.thresholds import JudgeLimits, Thresholds
from ggt_hf.quality.vlm_judge import Encoded, Judge, check
from ggt_hf.records import Candidate, Check, Stage


class Examiner(Protocol):
    """One stage, ready to work."""

    stage: Stage
    """Which one."""
    batch_size: int
    """Candidates that it is given at once."""
    in_processes: bool
    """Whether it may be sent to other processes (it is pickled then)."""

    def judged_by(self, candidate: Candidate) -> str:
        """Return the `Check.judged_by` it would give: all that its check depends on."""
        ...

    def examine(self, candidates: Sequence[Candidate], pairs: Sequence[Encoded]) -> list[Check]:
        """Examine candidates by their encoded pictures."""
        ...


@dataclass(kw_only=True, slots=True)
class MetricExaminer:
    """Stage 1: the metric gate."""

    thresholds: Thresholds
    """The limits."""
    read_text: bool = True
    """Whether text is compared, where its reader is installed."""
    stage: Stage = "metrics"
    batch_size: int = 1
    in_processes: bool = True

    def judged_by(self, candidate: Candidate) -> str:
        """Return the gate, its thresholds, and whether text is left out."""
        from ggt_hf.quality.metric_gate import GATE

        return f"{GATE} {self.thresholds.name}{'' if self.read_text else ' without text'}"

    def examine(self, candidates: Sequence[Candidate], pairs: Sequence[Encoded]) -> list[Check]:
        """Measure each; raises ImageError where a picture cannot be decoded."""
        return [self._one(*both) for both in zip(candidates, pairs, strict=True)]

    def _one(self, candidate: Candidate, pair: Encoded) -> Check:
        from ggt_hf.images import decode
        from ggt_hf.quality.metric_gate import gate

        if candidate.degradation is None:
            raise FormatError(
                f"The candidate {candidate.key} has no degradation, which limits depend on.",
                hint="Name its category in sources.jsonl, or let ggt prompt find it.",
            )
        lq, gt = decode(pair[0], candidate.lq_path), decode(pair[1], candidate.gt_path)
        found = gate(lq, gt, candidate.degradation, self.thresholds, read_text=self.read_text)
        return replace(found, judged_by=self.judged_by(candidate))


@dataclass(kw_only=True, slots=True)
class JudgeExaminer:
    """Stage 2: a judge, as far as it was shown to know."""

    judge: Judge
    """Who judges."""
    calibration: Calibration
    """What the judge was shown to see."""
    limits: JudgeLimits
    """What its numbers must be."""
    in_processes: bool = False
    """True for a judge that only computes; a model stays where it was loaded."""
    batch_size: int = 8
    stage: Stage = "vlm"

    def judged_by(self, candidate: Candidate) -> str:
        """Return the judge, its limits and its calibration, as `check` writes them."""
        return f"{self.judge.name} {self.limits} {self.calibration.digest}"

    def examine(self, candidates: Sequence[Candidate], pairs: Sequence[Encoded]) -> list[Check]:
        """Judge each; raises as the judge does."""
        found = self.judge.judge_many(pairs)
        return [check(j, self.judge.name, self.limits, self.calibration) for j in found]


@dataclass(kw_only=True, slots=True)
class ReviewExaminer:
    """Stage 3: what people decided so far; who was not asked yet leaves it open."""

    reviews: Mapping[str, Mapping[str, Decision]]
    """Reviewer -> key -> decision, from `read_reviews`."""
    stage: Stage = "review"
    batch_size: int = 64
    in_processes: bool = False

    def judged_by(self, candidate: Candidate) -> str:
        """Return something no check holds: decisions are read anew each time, at no cost."""
        return ""

    def examine(self, candidates: Sequence[Candidate], pairs: Sequence[Encoded]) -> list[Check]:
        """Sum up the decisions of each."""
        return [review_check(candidate.key, self.reviews) for candidate in candidates]

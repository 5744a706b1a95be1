"""How far a judge agrees with rankings that are known: one picture, degraded ever more.

A *ladder* is an input and several restorations of it in a known order: the ground truth, the same
truth degraded again by the input's own weather or damage at rising severity, and at last the
input given back. A judge of scores is right about two rungs where it scores the better one
higher; a judge of preferences, where it prefers it. What it ties counts half, what it cannot say
not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from ggt_hf.evaluation.preference import Preference, Triple
from ggt_hf.quality.calibration import wilson_interval
from ggt_hf.quality.vlm_judge import Encoded, Judgement

SEVERITIES = (0.0, 0.35, 0.7)
"""Of the rungs between the ground truth and the input."""

_INPUT_SEVERITY = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """One input and its restorations, encoded."""

    category: str
    """What dominates the degradation."""
    lq: bytes
    """The input."""
    rungs: tuple[bytes, ...]
    """Restorations, the best first; the last is the input given back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How often a judge ranked two rungs of a ladder as they are."""

    right: float
    """Pairs of rungs ranked right, ties counted half."""
    ties: int
    """Pairs that it found equal."""
    unsaid: int
    """Pairs of which it could not say."""
    total: int
    """Pairs in all."""

    @property
    def accuracy(self) -> float:
        """Share ranked right, 0 to 1; a coin reaches 0.5."""
        return self.right / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval (Wilson, 1927); pairs of one ladder are not independent, so it is
        narrower than it should be."""
        return wilson_interval(round(self.right), self.total)

    def __str__(self) -> str:
        low, high = self.interval
        said = f"{self.accuracy:.0%} right (95 %: {low:.0%} to {high:.0%}) of {self.total} pairs"
        return f"{said}, {self.ties} ties, {self.unsaid} unsaid"


def planted_ladders(num_pictures: int = 12, *, seed: int = 0) -> list[Ladder]:
    """Make ladders of the sample's test photographs, a category each in turn.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    from ggt_hf.degradation import degrade
    from ggt_hf.evaluation.cases import list_cases
    from ggt_hf.evaluation.task import task_of
    from ggt_hf.images import decode, encode_png

    ladders = []
    for case in list_cases(task_of("sample"))[:num_pictures]:
        if case.gt is None or case.category is None:
            continue
        gt = decode(case.gt.read(), case.gt.name)
        versions = [
            encode_png(degrade(gt, case.category, seed=seed, severity=severity).lq)
            for severity in (*SEVERITIES, _INPUT_SEVERITY)
        ]
        lq = versions[-1]
        ladders.append(Ladder(category=case.category, lq=lq, rungs=(encode_png(gt), *versions)))
    return ladders


def score_agreement(
    judge_many: Callable[[Sequence[Encoded]], Sequence[Judgement]], ladders: Sequence[Ladder]
) -> Agreement:
    """Let a judge score every rung; raises as the judge does."""
    asked = [(ladder.lq, rung) for ladder in ladders for rung in ladder.rungs]
    scores = iter(judgement.score for judgement in judge_many(asked))
    outcomes: list[float | None] = []
    for ladder in ladders:
        own = [next(scores) for _ in ladder.rungs]
        outcomes += [_outcome(better, worse) for better, worse in combinations(own, 2)]
    return _counted(outcomes)


def preference_agreement(
    prefer_many: Callable[[Sequence[Triple]], Sequence[Preference]], ladders: Sequence[Ladder]
) -> Agreement:
    """Let a judge choose of every two rungs; raises as the judge does."""
    asked = [
        (ladder.lq, better, worse)
        for ladder in ladders
        for better, worse in combinations(ladder.rungs, 2)
    ]
    worth = {"first": 1.0, "tie": 0.5, "second": 0.0}
    return _counted([worth[found.better] for found in prefer_many(asked)])


def _outcome(better: float | None, worse: float | None) -> float | None:
    if better is None or worse is None:
        return None
    return 0.5 if better == worse else float(better > worse)


def _counted(outcomes: Sequence[float | None]) -> Agreement:
    said = [outcome for outcome in outcomes if outcome is not None]
    return Agreement(
        right=sum(said),
        ties=said.count(0.5),
        unsaid=len(outcomes) - len(said),
        total=len(outcomes),
    )

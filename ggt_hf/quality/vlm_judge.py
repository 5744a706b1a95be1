"""Stage 2: a judge says how much degradation was removed, and how faithful the content stays.

Both are numbers from 0 to 100, D (``removed``) and F (``kept``); the score is sqrt(D * F). This is
a definition of ours, in the spirit of the DF-Score of HarnessIR: question and limits are our own,
and numbers are not comparable with theirs. Each pair is asked about twice, with the pictures in
either order; where the answers differ too far, the judge cannot say.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any, Protocol

from ggt_hf.records import Check

if TYPE_CHECKING:
    from ggt_hf.quality.calibration import Calibration
    from ggt_hf.quality.thresholds import JudgeLimits
    from ggt_hf.vlm import Answer, VisionLanguageModel

TEMPLATE = "judge.v1"
"""Name and version of the question."""

_INPUT, _OUTPUT = "is a degraded photograph, the input.", "is its restoration, to be judged."
_REASON = {"type": "string", "minLength": 1, "maxLength": 600}
_SHARE = {"type": "integer", "minimum": 0, "maximum": 100}

JUDGEMENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "removed_reason": _REASON,
        "removed": _SHARE,
        "kept_reason": _REASON,
        "kept": _SHARE,
    },
    "required": ["removed_reason", "removed", "kept_reason", "kept"],
    "additionalProperties": False,
}
"""What an answer looks like; the reason comes before its number, as thought does."""

Encoded = tuple[bytes, bytes]
"""The encoded input and its candidate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What a judge made of one candidate."""

    removed: float | None = None
    """D: how much of the degradation is gone, 0 to 100; ``None`` = it could not say."""
    kept: float | None = None
    """F: how faithful the content is, 0 to 100; ``None`` = it could not say."""
    gap: float = 0.0
    """Points between the two orders, of D or F, whichever is larger."""
    reason: str
    """Why, in the judge's words; or why it could not say."""

    @property
    def score(self) -> float | None:
        """sqrt(D * F), 0 to 100; ``None`` where the judge could not say."""
        if self.removed is None or self.kept is None:
            return None
        return math.sqrt(self.removed * self.kept)


class Judge(Protocol):
    """Judges candidates by their pictures alone."""

    @property
    def name(self) -> str:
        """All that a judgement depends on beside the pictures: model, revision, question."""
        ...

    def judge_many(self, pairs: Sequence[Encoded]) -> list[Judgement]:
        """Judge each pair; a pair that cannot be judged has no numbers but a reason."""
        ...


class VLMJudge:
    """A vision-language model as judge.

    Args:
        vlm: any that answers questions about two pictures.
        max_gap: see `JudgeLimits`.
    """

    def __init__(self, vlm: VisionLanguageModel, *, max_gap: float) -> None:
        self._vlm = vlm
        self._max_gap = max_gap

    @property
    def name(self) -> str:
        """The question with its hash, the model and its revision, and the gap it may show."""
        digest = hashlib.sha256(_template().template.encode()).hexdigest()[:8]
        model = f"{self._vlm.model_id}@{self._vlm.revision}"
        return f"{TEMPLATE}@{digest} {model} gap<={self._max_gap:g}"

    def judge_many(self, pairs: Sequence[Encoded]) -> list[Judgement]:
        """Ask about each pair in both orders.

        Raises:
            ModelError: the model or its endpoint cannot be used.
            ImageError: a picture cannot be decoded.
        """
        forward = self._ask(pairs, question(swapped=False))
        backward = self._ask([(gt, lq) for lq, gt in pairs], question(swapped=True))
        return [self._agreed(*both) for both in zip(forward, backward, strict=True)]

    def _ask(self, pairs: Sequence[Encoded], words: str) -> list[Answer]:
        return self._vlm.ask_many(pairs, words, schema=JUDGEMENT_SCHEMA)

    def _agreed(self, forward: Answer, backward: Answer) -> Judgement:
        problem = forward.problem or backward.problem
        if problem or forward.data is None or backward.data is None:
            return Judgement(reason=f"the judge's answer cannot be used ({problem})")
        one, other = forward.data, backward.data
        gap = max(abs(one[name] - other[name]) for name in ("removed", "kept"))
        if gap > self._max_gap:
            numbers = f"{_numbers(one)}, with the pictures swapped {_numbers(other)}"
            return Judgement(gap=gap, reason=f"the judge contradicts itself: {numbers}")
        return Judgement(
            removed=(one["removed"] + other["removed"]) / 2,
            kept=(one["kept"] + other["kept"]) / 2,
            gap=gap,
            reason=f"removed: {_line(one['removed_reason'])} kept: {_line(one['kept_reason'])}",
        )


def question(*, swapped: bool) -> str:
    """Return what a model is asked of an input and its candidate, or of the two swapped."""
    roles = (_OUTPUT, _INPUT) if swapped else (_INPUT, _OUTPUT)
    return _template().substitute(
        first=f"The first picture {roles[0]}", second=f"The second picture {roles[1]}"
    )


def check(
    judgement: Judgement, judged_by: str, limits: JudgeLimits, calibration: Calibration
) -> Check:
    """Turn a judgement into a decision, as far as its judge has been shown to know.

    Args:
        judgement: what the judge said.
        judged_by: its name.
        limits: what its numbers must be.
        calibration: how it did on planted faults; what it failed there is said, and where it
            failed at the very things its numbers mean, it decides nothing.
    """
    named = {"removed": judgement.removed, "kept": judgement.kept, "df": judgement.score}
    scores = {name: round(value, 3) for name, value in named.items() if value is not None}
    scores["order_gap"] = round(judgement.gap, 3)
    return Check(
        stage="vlm",
        passed=_decide(judgement, limits) if calibration.usable else None,
        scores=scores,
        reason="; ".join([*_faults(judgement, limits), judgement.reason, *calibration.remarks]),
        judged_by=f"{judged_by} {limits} {calibration.digest}",
    )


def _decide(judgement: Judgement, limits: JudgeLimits) -> bool | None:
    if judgement.removed is None or judgement.kept is None:
        return None
    return not _faults(judgement, limits)


def _faults(judgement: Judgement, limits: JudgeLimits) -> list[str]:
    if judgement.removed is None or judgement.kept is None:
        return ["the judge cannot say"]
    found = []
    if judgement.removed < limits.min_removed:
        found.append(
            f"the degradation is still there (removed {judgement.removed:.0f},"
            f" at least {limits.min_removed:g})"
        )
    if judgement.kept < limits.min_kept:
        found.append(
            f"the content changed (kept {judgement.kept:.0f}, at least {limits.min_kept:g})"
        )
    return found


def _numbers(data: dict[str, Any]) -> str:
    return f"removed {data['removed']}, kept {data['kept']}"


def _line(words: str) -> str:
    return " ".join(words.split())


@cache
def _template() -> Template:
    path = files(__package__) / "templates" / f"{TEMPLATE}.txt"
    return Template(path.read_text(encoding="utf-8"))

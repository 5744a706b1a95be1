"""A judge without a question: it observes both pictures, and measures what stage 1 measures.

D is how far the severity of what an observer sees went down, as in RealIR-Bench's comparison of
severities before and after, or how far the finest texture (noise, streaks, grain, blocks) ceased
to be the input's, whichever says more; F is what alignment, tone and sharpness leave of 100. The
curves are ours. With the observer ``rules`` no model is needed, and no text is understood.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ggt_hf.images import decode
from ggt_hf.quality.vlm_judge import Encoded, Judgement

if TYPE_CHECKING:
    from ggt_hf.records import Observation
    from ggt_hf.vlm import VisionLanguageModel

VERSION = "4"
"""Raised whenever the same pair would be judged otherwise."""

_TOLERANCES: Mapping[str, tuple[float, float, float]] = {
    "shift": (0.0, 0.2, 3.0),
    "scale": (0.0, 0.1, 2.0),
    "rotation": (0.0, 0.05, 1.5),
    "warp": (0.0, 0.5, 1.5),
    "hue": (0.0, 6.0, 30.0),
    "tint": (0.0, 0.4, 1.0),
    "sharpness_gain": (-0.5, 0.3, 1.0),
    "support": (0.3, 1.0, 0.5),
}
"""Score of stage 1 -> (lowest, highest that costs nothing, how far beyond leaves a third of F)."""


class ObservingJudge:
    """Judges by what an observer sees in either picture alone, and by measures of change.

    Each picture is looked at by itself, so there is no order that could matter.

    Args:
        observer: answers the question of `ggt_hf.vlm.observation`.
    """

    def __init__(self, observer: VisionLanguageModel) -> None:
        self._observer = observer

    @property
    def name(self) -> str:
        """The observer and its revision, and the version of the measures."""
        return f"measures.v{VERSION} observer {self._observer.model_id}@{self._observer.revision}"

    def judge_many(self, pairs: Sequence[Encoded]) -> list[Judgement]:
        """Judge each pair; raises as `VLMJudge.judge_many`, MissingExtraError without OpenCV."""
        from ggt_hf.vlm.observation import observe_many

        seen = observe_many(self._observer, [picture for pair in pairs for picture in pair])
        return [
            self._judge(pair, before[0], after[0])
            for pair, before, after in zip(pairs, seen[::2], seen[1::2], strict=True)
        ]

    def _judge(
        self, pair: Encoded, before: Observation | None, after: Observation | None
    ) -> Judgement:
        if before is None or after is None:
            return Judgement(reason="the observer's answer cannot be used")
        severity, left = _severity(before), _severity(after)
        if severity == 0:
            return Judgement(reason="the observer sees no degradation in the input")
        scores = _measured(pair)
        if scores is None:
            return Judgement(reason="pictures of two sizes, or smaller than can be measured")
        kept, cause = _kept(scores)
        removed = max(0.0, 1 - left / severity, _texture_gone(scores))
        reason = f"removed: severities sum to {severity} before and {left} after; kept: {cause}"
        return Judgement(removed=100 * removed, kept=kept, reason=reason)


def _severity(observation: Observation) -> int:
    return sum(effect.severity for effect in observation.effects)


def _measured(pair: Encoded) -> Mapping[str, float] | None:
    from ggt_hf.quality.measuring import measure
    from ggt_hf.quality.metric_gate import MIN_SIDE

    lq, gt = (decode(data, "the picture") for data in pair)
    if lq.shape != gt.shape or min(lq.shape[:2]) < MIN_SIDE:
        return None
    return measure(lq, gt, read_text=False).scores


def _texture_gone(scores: Mapping[str, float]) -> float:
    """Return 0 where the finest texture is the input's, 1 where half of it is something else."""
    return min(1.0, max(0.0, (1 - scores["detail_kept"]) / 0.5))


def _kept(scores: Mapping[str, float]) -> tuple[float, str]:
    """Return F and its largest cause."""
    losses = {
        name: max(0.0, low - scores[name], scores[name] - high) / scale
        for name, (low, high, scale) in _TOLERANCES.items()
        if name in scores
    }
    worst = max(losses, key=lambda name: losses[name])
    cause = f"{worst} {scores[worst]:.3g} weighs most" if losses[worst] else "nothing moved"
    return 100 * math.exp(-sum(losses.values())), cause

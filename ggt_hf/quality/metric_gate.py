"""Stage 1 of quality control: measure a candidate against its input, and hold it to limits.

A gate that measures cannot see everything that a model or a person sees; it is cheap, it never
tires, and each of its decisions names the number and the limit it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ggt_hf.errors import MissingExtraError, UsageError
from ggt_hf.quality.joint import TONE
from ggt_hf.quality.scores import SCORES
from ggt_hf.quality.thresholds import Limit, Thresholds, default_thresholds
from ggt_hf.records import DEGRADATIONS, Check, Degradation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GATE = "ggt_hf.metric_gate/5"
"""Name and version of what is measured; raised whenever the same pair would score otherwise."""

MIN_SIDE = 64
"""Pixels of the shorter side under which a pair is refused unmeasured."""


def gate(
    lq: NDArray[np.uint8],
    gt: NDArray[np.uint8],
    degradation: Degradation,
    thresholds: Thresholds | None = None,
    *,
    read_text: bool = True,
    extra_scores: Mapping[str, float] | None = None,
) -> Check:
    """Measure a candidate and decide whether it may go on to the judge.

    Args:
        lq: the degraded input, RGB, ``uint8``, ``(H, W, 3)``.
        gt: the candidate, RGB, ``uint8``; any size, though another than the input's is a fault.
        degradation: the category of the input, which limits depend on.
        thresholds: the limits; ours where None.
        read_text: whether to look for altered text, where RapidOCR is installed.
        extra_scores: scores measured elsewhere (such as a pyiqa metric), kept with ours.

    Returns:
        A check whose `reason` names every limit that was broken, and what was left out.

    Raises:
        UsageError: a picture of another kind than said, or an unknown category.
        MissingExtraError: OpenCV is not installed.
    """
    _require_opencv()
    _check_arguments(lq, gt, degradation)
    limits = thresholds or default_thresholds()
    judged_by = f"{GATE} {limits.name}"
    unfit = _unfit(lq, gt)
    if unfit:
        return Check(stage="metrics", passed=False, scores={}, reason=unfit, judged_by=judged_by)
    from ggt_hf.quality.measuring import measure

    measured = measure(lq, gt, read_text=read_text)
    scores = joined({**(extra_scores or {}), **measured.scores}, degradation, limits)
    faults = [
        _words(limit, scores, degradation, limits) for limit in _over(scores, degradation, limits)
    ]
    remarks = list(measured.left_out)
    opening = "; ".join(faults) if faults else "every measure is within its limits"
    return Check(
        stage="metrics",
        passed=not faults,
        scores={name: round(value, 5) for name, value in scores.items() if math.isfinite(value)},
        reason="; ".join([opening, *remarks]) + ".",
        judged_by=judged_by,
    )


def broken(
    scores: Mapping[str, float], degradation: Degradation, thresholds: Thresholds
) -> list[Limit]:
    """Return the limits that `scores` break; a score that was not measured breaks none."""
    return _over(joined(scores, degradation, thresholds), degradation, thresholds)


def joined(
    scores: Mapping[str, float], degradation: Degradation, thresholds: Thresholds
) -> dict[str, float]:
    """Return the scores and, where it can be counted, the one that is made of several."""
    joint = thresholds.tone.get(degradation)
    distance = joint.distance(scores) if joint else None
    return {**scores, TONE: distance.value} if distance else dict(scores)


def _over(
    scores: Mapping[str, float], degradation: Degradation, thresholds: Thresholds
) -> list[Limit]:
    return [
        limit
        for limit in thresholds.limits[degradation]
        if limit.score in scores and not limit.allows(scores[limit.score])
    ]


def _words(
    limit: Limit, scores: Mapping[str, float], degradation: Degradation, thresholds: Thresholds
) -> str:
    kind, value = SCORES[limit.score], scores[limit.score]
    under = value < limit.low
    word, bound = (kind.low, limit.low) if under else (kind.high, limit.high)
    side = "least" if under else "most"
    compared = f"{limit.score} {value:.3g}{kind.unit}, at {side} {bound:.3g}{kind.unit}"
    distance = thresholds.tone[degradation].distance(scores) if limit.score == TONE else None
    if distance:
        score, usual = distance.furthest.score, distance.furthest.usual
        part = SCORES[score]
        word = (part.low if scores[score] < usual else part.high) or word
        compared = f"{score} {scores[score]:.3g}{part.unit}, usually {usual:.3g}; {compared}"
    return f"{word} ({compared})"


def _unfit(lq: NDArray[np.uint8], gt: NDArray[np.uint8]) -> str:
    """Say why a pair cannot be measured; empty where it can."""
    if lq.shape != gt.shape:
        return f"the candidate is {_size(gt)} pixels, its input {_size(lq)}."
    if min(lq.shape[:2]) < MIN_SIDE:
        return f"the pair is {_size(lq)} pixels; sides under {MIN_SIDE} cannot be measured."
    return ""


def _size(picture: NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"


def _check_arguments(
    lq: NDArray[np.uint8], gt: NDArray[np.uint8], degradation: Degradation
) -> None:
    if degradation not in DEGRADATIONS:
        raise UsageError(
            f"There is no degradation {degradation!r}.",
            hint=f"Choose one of {', '.join(DEGRADATIONS)}.",
        )
    for name, picture in (("input", lq), ("candidate", gt)):
        shape: tuple[int, ...] = getattr(picture, "shape", ())
        dtype = getattr(picture, "dtype", None)
        if dtype != "uint8" or len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise UsageError(
                f"The {name} is {dtype} {tuple(shape)}.",
                hint="Give RGB uint8 of shape (H, W, 3), as ggt_hf.images.decode does.",
            )


def _require_opencv() -> None:
    try:
        import cv2  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("opencv-python-headless", "qc", "Quality control") from error

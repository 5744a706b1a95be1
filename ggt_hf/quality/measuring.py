"""Every score of stage 1 for one pair, by the names of `scores.SCORES`."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ggt_hf.quality.alignment import Alignment, measure_alignment
from ggt_hf.quality.planes import Picture, Plane, blurred, luminance
from ggt_hf.quality.sharpness import measure_sharpness
from ggt_hf.quality.structure import measure_structure
from ggt_hf.quality.text import compare_text, is_installed
from ggt_hf.quality.tone import ToneDrift, measure_tone

_NEAR = np.ones((15, 15), np.uint8)
"""Where something dark is looked for: a photograph has it near everywhere (He et al., 2009)."""
_DETAIL = 1.5
_MAX_PSNR = 100.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What could be measured of one pair, and what could not."""

    scores: dict[str, float]
    """Name -> value."""
    left_out: tuple[str, ...]
    """Probes that were not made, each with the cause, as words for a reason."""


def measure(lq: Picture, gt: Picture, *, read_text: bool = True) -> Measured:
    """Measure a candidate against its input.

    Args:
        lq: RGB, ``uint8``, ``(H, W, 3)``, sides of at least 64 pixels.
        gt: the candidate, of the same shape.
        read_text: whether to compare the text in both, where RapidOCR is installed.
    """
    before, after = luminance(lq), luminance(gt)
    scores = _likeness(lq, gt, before, after)
    left_out = []
    alignment = measure_alignment(lq, gt)
    if alignment and alignment.believed:
        scores |= _alignment_scores(alignment)
    else:
        left_out.append("alignment was not measured (too little of the input was found again)")
    scores["support"] = alignment.support if alignment else 0.0
    scores |= tone_scores(measure_tone(lq, gt))
    scores |= _structure_scores(before, after)
    scores |= _sharpness_scores(before, after)
    if read_text and is_installed():
        change = compare_text(lq, gt)
        scores |= {"text_kept": change.kept, "text_lines": float(change.lines)}
    else:
        left_out.append(f"text was not read ({'as asked' if not read_text else 'no RapidOCR'})")
    return Measured(scores=scores, left_out=tuple(left_out))


def _likeness(lq: Picture, gt: Picture, before: Plane, after: Plane) -> dict[str, float]:
    mean_square = cv2.norm(lq, gt, cv2.NORM_L2SQR) / lq.size
    fine, other = before - blurred(before, _DETAIL), after - blurred(after, _DETAIL)
    shared = float((fine * other).sum())
    power = float((fine * fine).sum()) * float((other * other).sum())
    return {
        "psnr_to_input": min(_MAX_PSNR, float(10 * np.log10(255**2 / max(mean_square, 1e-9)))),
        "detail_kept": float(shared / (np.sqrt(power) + 1.0)),
        "brightness": float(after.mean()),
        "contrast": float(after.std()),
        "darkest": float(np.percentile(cv2.erode(gt.min(axis=2), _NEAR), 1)),
        "brightest": float(np.percentile(gt.max(axis=2), 98)),
        "crushed": float(np.count_nonzero(gt == 0)) / gt.size,
        "blown": float(np.count_nonzero(gt == 255)) / gt.size,
    }


def _alignment_scores(alignment: Alignment) -> dict[str, float]:
    return {
        "shift": alignment.shift,
        "scale": abs(alignment.scale),
        "rotation": abs(alignment.rotation),
        "warp": alignment.warp,
    }


def tone_scores(tone: ToneDrift) -> dict[str, float]:
    """Return a drift of tone by the names of its scores."""
    return {
        "gain": tone.gain,
        "at_black": tone.at_black,
        "at_white": tone.at_white,
        "at_veil": tone.at_veil,
        "gamma": tone.gamma,
        "drift": tone.drift,
        "drift_power": tone.drift_power,
        "drift_offset": tone.drift_offset,
        "chroma": tone.chroma,
        "tint": abs(tone.tint),
        "hue": tone.certain_hue,
    }


def _structure_scores(before: Plane, after: Plane) -> dict[str, float]:
    kept = measure_structure(before, after)
    return {
        "structure": kept.overall,
        "least_lost": kept.least_lost,
        "least_gained": kept.least_gained,
        "vanished": kept.vanished,
        "appeared": kept.appeared,
    }


def _sharpness_scores(before: Plane, after: Plane) -> dict[str, float]:
    old, new = measure_sharpness(before), measure_sharpness(after)
    return {
        "fine": new.fine,
        "middle": new.middle,
        "sharpness_gain": new.middle - old.middle,
        "peaks": new.peaks,
        "naturalness": new.naturalness,
        "naturalness_gain": new.naturalness - old.naturalness,
    }

"""Whether words that can be read in the input still stand in the candidate (RapidOCR)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from ggt_hf.errors import MissingExtraError
from ggt_hf.quality.planes import Picture

MIN_CONFIDENCE = 0.8
"""How sure the reader must be of a line in the input for it to count; ours, from 0 to 1."""
MIN_LETTERS = 3
"""Letters and digits that a line must have: shorter ones are too often texture misread."""

_THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True, kw_only=True, slots=True)
class TextLine:
    """One line of text in a picture."""

    text: str
    """Letters and digits, upper case, nothing else."""
    confidence: float
    """How sure the reader is, 0 to 1."""
    x: float
    """Centre, in pixels from the left."""
    y: float
    """Centre, in pixels from the top."""
    height: float
    """Pixels from top to bottom."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextChange:
    """What became of the text."""

    kept: float
    """Likeness of the most altered line with what stands in its place, 0 to 1; 1 = all kept."""
    lines: int
    """How many lines of the input could be read and were looked for."""
    before: str
    """The most altered line as the input has it; empty where no line was read."""
    after: str
    """What stands in its place; empty where nothing does."""


def is_installed() -> bool:
    """Say whether text can be read here."""
    from importlib.util import find_spec

    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


def read_text(picture: Picture) -> list[TextLine]:
    """Read the lines of text in a picture, RGB ``uint8`` ``(H, W, 3)``.

    Raises:
        MissingExtraError: RapidOCR is not installed.
    """
    found = _reader()(picture[..., ::-1].copy(), use_cls=False)
    if found.boxes is None or found.txts is None or found.scores is None:
        return []
    lines = []
    for box, text, confidence in zip(found.boxes, found.txts, found.scores, strict=True):
        (x, y), (top, bottom) = box.mean(axis=0), (box[:, 1].min(), box[:, 1].max())
        lines.append(
            TextLine(
                text="".join(c for c in text.upper() if c.isalnum()),
                confidence=float(confidence),
                x=float(x),
                y=float(y),
                height=float(bottom - top),
            )
        )
    return lines


def compare_text(lq: Picture, gt: Picture) -> TextChange:
    """Read both pictures and find each sure line of the input again in the candidate.

    Text that only the candidate shows counts for nothing: a better picture shows more of it.

    Raises:
        MissingExtraError: RapidOCR is not installed.
    """
    sure = [
        line
        for line in read_text(lq)
        if line.confidence >= MIN_CONFIDENCE and len(line.text) >= MIN_LETTERS
    ]
    after = read_text(gt) if sure else []
    worst = TextChange(kept=1.0, lines=len(sure), before="", after="")
    for line in sure:
        likeness, text = _again(line, after)
        if likeness < worst.kept:
            worst = TextChange(kept=likeness, lines=len(sure), before=line.text, after=text)
    return worst


def _again(line: TextLine, others: list[TextLine]) -> tuple[float, str]:
    """Return the best likeness with a line near the same place, and its text."""
    reach = max(line.height * 1.5, 12.0)
    near = [o for o in others if abs(o.y - line.y) < reach and abs(o.x - line.x) < 4 * reach]
    likeness = [(SequenceMatcher(None, line.text, o.text).ratio(), o.text) for o in near]
    return max(likeness, default=(0.0, ""))


@lru_cache(maxsize=1)
def _reader() -> Any:
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingExtraError.of("rapidocr", "ocr", "The text probe") from error
    threads = int(os.environ.get(_THREADS, "0") or 0) or -1
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        }
    )

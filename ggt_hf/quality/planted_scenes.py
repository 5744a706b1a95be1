"""Pairs of the embedded sample with faults planted into their targets, to try a judge with."""

from __future__ import annotations

import io
import json
from itertools import chain, zip_longest

import cv2
import numpy as np
from PIL import Image

from ggt_hf import sample
from ggt_hf.images import decode
from ggt_hf.quality.calibration import PlantedCase
from ggt_hf.quality.faults import WORDS, write_text
from ggt_hf.quality.planes import Picture
from ggt_hf.quality.planting import FaultKind, plant
from ggt_hf.records import DEGRADATIONS


def sample_scenes(count: int) -> list[tuple[Picture, Picture]]:
    """Return inputs and good targets of the sample, of each category in turn."""
    rows = [json.loads(line) for line in sample.PAIRS.read_text(encoding="utf-8").splitlines()]
    by_category = [[row for row in rows if row["category"] == name] for name in DEGRADATIONS]
    turns = chain.from_iterable(zip_longest(*by_category))
    chosen = [row for row in turns if row is not None][:count]
    return [(_read(row["lq"]), _read(row["gt"])) for row in chosen]


def plant_case(
    kind: FaultKind, lq: Picture, gt: Picture, other: Picture, *, seed: int
) -> PlantedCase:
    """Plant one fault, and keep the good target beside it.

    Args:
        kind: the fault.
        lq: the input, RGB ``uint8`` ``(H, W, 3)``.
        gt: its good target, of the same shape.
        other: another photograph, of any size.
        seed: of place and strength.
    """
    if kind == "text_altered":
        return _rewritten(lq, gt, seed)
    height, width = gt.shape[:2]
    fitted = cv2.resize(other, (width, height), interpolation=cv2.INTER_AREA)
    planted = plant(kind, lq, gt, fitted.astype(np.uint8), seed=seed)
    return _case(kind, lq, gt, planted.gt)


def _rewritten(lq: Picture, gt: Picture, seed: int) -> PlantedCase:
    """Write one word into input and good target, and another of its length into the faulty one."""
    rng = np.random.default_rng([seed, 11])
    word = str(rng.choice(WORDS))
    others = [w for w in WORDS if w != word and len(w) == len(word)] or [word[::-1]]
    written = write_text(gt, word, seed=seed)
    faulty = write_text(gt, str(rng.choice(others)), seed=seed)
    return _case("text_altered", write_text(lq, word, seed=seed), written, faulty)


def _case(kind: str, lq: Picture, good: Picture, faulty: Picture) -> PlantedCase:
    before = _png(lq)
    return PlantedCase(kind=kind, good=(before, _png(good)), faulty=(before, _png(faulty)))


def _read(path: str) -> Picture:
    return decode((sample.ROOT / path).read_bytes(), path)


def _png(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()

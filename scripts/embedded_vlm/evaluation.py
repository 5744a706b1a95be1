"""How good the embedded model is: on simulated pictures of held-out photographs, and on real ones.

Everything goes through the path that users take: `ggt_hf.vlm.load` and `observe_many`.
"""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image

from ggt_hf.records import DEGRADATIONS, EFFECTS, Observation
from ggt_hf.vlm.chat import VisionLanguageModel
from ggt_hf.vlm.observation import observe_many
from scripts.embedded_vlm.language import severity_level
from scripts.embedded_vlm.pictures import LEAST
from scripts.embedded_vlm.simulation import Labels, photographs, simulated

LOG = logging.getLogger(__name__)

Judged = tuple[Labels, Observation | None]

BANDS = (0.1, 0.25, 0.5, 0.75, 1.0)
"""The simulator draws severities evenly from 0.1 to 1; accuracy is told for each band of them."""


def evaluate_simulated(
    models: dict[str, VisionLanguageModel], photos: Path, *, count: int, seed: int
) -> dict[str, Any]:
    """Simulate `count` pictures of the photographs, show them to each model, and score those."""
    paths = photographs(photos)
    judged: dict[str, list[Judged]] = {name: [] for name in models}
    for start in range(0, count, len(DEGRADATIONS)):
        made = [simulated(paths, start + i, seed) for i in range(len(DEGRADATIONS))]
        shown = [Image.fromarray(degraded.lq) for degraded, _ in made]
        for name, vlm in models.items():
            seen = [observation for observation, _ in observe_many(vlm, shown)]
            judged[name] += zip((labels for _, labels in made), seen, strict=True)
    return {
        "photographs": len(paths),
        "pictures": len(judged[next(iter(models))]),
        "models": {name: scores(pairs) for name, pairs in judged.items()},
    }


def evaluate_real(models: dict[str, VisionLanguageModel], table: Path) -> dict[str, Any]:
    """Show really degraded photographs to each model; only their category is known.

    Args:
        models: name -> model.
        table: a CSV with the columns ``file`` (beside the table), ``role`` and ``category``; rows
            whose role is ``lq`` count.
    """
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["role"] == "lq"]
    shown = [(table.parent / row["file"]).read_bytes() for row in rows]
    right = [row["category"] for row in rows]
    results = {}
    for name, vlm in models.items():
        said = [seen.category if seen else None for seen, _ in observe_many(vlm, shown)]
        results[name] = accuracy(zip(right, said, strict=True))
    return {"pictures": len(rows), "models": results}


def scores(pairs: list[Judged]) -> dict[str, Any]:
    """Return accuracy by category, and by effect how often it is found and how far off."""
    result = accuracy((labels.category, seen.category if seen else None) for labels, seen in pairs)
    result["unusable_answers"] = sum(seen is None for _, seen in pairs)
    result["by_severity"] = [_within(low, high, pairs) for low, high in pairwise(BANDS)]
    result["effects"] = {name: _effect_scores(name, pairs) for name in EFFECTS}
    return result


def accuracy(pairs: Iterable[tuple[str, str | None]]) -> dict[str, Any]:
    """Return top-1 accuracy in all and by category, and what was said for what."""
    confusion = Counter(pairs)
    by_category, said = {}, {}
    for category in DEGRADATIONS:
        row = {other: n for (right, other), n in confusion.items() if right == category}
        if row:
            by_category[category] = {
                "pictures": sum(row.values()),
                "top1": round(row.get(category, 0) / sum(row.values()), 3),
            }
            said[category] = {str(k): n for k, n in sorted(row.items(), key=lambda i: -i[1])}
    hits = sum(n for (right, other), n in confusion.items() if right == other)
    return {
        "top1": round(hits / max(1, confusion.total()), 3),
        "by_category": by_category,
        "said": said,
    }


def _within(low: float, high: float, pairs: list[Judged]) -> dict[str, Any]:
    """Return the accuracy of the category among pictures whose severity is in (low, high]."""
    right = [
        seen is not None and seen.category == labels.category
        for labels, seen in pairs
        if low < labels.severity <= high
    ]
    top1 = round(sum(right) / len(right), 3) if right else None
    return {"from": low, "to": high, "pictures": len(right), "top1": top1}


def _effect_scores(name: str, pairs: list[Judged]) -> dict[str, Any]:
    there = named = both = 0
    off = 0
    for labels, seen in pairs:
        severity = labels.effects.get(name, 0.0)
        levels = {effect.name: effect.severity for effect in seen.effects} if seen else {}
        there += severity >= LEAST
        named += name in levels
        if severity >= LEAST and name in levels:
            both += 1
            off += abs(levels[name] - severity_level(severity))
    return {
        "recall": round(both / there, 3) if there else None,
        "precision": round(both / named, 3) if named else None,
        "levels_off": round(off / both, 2) if both else None,
    }

"""The embedded default: a few real photographs, so that everything runs offline on first try.

``pairs.jsonl`` is a source for `ggt build`: clean photographs beside simulated low-quality
versions of them. ``real/`` holds really degraded photographs, which have no ground truth.
``CREDITS.csv`` says of each file whose it is; ``scripts/make_sample.py`` makes them all again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import cast

from ggt_hf.records import Degradation

ROOT = Path(str(files(__package__)))
"""The folder that holds the sample."""

PAIRS = ROOT / "pairs.jsonl"
"""One line a pair, with paths relative to it, licences, credits and provenance."""

CREDITS = ROOT / "CREDITS.csv"
"""One row a file: whose it is, where it comes from, how it was made, its sha256."""

__all__ = ["CREDITS", "PAIRS", "ROOT", "RealPhotograph", "real_photographs"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RealPhotograph:
    """A really degraded photograph; nobody has a clean version of it."""

    key: str
    """Unique among them; in the alphabet of a pair's key."""
    path: Path
    """The JPEG file, its long side at most 512 pixels."""
    degradation: Degradation
    """What dominates."""
    license: str
    """SPDX identifier, or the words of the source."""
    credit: str
    """Whom to name."""
    source: str
    """The package and the file in it that the photograph comes from."""


def real_photographs() -> Iterator[RealPhotograph]:
    """Yield the really degraded photographs, sorted by category and key."""
    with CREDITS.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if row["role"] == "real":
                path = ROOT / row["path"]
                yield RealPhotograph(
                    key=path.stem,
                    path=path,
                    degradation=cast("Degradation", row["category"]),
                    license=row["license"],
                    credit=row["credit"],
                    source=row["source"],
                )

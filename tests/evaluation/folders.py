"""Folders of pictures to be evaluated, and restorers whose results are known."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.making import encoded, picture

SIZE = (48, 40)


def make_pairs(root: Path, count: int = 6) -> Path:
    """``root/<category>/LQ|GT/pN.png``: ground truths, and darker versions of them."""
    for number in range(count):
        category = ("rain", "haze")[number % 2]
        for side, pixels in (
            ("LQ", darker(picture(number, *SIZE))),
            ("GT", picture(number, *SIZE)),
        ):
            folder = root / category / side
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"p{number}.png").write_bytes(encoded(pixels))
    return root


def make_pictures(root: Path, count: int = 3) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (root / f"photo {number}.png").write_bytes(encoded(picture(number, *SIZE)))
    return root


def darker(pixels):
    return (pixels // 2).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class Brighter:
    """Adds `by`; writes a line for each picture it is given, and may be told to fail or to wait."""

    name: str = "brighter"
    by: int = 40
    log: Path | None = None
    fails_on: int | None = None
    wait: float = 0.0

    def identity(self):
        return {"kind": "test", "by": self.by}

    def output(self, task, case):
        return None

    def open(self):
        return self._run

    def _run(self, pixels, seed):
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{os.getpid()} {seed}\n")
        time.sleep(self.wait)
        if self.fails_on is not None and (pixels == darker(picture(self.fails_on, *SIZE))).all():
            raise RuntimeError("it broke")
        return np.clip(pixels.astype(int) + self.by, 0, 255).astype(np.uint8)


def calls(log: Path) -> int:
    return len(log.read_text().splitlines()) if log.exists() else 0

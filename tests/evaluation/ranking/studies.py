"""Small studies: versions of pictures as raters compare them, and editors to be predicted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ggt_hf.evaluation.ranking.ballot import Version, Versions
from ggt_hf.evaluation.ranking.study import Study
from ggt_hf.synthesis.editors.offline import FunctionEditor
from ggt_hf.synthesis.prompting import FixedPrompter
from tests.making import encoded, picture


def make_versions(root: Path, names: list[str], count: int = 6) -> dict[str, dict[str, Version]]:
    """Every contestant's version of every picture, as files; each of another brightness."""
    root.mkdir(parents=True, exist_ok=True)
    made: dict[str, dict[str, Version]] = {}
    for number in range(count):
        for place, name in enumerate(names):
            pixels = np.clip(picture(number, 64, 48) * 0.5 + 20 * place, 0, 255).astype(np.uint8)
            path = root / f"{number}-{place}.png"
            path.write_bytes(encoded(pixels))
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            version = Version(contestant=name, path=path, sha256=sha256)
            made.setdefault(f"p{number}", {})[name] = version
    return made


def study_of(versions: Versions, twins: dict[str, str] | None = None) -> Study:
    """A study of these versions, of whose pictures nothing is known."""
    return Study(versions=versions, twins=twins or {}, about={})


def brightener(by: int, log: Path | None = None, *, price: float = 0.0) -> FunctionEditor:
    """An editor that adds `by`, and three more where it is not told the fixed prompt."""
    fixed = FixedPrompter(per_category=True).prompt(None).text

    def run(pixels, prompt, seed):
        if log is not None:
            with log.open("a") as file:
                file.write(f"{prompt == fixed}\n")
        return np.clip(pixels.astype(int) + by + 3 * (prompt != fixed), 0, 255).astype(np.uint8)

    made = FunctionEditor(run, id=f"brightener-{by}", revision="1")
    made.price = price
    return made

"""Measure the embedded restorer on photographs that it never saw, beside a classical method.

    python scripts/measure_embedded_restorer.py PHOTOS_DIR [--others DIR] [--restorer DIR]

PHOTOS_DIR is the folder that scripts/train_embedded_restorer.py was given: its test photographs
count, and all of OTHERS_DIR, degraded once in every category and view. The classical method is
that of the package (`ggt_hf.restoration.methods`: non-local means, then CLAHE on lightness); its
two strengths are chosen on the validation photographs; they are the package's. Writes the
restorer with its card into OUT, ready for ggt_hf/sample/restorer: README.md, measured.json,
pictures.jpg and the pipeline.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from restorer_card import WHOLE, draw, write_card
from restorer_pairs import psnr, split_photographs, ssim, validation_pairs

from ggt_hf import sample
from ggt_hf.data.streaming.order import salt
from ggt_hf.data.streaming.simulated import SUFFIXES
from ggt_hf.degradation import degrade
from ggt_hf.images import decode
from ggt_hf.records import DEGRADATIONS, Degradation
from ggt_hf.restoration.loading import load_restorer
from ggt_hf.restoration.methods import Classical

Pixels = NDArray[np.uint8]
Method = Callable[[Pixels], Pixels]
"""Takes and gives RGB ``(H, W, 3)``."""
Trial = tuple[Degradation, Pixels, Pixels]
"""Category, LQ and GT."""


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS_DIR")
    parser.add_argument("--others", type=Path, help="more photographs that never trained")
    parser.add_argument("--restorer", default="embedded")
    parser.add_argument("--out", type=Path, default=Path("measured"))
    parser.add_argument("--side", type=int, default=256, help="pixels of a crop (%(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    split = split_photographs(arguments.photos)
    others = photographs(arguments.others) if arguments.others else []
    h, clip = tuned(split.validation)
    methods = {
        "input": lambda lq: lq,
        "classical": classical(h, clip),
        "embedded": embedded(arguments.restorer),
    }
    measured = {
        "photographs": len(split.test) + len(others),
        "others": len(others),
        "side": arguments.side,
        "classical": {"h": h, "clip": clip},
        "held_out": measure(simulated_trials([*split.test, *others], arguments.side), methods),
        "sample": measure(sample_trials(), methods),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    if Path(arguments.restorer).is_dir() and Path(arguments.restorer) != arguments.out:
        shutil.copytree(arguments.restorer, arguments.out, dirs_exist_ok=True)
    (arguments.out / "measured.json").write_text(json.dumps(measured, indent=2) + "\n")
    draw(arguments.out / "pictures.jpg", methods, list(sample_trials()))
    write_card(arguments.out, measured)


def photographs(folder: Path) -> list[Path]:
    """Return the photographs of a folder, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def simulated_trials(paths: list[Path], side: int) -> Iterator[Trial]:
    """Yield both views of each photograph, degraded once in each category."""
    for path in paths:
        for view, gt in views(decode(path.read_bytes(), path.name), side).items():
            for category in DEGRADATIONS:
                seed = salt("measure", path.stem, category, view) >> 1
                yield category, degrade(gt, category, seed=seed).lq, gt


def views(photograph: Pixels, side: int) -> dict[str, Pixels]:
    """Return the middle at full resolution, and the whole reduced to WHOLE pixels."""
    top, left = (photograph.shape[0] - side) // 2, (photograph.shape[1] - side) // 2
    small = Image.fromarray(photograph)
    small.thumbnail((WHOLE, WHOLE), Image.Resampling.LANCZOS)
    return {
        "middle": np.ascontiguousarray(photograph[top : top + side, left : left + side]),
        "whole": np.array(small),
    }


def sample_trials() -> Iterator[Trial]:
    """Yield the sample's test pairs."""
    for line in sample.PAIRS.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        if pair["split"] == "test":
            lq, gt = (decode((sample.ROOT / pair[s]).read_bytes(), pair[s]) for s in ("lq", "gt"))
            yield pair["category"], lq, gt


def classical(h: float, clip: float) -> Method:
    """Return the package's classical method in a strength."""
    restore = Classical(h=h, clip=clip).open()
    return lambda lq: restore(lq, 0)


def tuned(paths: list[Path]) -> tuple[float, float]:
    """Return the strengths with the highest mean PSNR on the validation pairs."""
    trials = [
        (category, *((side * 255).round().byte().permute(1, 2, 0).numpy() for side in pair))
        for category, (lq, gt) in validation_pairs(paths).items()
        for pair in zip(lq, gt, strict=True)
    ]
    scores = {}
    for strengths in product((3.0, 6.0, 10.0), (1.0, 2.0, 4.0)):
        result = measure(trials, {"classical": classical(*strengths)})
        scores[strengths] = mean(row["classical"]["psnr"] for row in result.values())
    return max(scores, key=lambda strengths: scores[strengths])


def embedded(model: str) -> Method:
    """Return the restorer as a method."""
    pipeline = load_restorer(model, device="cpu")
    pipeline.set_progress_bar_config(disable=True)
    return lambda lq: np.asarray(pipeline(lq, tile=None).images[0])


Numbers = dict[str, dict[str, dict[str, float]]]
"""Category -> method -> mean psnr and ssim, pictures, and how many of them came nearer to the
truth than the first method's by each."""


def measure(trials: Iterator[Trial] | list[Trial], methods: dict[str, Method]) -> Numbers:
    """Compare what every method makes of every trial with its truth."""
    scores: dict[str, dict[str, list[tuple[float, float]]]] = {
        category: {name: [] for name in methods} for category in DEGRADATIONS
    }
    for category, lq, gt in trials:
        for name, method in methods.items():
            scores[category][name].append(compare(method(lq), gt))
    return {category: summary(row) for category, row in scores.items() if any(row.values())}


def summary(row: dict[str, list[tuple[float, float]]]) -> dict[str, dict[str, float]]:
    """Return each method's mean scores in one category, beside the first method's."""
    first = next(iter(row.values()))
    return {
        name: {
            "psnr": round(mean(score[0] for score in of_method), 3),
            "ssim": round(mean(score[1] for score in of_method), 4),
            "better_psnr": sum(a[0] > b[0] for a, b in zip(of_method, first, strict=True)),
            "better_ssim": sum(a[1] > b[1] for a, b in zip(of_method, first, strict=True)),
            "pictures": len(of_method),
        }
        for name, of_method in row.items()
    }


def compare(restored: Pixels, gt: Pixels) -> tuple[float, float]:
    """Return PSNR in dB and SSIM."""
    first, second = (
        torch.from_numpy(p.copy()).permute(2, 0, 1)[None] / 255 for p in (restored, gt)
    )
    return float(psnr(first, second)), float(ssim(first, second))


if __name__ == "__main__":
    main()

"""Measure the embedded restorer on photographs that it never saw, beside a classical method.

    python scripts/measure_embedded_restorer.py PHOTOS_DIR [--restorer DIR] [--out DIR]

PHOTOS_DIR is the folder that scripts/train_embedded_restorer.py was given: its test photographs
are cropped and degraded once in every category. The classical method is non-local means, then
CLAHE on lightness (OpenCV); its two strengths are chosen on the validation photographs, as the
restorer's best weights were. Writes OUT/table.md, OUT/numbers.json and OUT/pictures.jpg.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parent))

from train_embedded_restorer import psnr, split_photographs, ssim, validation_pairs

from ggt_hf import sample
from ggt_hf.data.streaming.order import salt
from ggt_hf.degradation import degrade
from ggt_hf.images import decode
from ggt_hf.records import DEGRADATIONS, Degradation
from ggt_hf.restoration.loading import load_restorer

Pixels = NDArray[np.uint8]
Method = Callable[[Pixels], Pixels]
"""Takes and gives RGB ``(H, W, 3)``."""


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS_DIR")
    parser.add_argument("--restorer", default="embedded")
    parser.add_argument("--out", type=Path, default=Path("measured"))
    parser.add_argument("--side", type=int, default=256, help="pixels of a crop (%(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    split = split_photographs(arguments.photos)
    strengths = tuned(split.validation)
    methods = {
        "input": lambda lq: lq,
        "classical": classical(*strengths),
        "embedded": embedded(arguments.restorer),
    }
    numbers = measure(list(simulated_pairs(split.test, arguments.side)), methods)
    on_sample = measure(list(sample_pairs()), methods)
    described = {
        "photographs": len(split.test),
        "pixels": arguments.side,
        "classical": {"h": strengths[0], "clip": strengths[1]},
        "held_out": numbers,
        "sample_test_pairs": on_sample,
    }
    (arguments.out / "numbers.json").write_text(json.dumps(described, indent=2) + "\n")
    text = f"{table(numbers)}\n\nThe sample's test pairs:\n\n{table(on_sample)}\n"
    (arguments.out / "table.md").write_text(text)
    print(text)
    draw(arguments.out / "pictures.jpg", methods)


def simulated_pairs(
    photographs: list[Path], side: int
) -> Iterator[tuple[Degradation, Pixels, Pixels]]:
    """Yield (category, lq, gt): the centre of each photograph, degraded once in each category."""
    for path in photographs:
        whole = decode(path.read_bytes(), path.name)
        top, left = (whole.shape[0] - side) // 2, (whole.shape[1] - side) // 2
        gt = np.ascontiguousarray(whole[top : top + side, left : left + side])
        for category in DEGRADATIONS:
            seed = salt("measure", path.stem, category) >> 1
            yield category, degrade(gt, category, seed=seed).lq, gt


def sample_pairs() -> Iterator[tuple[Degradation, Pixels, Pixels]]:
    """Yield (category, lq, gt) of the sample's test pairs."""
    for line in sample.PAIRS.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        if pair["split"] == "test":
            lq, gt = (decode((sample.ROOT / pair[s]).read_bytes(), pair[s]) for s in ("lq", "gt"))
            yield pair["category"], lq, gt


def classical(h: float, clip: float) -> Method:
    """Return non-local means of strength `h`, then CLAHE on lightness with limit `clip`."""

    def run(lq: Pixels) -> Pixels:
        calm = cv2.fastNlMeansDenoisingColored(lq, None, h, h, 5, 15) if h else lq
        lab = cv2.cvtColor(calm, cv2.COLOR_RGB2LAB)
        lab[..., 0] = cv2.createCLAHE(clip, (8, 8)).apply(lab[..., 0])
        return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)

    return run


def tuned(photographs: list[Path]) -> tuple[float, float]:
    """Return the strengths with the highest mean PSNR on the validation pairs."""
    pairs = [
        (category, *((side * 255).round().byte().permute(1, 2, 0).numpy() for side in pair))
        for category, (lq, gt) in validation_pairs(photographs).items()
        for pair in zip(lq, gt, strict=True)
    ]
    scores = {}
    for h in (3.0, 6.0, 10.0):
        for clip in (1.0, 2.0, 4.0):
            result = measure(pairs, {"classical": classical(h, clip)})
            scores[h, clip] = mean(row["classical"]["psnr"] for row in result.values())
    return max(scores, key=lambda strengths: scores[strengths])


def embedded(model: str) -> Method:
    """Return the restorer as a method."""
    pipeline = load_restorer(model, device="cpu")
    pipeline.set_progress_bar_config(disable=True)
    return lambda lq: np.asarray(pipeline(lq, tile=None).images[0])


Numbers = dict[str, dict[str, dict[str, float]]]
"""Category -> method -> psnr, ssim and the number of pictures."""


def measure(pairs: list[tuple[Degradation, Pixels, Pixels]], methods: dict[str, Method]) -> Numbers:
    """Return the mean of each metric for each category and method."""
    numbers: Numbers = {}
    for category in DEGRADATIONS:
        of_category = [(lq, gt) for kind, lq, gt in pairs if kind == category]
        numbers[category] = {}
        for name, method in methods.items():
            scores = [compare(method(lq), gt) for lq, gt in of_category]
            numbers[category][name] = {
                "psnr": round(mean(score[0] for score in scores), 3),
                "ssim": round(mean(score[1] for score in scores), 4),
                "pictures": len(scores),
            }
    return numbers


def compare(restored: Pixels, gt: Pixels) -> tuple[float, float]:
    """Return PSNR in dB and SSIM."""
    first, second = (
        torch.from_numpy(p.copy()).permute(2, 0, 1)[None] / 255 for p in (restored, gt)
    )
    return float(psnr(first, second)), float(ssim(first, second))


def table(numbers: Numbers) -> str:
    """Return the numbers as a Markdown table: PSNR / SSIM."""
    names = list(next(iter(numbers.values())))
    lines = [f"| category | pictures | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for category, row in numbers.items():
        cells = [f"{row[name]['psnr']:.2f} / {row[name]['ssim']:.3f}" for name in names]
        count = int(row[names[0]]["pictures"])
        lines.append(f"| {category.replace('_', ' ')} | {count} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(path: Path, methods: dict[str, Method]) -> None:
    """Draw a sample test pair of each category, and the really degraded photographs."""
    pairs: dict[str, tuple[Pixels, Pixels]] = {}
    for category, lq, gt in sample_pairs():
        pairs.setdefault(category, (lq, gt))
    rows = [[*(method(lq) for method in methods.values()), gt] for lq, gt in pairs.values()]
    for photograph in sample.real_photographs():
        lq = decode(photograph.path.read_bytes(), photograph.key)
        rows.append([method(lq) for method in methods.values()])
    heads = [*methods, "truth"]
    side, space = 200, 4
    sheet = Image.new(
        "RGB", (len(heads) * (side + space), 16 + len(rows) * (side + space)), "white"
    )
    pen = ImageDraw.Draw(sheet)
    for column, head in enumerate(heads):
        pen.text((column * (side + space) + 4, 2), head, fill="black")
    for row, pictures in enumerate(rows):
        for column, pixels in enumerate(pictures):
            image = Image.fromarray(pixels)
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
            sheet.paste(image, (column * (side + space), 16 + row * (side + space)))
    sheet.save(path, quality=88)


if __name__ == "__main__":
    main()

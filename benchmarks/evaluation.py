"""PSNR and SSIM of many pairs: ggt eval against a plain loop over the files.

    python -m benchmarks.evaluation [--pairs 500] [--side 1024] [--rounds 3]

Both decode the same JPEG pairs and score them on RGB. The plain loop is the one that people write:
two files at a time through pyiqa's `psnr` and `ssimc`, or scikit-image's where pyiqa is missing.
The first run of ours is measured, from nothing: listing, workers, scores, parquet, summary.
Cores kept busy are processor time over wall time. That each file is read and decoded once is a test
(`tests/evaluation/test_benchmark.py`).
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from ggt_hf.evaluation.benchmark import run_benchmark
from ggt_hf.evaluation.restorers import Input
from ggt_hf.evaluation.run import Settings
from ggt_hf.evaluation.task import task_of
from tests import torchvision_shim


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop-pairs", type=int, default=25, help="the loop's share, per round")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        make_pairs(root / "pairs", arguments.pairs, arguments.side)
        name, loop = plain_loop()
        few = min(arguments.loop_pairs, arguments.pairs)
        ratios, rates, cores = [], [], []
        for turn in range(arguments.rounds):
            before = processor_seconds()
            wall = timed(lambda t=turn: evaluate(root / "pairs", root / f"o{t}"))
            cores.append((processor_seconds() - before) / wall)
            ours = arguments.pairs / wall
            theirs = few / timed(lambda: loop(root / "pairs", few))
            rates.append((ours, theirs))
            ratios.append(ours / theirs)
            print(f"round {turn + 1}: ggt eval {ours:.1f}, {name} {theirs:.2f} pairs/s", flush=True)
    ours, theirs = (statistics.median(column) for column in zip(*rates, strict=True))
    print(f"\n{arguments.pairs} pairs of {arguments.side} px, PSNR and SSIM on RGB\n")
    print("| | pairs/s (median) |\n|---|---|")
    print(f"| ggt eval | {ours:.1f} |\n| {name} | {theirs:.2f} |")
    print(f"\nMedian of the ratios: {statistics.median(ratios):.1f}")
    print(f"Cores that ggt eval kept busy: {statistics.median(cores):.2f}")


def make_pairs(root: Path, count: int, side: int) -> None:
    """Photograph-like JPEG pairs: smooth fields with texture, and noisy copies."""
    generator = np.random.default_rng(0)
    for role in ("LQ", "GT"):
        (root / "rain" / role).mkdir(parents=True)
    for number in range(count):
        coarse = generator.integers(0, 256, (side // 64, side // 64, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        gt = np.asarray(smooth, np.int16) + generator.integers(-8, 9, (side, side, 1))
        lq = gt + generator.integers(-20, 21, (side, side, 1))
        for role, pixels in (("LQ", lq), ("GT", gt)):
            picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
            picture.save(root / "rain" / role / f"{number:04d}.jpg", quality=95, subsampling=0)


def evaluate(pairs: Path, out: Path) -> None:
    settings = Settings(metrics=("psnr", "ssim"), quiet=True)
    run_benchmark([Input()], [task_of(str(pairs))], out, settings)


def plain_loop() -> tuple[str, Callable[[Path, int], None]]:
    if find_spec("pyiqa") is not None:
        return "pyiqa loop", pyiqa_loop
    return "scikit-image loop", skimage_loop


def files(pairs: Path, count: int) -> list[tuple[Path, Path]]:
    found = sorted((pairs / "rain/LQ").iterdir())[:count]
    return [(path, pairs / "rain/GT" / path.name) for path in found]


def pyiqa_loop(pairs: Path, count: int) -> None:
    torchvision_shim.install()
    import pyiqa

    metrics = [pyiqa.create_metric(name) for name in ("psnr", "ssimc")]
    for lq, gt in files(pairs, count):
        for metric in metrics:
            float(metric(str(lq), str(gt)))


def skimage_loop(pairs: Path, count: int) -> None:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    for paths in files(pairs, count):
        lq, gt = (np.asarray(Image.open(path).convert("RGB")) for path in paths)
        peak_signal_noise_ratio(gt, lq)
        structural_similarity(
            gt, lq, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )  # fmt: skip


def processor_seconds() -> float:
    """Processor time of this process and of its workers that have ended."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(one)[:2]) for one in who)


def timed(deed: Callable[[], None]) -> float:
    started = time.perf_counter()
    deed()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

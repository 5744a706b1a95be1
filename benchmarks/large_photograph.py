"""24 megapixels through the embedded restorer: memory, time, and the borders of its tiles.

    python -m benchmarks.large_photograph [--width 6000] [--height 4000] [--tiles 256 512 1024]

The truth is a photograph of the sample, enlarged; its degraded version is simulated. Each tile
size runs in a process of its own; memory is its peak, and what it held just before (Linux). The
error to the truth is taken at the borders (the pixels where tiles overlap) and elsewhere; as one
kind of place may be harder than the other, the same is done with the degraded picture: a seam would
raise the border's share of the error above what it was. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ggt_hf import sample
from ggt_hf.degradation import degrade
from ggt_hf.restoration.loading import load_restorer
from ggt_hf.restoration.tiling import OVERLAP, grid

Pixels = NDArray[np.uint8]
CATEGORIES = ("haze", "rain")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--width", type=int, default=6000)
    parser.add_argument("--height", type=int, default=4000)
    parser.add_argument("--tiles", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        print(json.dumps(measured(Path(args.run[0]), int(args.run[1]))))
        return
    print(f"{args.width} x {args.height} pixels, one thread; errors in levels of 255\n")
    print("| degradation | tile | peak memory | CPU s | error at borders / elsewhere | input's |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for category in CATEGORIES:
            path = Path(folder) / f"{category}.npz"
            make(path, category, (args.width, args.height))
            for tile in args.tiles:
                command = [sys.executable, "-m", "benchmarks.large_photograph", "--run", path, tile]
                ran = subprocess.run(list(map(str, command)), capture_output=True, check=True)
                print(row(category, tile, json.loads(ran.stdout)), flush=True)


def make(path: Path, category: str, size: tuple[int, int]) -> None:
    """Store a degraded photograph and its truth."""
    pair = next(sample.ROOT.glob("pairs/test/haze/gt/*colosseum.jpg"))
    gt = np.asarray(Image.open(pair).convert("RGB").resize(size, Image.Resampling.BICUBIC))
    np.savez(path, gt=gt, lq=degrade(gt, category, seed=1, severity=0.5).lq)


def measured(path: Path, tile: int) -> dict[str, float]:
    """Restore in tiles; return seconds, peak memory in bytes, and the errors."""
    torch.set_num_threads(1)
    restorer = load_restorer("embedded", device="cpu")
    restorer.set_progress_bar_config(disable=True)
    with np.load(path) as stored:
        lq = stored["lq"]
    # The peak of getrusage is inherited from the process that started this one.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident_peak()
    begun = time.process_time()
    made = np.asarray(restorer(lq, tile=tile).images[0])
    seconds = time.process_time() - begun
    peak = resident_peak()
    with np.load(path) as stored:
        gt = stored["gt"]
    at_border = borders(gt.shape[:2], tile, restorer.restorer.multiple)
    numbers = {"seconds": seconds, "peak": peak, "before": before}
    for name, picture in (("made", made), ("given", lq)):
        error = np.abs(picture.astype(np.int16) - gt).mean(axis=2, dtype=np.float32)
        numbers[f"{name}_border"] = float(error[at_border].mean())
        numbers[f"{name}_inside"] = float(error[~at_border].mean())
    return numbers


def resident_peak() -> float:
    """Return the most memory that this process held since its peak was last reset, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024.0 * int(status.partition("VmHWM:")[2].split()[0])


def borders(shape: tuple[int, int], tile: int, multiple: int) -> NDArray[np.bool_]:
    """Return where two tiles or more have a say, ``(H, W)``."""
    shared = [np.zeros(side, dtype=int) for side in shape]
    for line, side in zip(shared, shape, strict=True):
        axis = grid(side, tile, OVERLAP, multiple)
        for start, weight in zip(axis.starts, axis.weights, strict=True):
            seen = (weight.numpy() > 1e-4)[: side - start]
            line[start : start + len(seen)] += seen
    return (shared[0][:, None] > 1) | (shared[1][None] > 1)


def row(category: str, tile: int, numbers: dict[str, float]) -> str:
    pairs = [
        f"{numbers[f'{name}_border']:.2f} / {numbers[f'{name}_inside']:.2f} "
        f"= {numbers[f'{name}_border'] / numbers[f'{name}_inside']:.3f}"
        for name in ("made", "given")
    ]
    memory = f"{numbers['peak'] / 1e9:.2f} GB ({numbers['before'] / 1e9:.2f} before)"
    return f"| {category} | {tile} | {memory} | {numbers['seconds']:.0f} | {' | '.join(pairs)} |"


if __name__ == "__main__":
    main()

"""`ggt build` against a plain tarfile loop with sha256: the same pairs, the same disk, one run.

    python -m benchmarks.build [--pairs 200] [--form jpeg|png] [--photos DIR] [--rounds 5]

The loop does what a script for this would do: read both files, hash them, write a tar by
`tarfile` with a small JSON a pair, and flush it to the disk. It checks nothing and uses one core.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shutil
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from ggt_hf import build_dataset

SIDE = 1024


def pictures(photos: Path | None, count: int) -> list[Image.Image]:
    """Return pictures of 1024 x 1024: photographs, or smooth noise where none are given."""
    if photos:
        files = sorted(photos.rglob("*.jpg"))
        opened = [Image.open(file).convert("RGB") for file in files]
        large = [p for p in opened if min(p.size) >= SIDE // 2]
        return [p.resize((SIDE, SIDE), Image.Resampling.LANCZOS) for p in large][:count]
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = smooth + rng.normal(0, 4, smooth.shape).astype(np.int16)
        made.append(Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)))
    return made


def make_source(folder: Path, num_pairs: int, form: str, photos: Path | None) -> int:
    """Write paired folders; return their bytes. A few pictures are written again and again."""
    options = {"quality": 95, "subsampling": 0} if form == "jpeg" else {}
    encoded = []
    for gt in pictures(photos, 12):
        sides = []
        for picture in (gt.point(lambda value: value // 2), gt):
            buffer = io.BytesIO()
            picture.save(buffer, form, **options)
            sides.append(buffer.getvalue())
        encoded.append(sides)
    total = 0
    for index in range(num_pairs):
        for side, data in zip(("LQ", "GT"), encoded[index % len(encoded)], strict=True):
            path = folder / "rain" / side / f"{index:05d}.{form}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            total += len(data)
    return total


def plain_loop(src: Path, out: Path) -> None:
    """Write the pairs by tarfile, with the sha256 of each picture and of the tar."""
    out.mkdir()
    with (out / "pairs.tar").open("wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        for lq in sorted((src / "rain/LQ").iterdir()):
            record = {}
            for side in ("LQ", "GT"):
                data = (src / "rain" / side / lq.name).read_bytes()
                record[side] = hashlib.sha256(data).hexdigest()
                add(tar, f"{lq.stem}.{side.lower()}", data)
            add(tar, f"{lq.stem}.json", json.dumps(record).encode())
        file.flush()
        os.fsync(file.fileno())
    with (out / "pairs.tar").open("rb") as file:
        hashlib.file_digest(file, "sha256")


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def contenders(src: Path) -> dict[str, Callable[[Path], object]]:
    """Return name -> what builds `src` at a path."""

    def ggt(check: str) -> Callable[[Path], object]:
        return lambda out: build_dataset(src, out, check=check, license="CC0-1.0", quiet=True)

    return {
        "plain tarfile loop": lambda out: plain_loop(src, out),
        "ggt build": ggt("structure"),
        "ggt build --check pixels": ggt("pixels"),
    }


def race(src: Path, work: Path, rounds: int) -> dict[str, list[float]]:
    """Return seconds of each contender, who take turns; the first round only warms up."""
    seconds: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        for name, run in contenders(src).items():
            out = work / "out"
            os.sync()
            start = time.perf_counter()
            run(out)
            if turn:
                seconds.setdefault(name, []).append(time.perf_counter() - start)
            shutil.rmtree(out)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--form", choices=("jpeg", "png"), default="jpeg")
    parser.add_argument("--photos", type=Path, help="cut the pictures from the photographs here")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", type=Path, help="a folder on the disk to measure")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        work = Path(folder)
        total = make_source(work / "src", given.pairs, given.form, given.photos)
        print(f"{given.pairs} pairs of {SIDE} px, {given.form}, {total / 1e6:.0f} MB")
        seconds = race(work / "src", work, given.rounds)
    base = statistics.median(seconds["plain tarfile loop"])
    print(f"{'':26}{'pairs/s':>9}{'MB/s':>8}{'ratio':>8}")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(
            f"{name:26}{given.pairs / median:9.0f}{total / 1e6 / median:8.0f}{base / median:8.2f}"
        )


if __name__ == "__main__":
    main()

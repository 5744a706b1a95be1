"""Crops a second: whole pictures decoded and cut, against decoding only what the crop needs.

    python benchmarks/regions.py PHOTOS [--crops 64] [--rounds 7]

PHOTOS is a folder of photographs; each is cut to 1024 x 1024 pixels (enlarged where smaller) and
encoded as JPEG (quality 95, 4:4:4 and 4:2:0) and PNG. All contenders of a row run in turn, round
after round, on the same crops in memory; a cell is the median over the rounds. "Limit" decodes a
JPEG that holds only the MCUs the crop touches, made beforehand: no decoder can do less.
Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ggt_hf import images
from ggt_hf.data.building.seekable import Seekable, find_jpegtran, make_seekable
from ggt_hf.data.regions import Region, decode_region

SIDE = 1024
ENCODINGS: dict[str, tuple[str, dict[str, object]]] = {
    "JPEG 4:4:4": ("JPEG", {"quality": 95, "subsampling": "4:4:4"}),
    "JPEG 4:2:0": ("JPEG", {"quality": 95, "subsampling": "4:2:0"}),
    "PNG": ("PNG", {}),
}
CONTENDERS = ("Pillow", "simplejpeg", "ordinary", "seekable", "limit")

Job = Callable[[], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    ordinary: bytes
    seekable: Seekable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("--crops", type=int, default=64, help="crops a round")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    photos = [photo(path) for path in sorted(args.photos.iterdir()) if path.is_file()]
    print(f"Crops a second, {len(photos)} photographs of {SIDE} x {SIDE} pixels, medians\n")
    print(
        "| encoding | crop | threads | Pillow, full | simplejpeg, full | region, ordinary "
        "| region, seekable | limit | seekable / best full | seekable / limit |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    growth = []
    for encoding in ENCODINGS:
        pictures = [encode(pixels, encoding) for pixels in photos]
        growth.append(f"{encoding} {size_change(pictures):+.1f} %")
        for side in (256, 512):
            jobs = make_jobs(pictures, side, args.crops)
            for threads in (1, 2):
                rates = measure(jobs, threads, args.rounds)
                print(row(encoding, side, threads, rates), flush=True)
    print(f"\nSize of the seekable files against the ordinary ones: {', '.join(growth)}.")


def photo(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), (SIDE, SIDE))


def encode(image: Image.Image, encoding: str) -> Picture:
    form, options = ENCODINGS[encoding]
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    seekable = make_seekable(buffer.getvalue())
    assert seekable.how != "unchanged", seekable.reason
    return Picture(ordinary=buffer.getvalue(), seekable=seekable)


def size_change(pictures: Sequence[Picture]) -> float:
    old = sum(len(picture.ordinary) for picture in pictures)
    return 100 * (sum(len(picture.seekable.data) for picture in pictures) / old - 1)


def make_jobs(pictures: Sequence[Picture], side: int, crops: int) -> dict[str, list[Job]]:
    """The same crops for each contender; every crop is checked against the full decode first."""
    rng = random.Random(side)
    jobs: dict[str, list[Job]] = {}
    for number in range(crops):
        picture = pictures[number % len(pictures)]
        x, y = rng.randint(0, SIDE - side), rng.randint(0, SIDE - side)
        region = Region(x=x, y=y, width=side, height=side)
        out = np.empty((side, side, 3), np.uint8)
        data, seekable = picture.ordinary, picture.seekable
        new: dict[str, Job] = {
            "Pillow": partial(full, lambda data=data: images.decode(data, "it"), region, out),
            "ordinary": partial(decode_region, data, region, out=out),
            "seekable": partial(
                decode_region, seekable.data, region, index=seekable.index, out=out
            ),
        }
        if data.startswith(b"\xff\xd8"):
            whole = partial(simplejpeg.decode_jpeg, data)
            new["simplejpeg"] = partial(full, whole, region, out)
            new["limit"] = partial(simplejpeg.decode_jpeg, touched(data, region))
        expected = region.crop(images.decode(data, "it"))
        for name, job in new.items():
            if name != "limit":
                job()
                assert np.array_equal(out, expected), (name, region)
            jobs.setdefault(name, []).append(job)
    return jobs


def full(decode: Callable[[], NDArray[np.uint8]], region: Region, out: NDArray[np.uint8]) -> None:
    out[...] = region.crop(decode())


def touched(data: bytes, region: Region) -> bytes:
    """A JPEG of the MCUs that `region` touches."""
    crop = f"{region.width}x{region.height}+{region.x}+{region.y}"
    command = [find_jpegtran(), "-copy", "none", "-crop", crop]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def measure(jobs: dict[str, list[Job]], threads: int, rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds):
            for name, calls in jobs.items():
                start = time.perf_counter()
                for done in [pool.submit(run, calls[part::threads]) for part in range(threads)]:
                    done.result()
                seconds[name].append(time.perf_counter() - start)
    return {name: len(jobs[name]) / statistics.median(times) for name, times in seconds.items()}


def run(calls: Sequence[Job]) -> None:
    for call in calls:
        call()


def row(encoding: str, side: int, threads: int, rates: dict[str, float]) -> str:
    cells = [f"{rates[name]:.0f}" if name in rates else "" for name in CONTENDERS]
    best = max(rates["Pillow"], rates.get("simplejpeg", 0))
    of_limit = f"{100 * rates['seekable'] / rates['limit']:.0f} %" if "limit" in rates else ""
    ratio = f"{rates['seekable'] / best:.1f}"
    return "| " + " | ".join([encoding, str(side), str(threads), *cells, ratio, of_limit]) + " |"


if __name__ == "__main__":
    main()

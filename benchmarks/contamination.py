"""Of test photographs that got into training data, how many are found; and how many others.

    python -m benchmarks.contamination --photos DIR [--photos DIR2 ...] [--limit 40]

The index holds both sides of a pair for each photograph: itself, and a simulated degradation of
it. A training picture is the same photograph, degraded anew (another seed) by each category in
turn, then changed as the rows say. Recall: the photograph is found. False alarm: a training
picture is taken for another photograph. Photographs that several folders hold are used once.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ggt_hf.degradation import degrade
from ggt_hf.images import luminance
from ggt_hf.quality.fingerprint_index import FingerprintIndex
from ggt_hf.quality.fingerprints import SIDE, Fingerprint, fingerprint, suppose
from ggt_hf.records import DEGRADATIONS

LONGEST = 768
Pixels = NDArray[np.uint8]


def jpeg(pixels: Pixels, quality: int = 92) -> bytes:
    """Return pixels as a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def square(data: bytes) -> Pixels:
    """Return what fingerprints are taken of."""
    return luminance(data, "a photograph", SIDE)


def crop(pixels: Pixels, area: float, rng: np.random.Generator) -> Pixels:
    """Return a random crop of this share of the area."""
    height, width = (int(side * area**0.5) for side in pixels.shape[:2])
    y = rng.integers(0, pixels.shape[0] - height + 1)
    x = rng.integers(0, pixels.shape[1] - width + 1)
    return pixels[y : y + height, x : x + width]


def small(pixels: Pixels) -> bytes:
    """Return the picture at 256 pixels on its longer side, at JPEG quality 30."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((256, 256))
    return jpeg(np.asarray(picture), 30)


def changes(rng: np.random.Generator) -> dict[str, Callable[[Pixels], bytes]]:
    """Return what is done to a training picture, by name."""
    return {
        "as it is": jpeg,
        "256 px, JPEG quality 30": small,
        "crop of 80 % of the area": lambda pixels: jpeg(crop(pixels, 0.8, rng)),
        "crop of 60 %": lambda pixels: jpeg(crop(pixels, 0.6, rng)),
        "crop of 60 %, mirrored": lambda pixels: jpeg(crop(pixels, 0.6, rng)[:, ::-1]),
        "crop of 50 % (more than asked)": lambda pixels: jpeg(crop(pixels, 0.5, rng)),
    }


def photographs(folders: list[Path]) -> list[Pixels]:
    """Return the photographs of the folders, each once."""
    found: list[Pixels] = []
    seen: list[Fingerprint] = []
    for file in sorted(path for folder in folders for path in folder.rglob("*.*")):
        if file.suffix.lower() not in {".jpg", ".jpeg", ".png", ".webp"}:
            continue
        picture = Image.open(file).convert("RGB")
        picture.thumbnail((LONGEST, LONGEST))
        pixels = np.asarray(picture)
        mark = fingerprint(square(jpeg(pixels)))
        if all(unequal(mark, other) > 0.25 for other in seen):
            found.append(pixels)
            seen.append(mark)
    return found


def unequal(one: Fingerprint, other: Fingerprint) -> float:
    """Return the share of unequal bits."""
    return float(np.bitwise_count(one.hashes ^ other.hashes).sum() / (one.hashes.size * 64))


def index_of(photos: list[Pixels]) -> FingerprintIndex:
    """Return an index of pairs: each photograph, and a degradation of it."""
    names, marks = [], []
    for number, pixels in enumerate(photos):
        category = DEGRADATIONS[number % len(DEGRADATIONS)]
        lq = degrade(np.ascontiguousarray(pixels), category, seed=number).jpeg
        names += [f"{number}.gt", f"{number}.lq"]
        marks += [fingerprint(square(jpeg(pixels))), fingerprint(square(lq))]
    return FingerprintIndex.of(names, marks, "photographs")


def speed(index: FingerprintIndex, data: bytes) -> None:
    """Print how long one picture takes, part by part, and against a large index."""
    large = FingerprintIndex.of(
        [str(i) for i in range(100_000)],
        [random_mark(np.random.default_rng(i)) for i in range(100_000)],
        "noise",
    )
    asked = suppose(square(data))
    for name, step in {
        "decode a JPEG of 1024 px": lambda: square(data),
        "fingerprint, to store": lambda: fingerprint(square(data)),
        "fingerprints, to look up": lambda: suppose(square(data)),
        f"look up in {len(index):,} pictures": lambda: index.matches(asked),
        "look up in 100,000 pictures": lambda: large.matches(asked),
    }.items():
        times = []
        for _ in range(5):
            start = time.process_time()
            step()
            times.append(time.process_time() - start)
        print(f"| {name} | {sorted(times)[2] * 1000:.0f} ms |")


def random_mark(rng: np.random.Generator) -> Fingerprint:
    """Return a fingerprint of nothing."""
    hashes = rng.integers(0, 2**64, (16, 2), dtype=np.uint64)
    return Fingerprint(hashes=hashes, usable=np.ones(16, bool))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path, action="append", required=True)
    parser.add_argument("--limit", type=int, default=40, help="photographs looked up")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    photos = photographs(options.photos)
    index = index_of(photos)
    chosen = rng.permutation(len(photos))[: options.limit]
    print(f"{len(photos)} photographs, {len(chosen)} of them looked up\n")
    print(f"| recall | not degraded | {' | '.join(DEGRADATIONS)} |\n|---{'|---' * 7}|")
    num_asked, alarms = 0, 0
    for name, change in changes(rng).items():
        cells = []
        for category in (None, *DEGRADATIONS):
            found = 0
            for number in chosen:
                pixels = np.ascontiguousarray(photos[number])
                if category:
                    pixels = degrade(pixels, category, seed=1000 + int(number)).lq
                matches = index.matches(suppose(square(change(pixels))))
                owners = {match.name.partition(".")[0] for match in matches}
                found += str(number) in owners
                alarms += bool(owners - {str(number)})
                num_asked += 1
            cells.append(f"{found / len(chosen):.2f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(f"\n{alarms} false alarms in {num_asked:,} pictures against {len(index)} stored\n")
    large = np.asarray(Image.fromarray(photos[0]).resize((1024, 1024)))
    speed(index, jpeg(large))


if __name__ == "__main__":
    main()

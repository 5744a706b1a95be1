"""What stage 1 of quality control finds: planted faults found, and good targets refused.

    python -m benchmarks.planted_faults PHOTOS [--side 512] [--workers 2] [--scores FILE]

PHOTOS is a folder of at least 100 clean photographs. From the middle of each a square is cut and
degraded in each of the six categories. The photograph itself is the good target, once also
lightly denoised and re-encoded, as a regenerated one would be; a faulty one has one fault of
`ggt_hf.quality.planting`. Every second photograph chooses the limits (`--choose` prints what it
would choose), the others make the table. Measuring is resumed from FILE where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.limit_choice import chosen_limits
from ggt_hf import images
from ggt_hf.degradation import degrade
from ggt_hf.quality.faults import WORDS, reencoded, write_text
from ggt_hf.quality.measuring import measure
from ggt_hf.quality.metric_gate import broken
from ggt_hf.quality.planes import Picture
from ggt_hf.quality.planting import FAULT_KINDS, plant
from ggt_hf.quality.thresholds import default_thresholds, read_thresholds
from ggt_hf.records import DEGRADATIONS

Row = dict[str, Any]
"""photo (index), half, category, kind (a fault, or ``good...``), size, scores."""

TONE_KEPT = ("mixed", "rain", "snow")
"""Categories whose input shows the tone that the target should have."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--text", type=int, default=40, help="photographs whose text is read")
    parser.add_argument("--scores", type=Path, default=Path("planted_faults.jsonl"))
    parser.add_argument("--thresholds", type=Path, help="a YAML file; ours where left out")
    parser.add_argument("--choose", action="store_true", help="print limits, not the table")
    args = parser.parse_args()
    rows = measured(args)
    if args.choose:
        print(chosen_limits([row for row in rows if row["half"] == "choosing"]))
        return
    print_tables([row for row in rows if row["half"] == "reporting"], args.thresholds)
    print_speed(args.photos)


def measured(args: argparse.Namespace) -> list[Row]:
    """Measure the photographs that the scores file does not hold yet; return every row."""
    photos = large_enough(args.photos, args.side)
    known = [json.loads(line) for line in _lines(args.scores)]
    done = {row["photo"] for row in known}
    work = partial(rows_of, photos=photos, side=args.side, text=args.text)
    left = [index for index in range(len(photos)) if index not in done]
    with ProcessPoolExecutor(args.workers) as pool, args.scores.open("a") as file:
        for rows in pool.map(work, left):
            # One write a photograph: a killed run leaves whole photographs and perhaps a stump.
            file.write("".join(json.dumps(row) + "\n" for row in rows))
            file.flush()
            known += rows
    return known


def large_enough(folder: Path, side: int) -> list[Path]:
    """Return the photographs that a square of `side` pixels can be cut from."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix in (".jpg", ".png"):
            info = images.inspect(path.read_bytes(), path.name)
            if min(info.width, info.height) >= side:
                found.append(path)
    return found


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def rows_of(index: int, *, photos: list[Path], side: int, text: int) -> list[Row]:
    """Measure every good and faulty candidate of one photograph."""
    cv2.setNumThreads(1)
    gt = square(photos[index], side)
    other = square(photos[(index + len(photos) // 3) % len(photos)], side)
    half = "choosing" if index % 2 == 0 else "reporting"
    turn = index // 2
    lqs = [degrade(gt, name, seed=1000 * n + index).lq for n, name in enumerate(DEGRADATIONS)]

    def row(kind: str, size: float, at: int, lq: Picture, candidate: Picture, read: bool) -> Row:
        scores = measure(lq, candidate, read_text=read).scores
        named = {"photo": index, "half": half, "category": DEGRADATIONS[at], "kind": kind}
        return {**named, "size": size, "scores": scores}

    rows = [row("good", 0, at, lq, gt, False) for at, lq in enumerate(lqs)]
    at = turn % 6
    rows.append(row("good, regenerated", 0, at, lqs[at], regenerated(gt), False))
    for number, kind in enumerate(FAULT_KINDS):
        at = (turn + number) % 6
        if kind == "text_altered" and index >= 2 * text:
            continue
        planted = plant(kind, lqs[at], gt, other, seed=index)
        rows.append(row(kind, planted.size, at, planted.lq, planted.gt, kind == "text_altered"))
        if kind == "text_altered":
            word = WORDS[index % len(WORDS)]
            signs = [write_text(picture, word, seed=index) for picture in (lqs[at], gt)]
            rows.append(row("good, with a sign", 0, at, signs[0], signs[1], True))
    return rows


def square(path: Path, side: int) -> Picture:
    """Cut the middle square of a photograph, reduced so that it holds half of it or more."""
    picture = images.decode(path.read_bytes(), path.name)
    height, width = picture.shape[:2]
    factor = max(1.0, min(height, width) / (1.5 * side))
    if factor > 1:
        size = (round(width / factor), round(height / factor))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    height, width = picture.shape[:2]
    top, left = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def regenerated(gt: Picture) -> Picture:
    """Return a target as good as `gt`, but not its very pixels."""
    denoised = cv2.bilateralFilter(gt, 5, 8, 2)
    return reencoded(denoised, 90)


def print_tables(rows: list[Row], path: Path | None) -> None:
    """Print the faults found per kind, and the good targets refused per category."""
    limits = read_thresholds(path) if path else default_thresholds()
    for row in rows:
        row["refused"] = bool(broken(row["scores"], row["category"], limits))
    photos = len({row["photo"] for row in rows})
    print(f"{photos} photographs, limits {limits.name}\n")
    print("| planted | found | in mixed, rain, snow | in haze, low light, old photo | planted |")
    print("|---|---|---|---|---|")
    for kind in FAULT_KINDS:
        of_kind = [row for row in rows if row["kind"] == kind]
        kept = [row for row in of_kind if row["category"] in TONE_KEPT]
        rest = [row for row in of_kind if row["category"] not in TONE_KEPT]
        cells = " | ".join(share(part) for part in (of_kind, kept, rest))
        print(f"| {kind} | {cells} | {len(of_kind)} |")
    print("\n| good targets | refused | of |\n|---|---|---|")
    good = [row for row in rows if row["kind"].startswith("good")]
    for name, part in good_parts(good):
        print(f"| {name} | {share(part)} | {len(part)} |")


def good_parts(good: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Yield the good targets by category, by making, and all of them."""
    for category in DEGRADATIONS:
        yield category, [row for row in good if row["category"] == category]
    for kind in ("good, regenerated", "good, with a sign"):
        yield kind, [row for row in good if row["kind"] == kind]
    yield "all", good


def share(rows: list[Row]) -> str:
    """Format the share of the rows that were refused."""
    return f"{100 * sum(row['refused'] for row in rows) / len(rows):.1f} %" if rows else "-"


def print_speed(folder: Path, side: int = 1024) -> None:
    """Print the milliseconds that one pair of `side` pixels takes on one core."""
    cv2.setNumThreads(1)
    path = large_enough(folder, 512)[0]
    gt = cv2.resize(square(path, 512), (side, side), interpolation=cv2.INTER_CUBIC)
    lq = degrade(gt, "rain", seed=0).lq
    times = []
    for _ in range(5):
        start = time.process_time()
        measure(lq, gt, read_text=False)
        times.append(time.process_time() - start)
    print(f"\n{1000 * min(times):.0f} ms for a pair of {side} pixels, one core, without text.")


if __name__ == "__main__":
    main()

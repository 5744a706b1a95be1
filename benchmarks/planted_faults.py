"""What quality control finds: planted faults found, and good targets refused.

    python -m benchmarks.planted_faults CHOOSING --choose --goods 2    # the limits
    python -m benchmarks.planted_faults MEASURING --tiles --apart-from CHOOSING    # the tables

Each is a folder of clean photographs; --apart-from makes sure that none is in both. Of each, the
middle square is cut (with --tiles every square that fits, too) and degraded in the six categories.
The photograph itself is the good target, and once more "redrawn": denoised, re-encoded, moved by
up to a quarter of a pixel, its tone off by up to 4 %, as a good editor's output is; with --goods of
several inputs, degraded by other draws. A faulty one has one fault of `ggt_hf.quality.planting`.
Measuring goes on from --scores where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from benchmarks.limit_choice import chosen_limits
from benchmarks.planted_tables import print_tables
from ggt_hf import images
from ggt_hf.degradation import degrade
from ggt_hf.quality.contamination import build_index, check
from ggt_hf.quality.faults import WORDS, reencoded, write_text
from ggt_hf.quality.measuring import measure, tone_scores
from ggt_hf.quality.opening import open_judge
from ggt_hf.quality.pictures import pictures_of
from ggt_hf.quality.planes import Picture
from ggt_hf.quality.planting import FAULT_KINDS, GEOMETRIC, TONAL, plant
from ggt_hf.quality.thresholds import default_thresholds, read_thresholds
from ggt_hf.quality.tone import measure_tone
from ggt_hf.records import DEGRADATIONS

Row = dict[str, Any]
"""photo (number of the square), name, category, kind (a fault, or ``good...``), size, scores."""


class Square(NamedTuple):
    """What one unit of work needs."""

    number: int
    name: str
    gt: Picture
    other: Picture
    """Of another photograph."""
    with_text: bool
    """Whether words are altered, and text is read."""
    judged: bool
    """Whether stage 2 sees it too."""
    tone: bool
    """Whether tones alone are planted and measured, which is ten times as fast."""
    goods: int
    """Inputs of each category that good targets are measured against."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--apart-from", type=Path, help="photographs that must be others")
    parser.add_argument("--tiles", action="store_true", help="cut every square that fits")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--limit", type=int, help="squares at most, drawn at random")
    parser.add_argument("--skip", type=int, default=0, help="squares left out of the tables")
    parser.add_argument("--tone", action="store_true", help="plant and measure tones alone")
    parser.add_argument("--goods", type=int, default=1, help="inputs a category with good targets")
    parser.add_argument("--text", type=int, default=40, help="squares whose text is read")
    parser.add_argument("--judge", type=int, default=0, help="squares that stage 2 sees")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scores", type=Path, default=Path("planted_faults.jsonl"))
    parser.add_argument("--thresholds", type=Path, help="a YAML file; ours where left out")
    parser.add_argument("--choose", action="store_true", help="print limits, not the tables")
    args = parser.parse_args()
    if args.apart_from:
        refuse_shared(args.photos, args.apart_from)
    rows = measured(args)
    if args.choose:
        print(chosen_limits(rows))
        return
    skipped = list(dict.fromkeys(row["photo"] for row in rows))[: args.skip]
    left = [row for row in rows if row["photo"] not in skipped]
    print_tables(left, read_thresholds(args.thresholds) if args.thresholds else None)
    print_speed()


def refuse_shared(folder: Path, other: Path) -> None:
    """Stop where a photograph of one folder is, whole or cropped, in the other."""
    index = build_index(pictures_of(other), str(other))
    hits = check(pictures_of(folder), index).hits
    if hits:
        raise SystemExit("\n".join(f"{hit.name} is {hit.match.name}" for hit in hits))


def measured(args: argparse.Namespace) -> list[Row]:
    """Measure the squares that the scores file does not hold yet; return every row."""
    known = _known(args.scores)
    done = {row["photo"] for row in known}
    work = [square for square in squares(args) if square.number not in done]
    # Not forked: OpenCV's threads, which cut the squares, would be missing in the child.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.workers, fresh) as pool, args.scores.open("a") as file:
        for rows in pool.map(rows_of, work):
            # One write a square: a killed run leaves whole squares and perhaps a stump.
            file.write("".join(json.dumps(row) + "\n" for row in rows))
            file.flush()
            known += rows
    return known


def _known(path: Path) -> list[Row]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def squares(args: argparse.Namespace) -> list[Square]:
    """Return the units of work in a random order, so that a part of them is a fair sample."""
    cut = [
        (path.name, gt)
        for path in sorted(args.photos.iterdir())
        if path.suffix in (".jpg", ".png")
        for gt in cuts(images.decode(path.read_bytes(), path.name), args.side, tiles=args.tiles)
    ]
    order = random.Random(0).sample(range(len(cut)), len(cut))
    return [
        Square(
            number=number,
            name=cut[number][0],
            gt=cut[number][1],
            other=cut[(number + len(cut) // 3) % len(cut)][1],
            with_text=_chosen(place, args.text, len(cut)),
            judged=_chosen(place, args.judge, len(cut)),
            tone=args.tone,
            goods=args.goods,
        )
        for place, number in enumerate(order[: args.limit])
    ]


def _chosen(place: int, count: int, total: int) -> bool:
    """Spread `count` choices evenly over `total` places."""
    return place * count // total != (place + 1) * count // total


def cuts(picture: Picture, side: int, *, tiles: bool) -> Iterator[Picture]:
    """Yield the middle of the picture, reduced until that is half of it, and the tiles of it."""
    height, width = picture.shape[:2]
    if min(height, width) < side:
        return
    factor = max(1.0, min(height, width) / (1.5 * side))
    size = (round(width / factor), round(height / factor))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if factor > 1 else picture
    yield _cut(small, (size[0] - side) // 2, (size[1] - side) // 2, side)
    if tiles and min(height, width) > side:
        for x in _starts(width, side):
            for y in _starts(height, side):
                yield _cut(picture, x, y, side)


def _starts(length: int, side: int) -> list[int]:
    count, spare = length // side, length - side
    return [round(spare * i / (count - 1)) for i in range(count)] if count > 1 else [spare // 2]


def _cut(picture: Picture, x: int, y: int, side: int) -> Picture:
    return np.ascontiguousarray(picture[y : y + side, x : x + side])


def rows_of(square: Square) -> list[Row]:
    """Measure every good and faulty candidate of one square.

    Each geometric and tonal fault is planted into the targets of three categories, the others
    into that of one; which, turns with the number of the square.
    """
    cv2.setNumThreads(1)
    number, gt = square.number, square.gt
    seeds = [1000 * at + number for at in range(len(DEGRADATIONS))]
    lqs = [degrade(gt, name, seed=seed).lq for name, seed in zip(DEGRADATIONS, seeds, strict=True)]
    row = _measurer(square)
    rng = np.random.default_rng(number)
    rows = []
    for turn in range(square.goods):
        for at, lq in enumerate(lqs):
            if turn:
                lq = degrade(gt, DEGRADATIONS[at], seed=seeds[at] + 100_000 * turn).lq
            rows.append(row("good", 0, at, lq, gt))
            rows.append(row("good, redrawn", 0, at, lq, redrawn(gt, rng)))
    for turn, kind in enumerate(FAULT_KINDS):
        if (kind == "text_altered" and not square.with_text) or (square.tone and kind not in TONAL):
            continue
        for step in (0, 2, 4) if kind in GEOMETRIC + TONAL else (0,):
            at = (number + turn + step) % 6
            planted = plant(kind, lqs[at], gt, square.other, seed=6 * number + at)
            rows.append(row(kind, planted.size, at, planted.lq, planted.gt))
            if kind == "text_altered":
                rows.append(row("good, with a sign", 0, at, *signed(lqs[at], gt, number)))
    return rows


def _measurer(square: Square) -> Callable[[str, float, int, Picture, Picture], Row]:
    judge = open_judge("rules", cache=None) if square.judged else None

    def row(kind: str, size: float, at: int, lq: Picture, candidate: Picture) -> Row:
        if square.tone:
            scores = tone_scores(measure_tone(lq, candidate))
        else:
            read = kind in ("text_altered", "good, with a sign")
            scores = measure(lq, candidate, read_text=read).scores
        made = {"photo": square.number, "name": square.name, "category": DEGRADATIONS[at]}
        made |= {"kind": kind, "size": size, "scores": scores}
        if judge:
            [said] = judge.judge_many([(_png(lq), _png(candidate))])
            made["judged"] = {"removed": said.removed, "kept": said.kept}
        return made

    return row


def redrawn(gt: Picture, rng: np.random.Generator) -> Picture:
    """Return a target as good as `gt`, but not its very pixels."""
    tone = cv2.bilateralFilter(gt, 5, 8, 2).astype(np.float32) / 255
    tone = tone ** (1 + rng.uniform(-0.04, 0.04)) * (1 + rng.uniform(-0.03, 0.03))
    tone = tone * (1 + rng.uniform(-0.012, 0.012, 3))
    dx, dy = rng.uniform(-0.2, 0.2, 2)
    moved = cv2.warpAffine(
        np.clip(tone, 0, 1),
        np.array([[1, 0, dx], [0, 1, dy]]),
        (gt.shape[1], gt.shape[0]),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return reencoded(np.clip(moved * 255 + 0.5, 0, 255).astype(np.uint8), int(rng.integers(85, 96)))


def signed(lq: Picture, gt: Picture, seed: int) -> Sequence[Picture]:
    """Write one word on both, worn on the input as `faults.text_altered` wears it."""
    word = WORDS[seed % len(WORDS)]
    marked = write_text(lq, word, seed=seed)
    plate = np.any(marked != lq, axis=2, keepdims=True)
    worn = reencoded(cv2.GaussianBlur(marked, (0, 0), 0.8).astype(np.uint8), 70)
    return np.where(plate, worn, lq), write_text(gt, word, seed=seed)


def _png(picture: Picture) -> bytes:
    return bytes(cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])


def print_speed(side: int = 1024) -> None:
    """Print the milliseconds that one pair of `side` pixels takes on one core."""
    cv2.setNumThreads(1)
    noise = np.random.default_rng(0).integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
    gt = cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    lq = degrade(gt, "rain", seed=0).lq
    times = []
    for _ in range(5):
        start = time.process_time()
        measure(lq, gt, read_text=False)
        times.append(time.process_time() - start)
    print(f"\n{1000 * min(times):.0f} ms for a pair of {side} pixels, one core, without text,")
    print(f"limits {default_thresholds().name}.")


if __name__ == "__main__":
    main()

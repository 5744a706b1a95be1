"""Aligned random crops a second: our loader against those that people use, in one run.

    python -m benchmarks.streaming [--photos DIR] [--pairs 96] [--rounds 5] [--seconds 2]

Pairs of 1024 pixels are cut from photographs, built into ordinary and seekable shards, and copied
into each peer's own format. Every contender yields batches of 16 pairs, the same random crop of
both sides, as ``uint8``. They take turns, round after round, each in a process of its own, with a
new loader whose first batches are not counted; a cell is the median over the rounds. Beside the
rate stands the processor time of a pair, workers included, which a busy machine disturbs less.
"2 workers" are 2 threads for us, DALI, torchdata and the limit, and 2 processes for the others.

The limit decodes JPEGs, made beforehand, of nothing but the MCUs that a crop touches. Peers that
are not installed are named and left out. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.corpus import ENCODINGS, photographs, write_corpus
from benchmarks.peers import CONTENDERS
from ggt_hf import build_dataset

OURS, LIMIT, REGION = (
    ("ggt_hf, seekable shards", "ggt_hf, ordinary shards"),
    "physical limit",
    "DALI",
)
SHARDS = 4

Contender = subprocess.Popen[str]
Turn = tuple[float, float]
"""Pairs a second, and milliseconds of processor time a pair."""


def prepare(folder: Path, photos: Path | None, encodings: Sequence[str], pairs: int) -> str:
    """Make what is raced on; what an earlier run with the same `folder` made is used again."""
    images, name = photographs(photos)
    for encoding in encodings:
        root = folder / encoding.replace(":", "")
        if not (root / "src").exists():
            write_corpus(root / "src", images, encoding, pairs)
        total = sum(path.stat().st_size for path in (root / "src").rglob("*.*"))
        for kind in ("ordinary", "seekable"):
            if not (root / kind).exists():
                build_dataset(
                    root / "src",
                    root / kind,
                    license="CC0-1.0",
                    shard_size=total // SHARDS,
                    seekable=kind == "seekable",
                    quiet=True,
                )
    return name


def start(name: str) -> Contender:
    command = [sys.executable, "-m", "benchmarks.contender", name]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def take_turn(contender: Contender, job: dict[str, object]) -> dict[str, Any]:
    assert contender.stdin and contender.stdout
    try:
        contender.stdin.write(json.dumps(job) + "\n")
        contender.stdin.flush()
        return json.loads(contender.stdout.readline())
    except (BrokenPipeError, ValueError):
        return {"error": f"its process ended with {contender.wait()}"}


def race(
    contenders: dict[str, Contender], job: dict[str, object], rounds: int, left_out: dict[str, str]
) -> dict[str, list[Turn]]:
    turns: dict[str, list[Turn]] = defaultdict(list)
    for _ in range(rounds):
        for name, contender in contenders.items():
            if name in left_out:
                continue
            answer = take_turn(contender, job)
            if "turn" in answer:
                turns[name].append(answer["turn"])
            elif "error" in answer:
                left_out[name] = answer["error"]
    return turns


def medians(turns: dict[str, list[Turn]]) -> dict[str, Turn]:
    return {
        name: (statistics.median(rates), statistics.median(costs))
        for name, (rates, costs) in (
            (name, zip(*some, strict=True)) for name, some in turns.items() if some
        )
    }


def lines(head: str, found: dict[str, Turn]) -> list[str]:
    """Rows of the table, ours against each: by rate, and by processor time."""
    best_rate, best_cost = found[OURS[0]]
    return [
        f"| {head} | {name} | {rate:.0f} | {cost:.1f} | {best_rate / rate:.2f} "
        f"| {cost / best_cost:.2f} |"
        for name, (rate, cost) in sorted(found.items(), key=lambda item: item[1][1])
    ]


def goals(head: str, found: dict[str, Turn]) -> str:
    """Ours against the best of each kind of peer, by rate (by processor time)."""
    natives = [n for n in found if n not in (*OURS, LIMIT) and not n.startswith(REGION)]
    rivals = {"best torch-native": natives, "DALI": [n for n in found if n.startswith(REGION)]}
    parts = []
    for ours in OURS:
        for kind, names in rivals.items():
            if ours in found and names:
                rate = found[ours][0] / max(found[n][0] for n in names)
                cost = min(found[n][1] for n in names) / found[ours][1]
                parts.append(f"{ours.split(', ')[1]} {rate:.1f} x ({cost:.1f} x) {kind}")
    if LIMIT in found:
        rate = found[OURS[0]][0] / found[LIMIT][0]
        cost = found[LIMIT][1] / found[OURS[0]][1]
        parts.append(f"seekable {100 * rate:.0f} % ({100 * cost:.0f} %) of the limit")
    return f"- {head}: {'; '.join(parts)}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, help="folder of photographs to cut the pairs from")
    parser.add_argument("--pairs", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn, about")
    parser.add_argument("--crops", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--encodings", nargs="+", choices=ENCODINGS, default=list(ENCODINGS))
    parser.add_argument("--dir", type=Path, help="keep what is raced on here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.dir or Path(temporary)
        name = prepare(folder, given.photos, given.encodings, given.pairs)
        print(f"{given.pairs} pairs of 1024 pixels cut from {name}; load {os.getloadavg()[1]:.0f}")
        print("\n| corpus | loader | pairs/s | CPU ms a pair | ours is faster | by CPU |")
        print("|---|---|---|---|---|---|")
        left_out: dict[str, str] = {}
        summary = []
        contenders = {name: start(name) for name in CONTENDERS}
        for encoding, crop, workers in product(given.encodings, given.crops, given.workers):
            root = folder / encoding.replace(":", "")
            job = {"root": str(root), "crop": crop, "workers": workers, "seconds": given.seconds}
            found = medians(race(contenders, job, given.rounds, left_out))
            head = f"{encoding}, {crop} px, {workers} workers"
            print("\n".join(lines(head, found)), flush=True)
            summary.append(goals(head, found))
        for contender in contenders.values():
            contender.kill()
    print("\nBy rate, and in brackets by processor time:\n")
    print("\n".join(summary))
    for name, cause in left_out.items():
        print(f"- left out: {name} ({cause})")


if __name__ == "__main__":
    main()

"""Aligned random crops a second: our loader against those that people use, in one run.

    python -m benchmarks.streaming [--photos DIR] [--pairs 96] [--minutes 12] [--table FILE]

Pairs of 1024 pixels are cut from photographs, built into ordinary and seekable shards, and copied
into each peer's own format. Every contender yields batches of 16 pairs, the same random crop of
both sides, as ``uint8``. They take turns, setting after setting and round after round until the
minutes are over (one round at least), each in a process of its own, with a new loader whose first
batches, 2 s at least, are not counted; all files are read before, so that everybody finds them in
memory. A cell is the median over the rounds. Beside the rate stands the processor time of a pair,
workers included, which a busy machine disturbs less. "2 workers" are 2 threads for DALI, torchdata,
the limit and the one of ours that says so, and 2 processes for the others.

The limit decodes JPEGs, made beforehand, of nothing but the MCUs that a crop touches. Ordinary
shards are read twice: by what ``ggt-hf[stream]`` installs, and once more without the libjpeg-turbo
3 in it, which decodes rectangles (`ggt_hf.data.regions.turbojpeg`). A contender that fails is named
with the cause, and gets a new process and another turn in the next round. The Markdown table is
printed, and written anew after every round where a file is named.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.corpus import ENCODINGS, photographs, write_corpus
from benchmarks.peers import CONTENDERS
from ggt_hf import build_dataset

OURS = tuple(name for name in CONTENDERS if name.startswith("ggt_hf"))
LIMIT, REGION = "physical limit", "DALI"
SHARDS = 4

Turn = tuple[float, float]
"""Pairs a second, and milliseconds of processor time a pair."""


@dataclass(frozen=True)
class Setting:
    """What is raced on; its name stands in the first column."""

    encoding: str
    crop: int
    workers: int

    def __str__(self) -> str:
        return f"{self.encoding}, {self.crop} px, {self.workers} workers"


@dataclass
class Contender:
    """A loader in a process of its own, started when it is needed and again when it died."""

    name: str
    log: Path
    turns: dict[Setting, list[Turn]] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def take_turn(self, setting: Setting, job: dict[str, object]) -> None:
        answer = self._ask(job)
        if "turn" in answer:
            self.turns.setdefault(setting, []).append(answer["turn"])
        elif "error" in answer:
            self.troubles[answer["error"]] = str(setting)

    def _ask(self, job: dict[str, object]) -> dict[str, Any]:
        process = self.process = self.process or self._start()
        assert process.stdin and process.stdout
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
        except (BrokenPipeError, ValueError):
            self.process = None
            said = self.log.read_text(errors="replace").split("\n")[-3:]
            return {"error": f"its process ended with {process.wait()}: {' '.join(said).strip()}"}
        return answer

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "benchmarks.contender", self.name]
        with self.log.open("w") as log:
            pipe = subprocess.PIPE
            return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, text=True)

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def median(self, setting: Setting) -> Turn | None:
        turns = self.turns.get(setting)
        if not turns:
            return None
        rates, costs = zip(*turns, strict=True)
        return statistics.median(rates), statistics.median(costs)


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
                parts.append(f"{ours.removeprefix('ggt_hf, ')} {rate:.1f} x ({cost:.1f} x) {kind}")
    if LIMIT in found:
        rate = found[OURS[0]][0] / found[LIMIT][0]
        cost = found[LIMIT][1] / found[OURS[0]][1]
        parts.append(f"seekable {100 * rate:.0f} % ({100 * cost:.0f} %) of the limit")
    return f"- {head}: {'; '.join(parts)}."


def report(head: str, contenders: Sequence[Contender], settings: Sequence[Setting]) -> str:
    """The whole table, with what it says of the goals and who failed."""
    table = [head, "", "| corpus | loader | pairs/s | CPU ms a pair | ours is faster | by CPU |"]
    table += ["|---|---|---|---|---|---|"]
    summary = []
    for setting in settings:
        medians = {contender.name: contender.median(setting) for contender in contenders}
        found = {name: median for name, median in medians.items() if median}
        if OURS[0] in found:
            table += lines(str(setting), found)
            summary.append(goals(str(setting), found))
    troubles = [
        f"- {contender.name} failed at {where}: {cause}"
        for contender in contenders
        for cause, where in contender.troubles.items()
    ]
    parts = [*table, "", "By rate, and in brackets by processor time:", "", *summary, *troubles]
    return "\n".join(parts) + "\n"


def keep_in_memory(folder: Path) -> None:
    """Read every file: some machines drop what was not read for some seconds from memory."""
    for path in folder.rglob("*.*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass


def race(
    contenders: Sequence[Contender], settings: Sequence[Setting], folder: Path, seconds: float
) -> None:
    """One round: everybody at every setting."""
    for setting in settings:
        job = {
            "root": str(folder / setting.encoding.replace(":", "")),
            "crop": setting.crop,
            "workers": setting.workers,
            "seconds": seconds,
        }
        for contender in contenders:
            keep_in_memory(folder / setting.encoding.replace(":", ""))
            contender.take_turn(setting, job)
        print(f"{time.strftime('%H:%M:%S')} {setting}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, help="folder of photographs to cut the pairs from")
    parser.add_argument("--pairs", type=int, default=96)
    parser.add_argument("--minutes", type=float, default=12, help="no round starts that ends later")
    parser.add_argument("--rounds", type=int, default=5, help="at most")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn, about")
    parser.add_argument("--crops", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--encodings", nargs="+", choices=ENCODINGS, default=list(ENCODINGS))
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--dir", type=Path, help="keep what is raced on here")
    parser.add_argument("--table", type=Path, help="write the table to this file as well")
    given = parser.parse_args()
    settings = [Setting(*s) for s in product(given.encodings, given.crops, given.workers)]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.dir or Path(temporary)
        photos = prepare(folder, given.photos, given.encodings, given.pairs)
        contenders = [Contender(n, Path(temporary, f"{i}.log")) for i, n in enumerate(given.only)]
        table, longest = "", 0.0
        for number in range(1, given.rounds + 1):
            begun = time.monotonic()
            if table and begun + longest > started + 60 * given.minutes:
                break
            race(contenders, settings, folder, given.seconds)
            longest = max(longest, time.monotonic() - begun)
            head = (
                f"{given.pairs} pairs of 1024 pixels cut from {photos}; medians of {number} rounds "
                f"of {given.seconds} s; load {os.getloadavg()[1]:.0f} on {os.cpu_count()} cores"
            )
            table = report(head, contenders, settings)
            if given.table:
                given.table.write_text(table)
        for contender in contenders:
            contender.stop()
    print(table, end="")


if __name__ == "__main__":
    main()

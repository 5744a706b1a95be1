"""How long training waits for data, and what memory its data take: our loader and two others.

    python -m benchmarks.training [--photos DIR] [--pairs 64] [--rounds 2] [--table FILE]

Pairs of 1024 pixels are cut from photographs. Three loaders hand out batches of 8 pairs, 128 px:

- ours: `ggt train`'s own, over ordinary and seekable shards, decoding in threads of the process;
- loose files: a dataset of image files, decoded whole and cropped in a DataLoader's worker
  processes, as an ImageFolder is used;
- whole set: every pair decoded when the dataset is made, cropped once, and held as floats, as the
  img2img LoRA example of diffusers does.

They take turns, each turn in a process of its own: it opens its data, draws batches alone for a
while, then trains the one-step restorer at its default size for some steps. *Waiting* is the time
in which a step waits for its batch. *Memory* is what the process and its workers hold more than
before the data were opened, at its highest. Cells are medians over the rounds.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

BATCH, CROP, WORKERS = 8, 128, 2
OURS, WHOLE = "ggt_hf, seekable shards", "whole set"
RELEASE = 103_707
"""Pairs of the release, for which the memory of the whole set is reckoned."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What one turn measured."""

    opening: float
    """Seconds until the first batch."""
    rate: float
    """Pairs a second of the loader alone."""
    step: float
    """Seconds of a step of training, waiting included."""
    waiting: float
    """Share of them spent waiting."""
    memory: float
    """MB."""


Pairs = tuple[torch.Tensor, torch.Tensor]


class Decoded(Dataset[Any]):
    """Every pair decoded and cropped at once; the decoded pictures are kept, as there."""

    def __init__(self, root: Path) -> None:
        chance = np.random.default_rng(0)
        self.pictures, self.crops = [], []
        for lq, gt in zip(*files(root), strict=True):
            pair = [np.asarray(Image.open(path).convert("RGB")) for path in (lq, gt)]
            y, x = (chance.integers(side - CROP) for side in pair[0].shape[:2])
            self.pictures.append(pair)
            cut = [picture[y : y + CROP, x : x + CROP] for picture in pair]
            self.crops.append([torch.tensor(one).permute(2, 0, 1).float() / 255 for one in cut])

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, index: int) -> Any:
        return self.crops[index]


class Files(Dataset[Any]):
    """A pair is decoded whole, and cropped, each time it comes."""

    def __init__(self, root: Path) -> None:
        self.paths = list(zip(*files(root), strict=True))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        pair = [np.asarray(Image.open(path).convert("RGB")) for path in self.paths[index]]
        y, x = (int(torch.randint(side - CROP, ())) for side in pair[0].shape[:2])
        cut = [picture[y : y + CROP, x : x + CROP] for picture in pair]
        return [torch.tensor(one).permute(2, 0, 1).float() / 255 for one in cut]


def files(root: Path) -> tuple[list[Path], list[Path]]:
    lq, gt = (sorted((root / "src" / "rain" / side).iterdir()) for side in ("LQ", "GT"))
    return lq, gt


def ours(kind: str, root: Path) -> Iterator[Pairs]:
    from ggt_hf.training.data import open_training
    from ggt_hf.training.recipe import DataRecipe, PairsRecipe

    sources = [PairsRecipe(pairs=str(root / kind))]
    stream, _ = open_training(DataRecipe(sources=sources, crop=CROP, batch_size=BATCH), seed=0)
    loader = stream.loader()
    while True:
        for batch in loader:
            yield batch.floats()


def theirs(dataset: type[Decoded] | type[Files], workers: int, root: Path) -> Iterator[Pairs]:
    loader = DataLoader(
        dataset(root), batch_size=BATCH, shuffle=True, drop_last=True, num_workers=workers,
        persistent_workers=workers > 0,
    )  # fmt: skip
    while True:
        yield from loader


LOADERS = {
    OURS: partial(ours, "seekable"),
    "ggt_hf, ordinary shards": partial(ours, "ordinary"),
    "loose files": partial(theirs, Files, WORKERS),
    WHOLE: partial(theirs, Decoded, 0),
}


def take_turn(name: str, root: Path, steps: int, seconds: float) -> Turn:
    from ggt_hf.restoration.network import OneStepRestorer
    from ggt_hf.training.fidelity import objective
    from ggt_hf.training.recipe import LossRecipe

    before, asked = resident(), time.perf_counter()
    batches = LOADERS[name](root)
    next(batches)
    opening = time.perf_counter() - asked
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        next(batches)
        count += BATCH
    rate = count / (time.perf_counter() - begun)
    memory = peak() - before  # of the data alone: training comes after
    network = OneStepRestorer().train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    waited = begun = 0.0
    for step in range(steps + 2):
        if step == 2:  # the first ones warm up
            waited, begun = 0.0, time.perf_counter()
        asked = time.perf_counter()
        lq, gt = next(batches)
        waited += time.perf_counter() - asked
        objective(network(lq), gt, LossRecipe()).backward()
        optimizer.step()
        optimizer.zero_grad()
    spent = time.perf_counter() - begun
    return Turn(
        opening=opening, rate=rate, step=spent / steps, waiting=waited / spent, memory=memory
    )


def resident() -> float:
    """MB that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak() -> float:
    """MB that this process held at most, and what its workers hold for themselves."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return own + sum(map(unshared, children))


def unshared(process: str) -> float:
    rows = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith("Private")) / 1000


def measured(given: argparse.Namespace, root: Path) -> dict[str, list[Turn]]:
    turns: dict[str, list[Turn]] = {name: [] for name in LOADERS}
    for number in range(given.rounds):
        for name in LOADERS:
            command = [sys.executable, "-m", "benchmarks.training", "--turn", name]
            command += ["--dir", str(root), "--steps", str(given.steps)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            turns[name].append(Turn(**json.loads(done.stdout)))
            print(f"{time.strftime('%H:%M:%S')} round {number + 1}, {name}", file=sys.stderr)
    return turns


def report(turns: dict[str, list[Turn]], head: str, pairs: int) -> str:
    fields = [field.name for field in dataclasses.fields(Turn)]
    middle = {
        name: {field: statistics.median(getattr(turn, field) for turn in of) for field in fields}
        for name, of in turns.items()
    }
    best = middle[OURS]
    rows = [
        f"| {name} | {one['opening']:.2f} | {one['rate']:.0f} | {best['rate'] / one['rate']:.2f} "
        f"| {one['step']:.2f} | {one['waiting']:.1%} | {one['memory']:.0f} |"
        for name, one in middle.items()
    ]
    whole = middle[WHOLE]["memory"] / pairs
    return "\n".join(
        [
            head,
            "",
            "| loader | first batch, s | pairs/s alone | ours is faster | s a step | waiting "
            "| memory, MB |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            f"The whole set takes {whole:.1f} MB a pair of 1024 px: {whole * RELEASE / 1e6:.2f} TB "
            f"for the {RELEASE:,} pairs of the release.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, help="folder of photographs to cut the pairs from")
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=8, help="of training, each turn")
    parser.add_argument("--dir", type=Path, help="keep what is trained on here")
    parser.add_argument("--table", type=Path, help="write the table to this file as well")
    parser.add_argument("--turn", choices=LOADERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.turn:
        print(json.dumps(asdict(take_turn(given.turn, given.dir, given.steps, seconds=1.5))))
        return
    from benchmarks.streaming import prepare

    with tempfile.TemporaryDirectory() as temporary:
        folder = given.dir or Path(temporary)
        encoding = "JPEG 4:2:0"
        photos = prepare(folder, given.photos, [encoding], given.pairs)
        turns = measured(given, folder / encoding.replace(":", ""))
    head = (
        f"{given.pairs} pairs of 1024 px, {encoding}, cut from {photos}; batches of {BATCH}, "
        f"{CROP} px; medians of {given.rounds} rounds of {given.steps} steps; "
        f"{torch.get_num_threads()} threads, {os.cpu_count()} cores, load {os.getloadavg()[1]:.0f}"
    )
    table = report(turns, head, given.pairs)
    if given.table:
        given.table.write_text(table)
    print(table, end="")


if __name__ == "__main__":
    main()

"""What a stream costs as the manifest grows, and what memory it holds.

    python -m benchmarks.scale [--rows 1000 10000 100000 1000000] [--pairs 100000]

The manifest is simulated: its rows have keys of their own, but point again and again at 64 small
pairs (128 x 128 pixels, JPEG) in one shard. Prints, for each size, the time of a pair, the time
from `load_state_dict` at the middle of an epoch to the first batch of eight (the order is drawn
anew, nothing is cached), and the time and memory that opening takes. Before that, in a process of
its own, it streams `--pairs` pairs and prints the memory every tenth of the way.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from ggt_hf import PairStream, RandomGeometry, build_dataset
from ggt_hf.data.format.manifest import Manifest
from ggt_hf.data.reading.reader import PairStore, open_dataset
from ggt_hf.data.streaming.pairs import DatasetPairs

REAL, SIDE, CROP, BATCH = 64, 128, 64, 8
PAGE = os.sysconf("SC_PAGE_SIZE")


def small_dataset(folder: Path) -> PairStore:
    chance = np.random.default_rng(0)
    for number in range(REAL):
        coarse = Image.fromarray(chance.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        picture = coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        for side in ("LQ", "GT"):
            path = folder / "src" / "rain" / side / f"{number:03d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path, quality=90)
    build_dataset(folder / "src", folder / "out", license="CC0-1.0", seekable=True, quiet=True)
    return open_dataset(folder / "out")


def grown(manifest: Manifest, rows: int) -> Manifest:
    """A manifest of `rows` rows that name the same pictures again and again."""
    table = manifest.table.take(pa.array(np.arange(rows) % len(manifest)))
    keys = pa.array([f"train-rain-{number:08d}" for number in range(rows)])
    return Manifest(table.set_column(0, "key", keys).combine_chunks())


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def opened(store: PairStore, manifest: Manifest, shuffle: str) -> PairStream:
    pairs = DatasetPairs(
        store, manifest, shuffle=shuffle, geometry=RandomGeometry(crop=CROP, flip=True)
    )
    return PairStream(pairs, batch_size=BATCH)


def resumed(stream: PairStream, epoch: int) -> float:
    """Milliseconds from `load_state_dict` in the middle of an epoch to the first batch."""
    rounds = len(stream.source) // 2 // BATCH
    middle = stream.state_dict() | {"epoch": epoch, "origin": 0, "rounds": rounds}
    gc.collect()
    start = time.perf_counter()
    stream.load_state_dict(middle)
    batches = iter(stream)
    next(batches)
    elapsed = time.perf_counter() - start
    batches.close()
    return 1000 * elapsed


def pair_cost(stream: PairStream, pairs: int = 4000) -> tuple[float, float]:
    """Milliseconds of the clock, and of the processor, that a pair takes."""
    batches = endless(stream)
    for _ in range(20):
        next(batches)
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(pairs // BATCH):
        next(batches)
    return (
        1000 * (time.perf_counter() - start) / pairs,
        1000 * (time.process_time() - cpu) / pairs,
    )


def endless(stream: PairStream) -> Iterator[object]:
    for epoch in range(10**6):
        stream.set_epoch(epoch)
        yield from stream


def growth(store: PairStore, sizes: list[int], rounds: int) -> None:
    print("| rows | shuffle | open, ms | memory, MB | ms a pair | CPU ms | resume, ms | worst |")
    print("|---|---|---|---|---|---|---|---|")
    for rows in sizes:
        manifest = grown(store.manifest, rows)
        for shuffle in ("pairs", "blocks"):
            gc.collect()
            before, start = resident(), time.perf_counter()
            stream = opened(store, manifest, shuffle)
            ms, megabytes = 1000 * (time.perf_counter() - start), (resident() - before) / 1e6
            wall, cpu = pair_cost(stream)
            times = [resumed(stream, epoch) for epoch in range(100, 100 + rounds)]
            print(
                f"| {rows:,} | {shuffle} | {ms:.0f} | {megabytes:.0f} | {wall:.2f} | {cpu:.2f} "
                f"| {statistics.median(times):.0f} | {max(times):.0f} |",
                flush=True,
            )
            del stream


def memory(store: PairStore, pairs: int) -> None:
    stream = opened(store, grown(store.manifest, pairs), "pairs")
    samples, seen = [resident() / 1e6], 0
    for batch in stream:
        seen += len(batch)
        if seen * 10 // pairs >= len(samples):
            samples.append(resident() / 1e6)
    print(f"Streaming {seen:,} pairs, MB held before the first and at each tenth of the way:\n")
    print(" ".join(f"{sample:.0f}" for sample in samples) + "\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = [10**3, 10**4, 10**5, 10**6]
    parser.add_argument("--rows", type=int, nargs="+", default=sizes)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, small_dataset(Path(folder)) as store:
        print(f"load {os.getloadavg()[0]:.0f}\n", flush=True)
        alone = get_context("spawn").Process(target=memory, args=(store, given.pairs))
        alone.start()
        alone.join()
        growth(store, given.rows, given.rounds)


if __name__ == "__main__":
    main()

"""The loaders that are raced, all doing one job: batches of the same random crop of LQ and GT.

Each contender is a function that yields batches for ever: two ``uint8`` arrays of 16 crops each.
All but DALI and ours decode whole pictures, with the fastest decoder that is installed.
"""

from __future__ import annotations

import itertools
import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler

from ggt_hf.data.building.seekable import find_jpegtran
from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.data.regions import decode as decode_module
from ggt_hf.data.regions.turbojpeg import library
from ggt_hf.data.streaming.batches import PairSample, PairSource, Slots
from ggt_hf.data.streaming.pairs import open_pairs
from ggt_hf.data.streaming.stream import PairStream

BATCH = 16
ENDLESS = 100_000
"""Pairs of an epoch, where a peer has to be told: no epoch ends while it is measured."""
SHUFFLED = 64
"""Pairs in the shuffle buffers of those that have one."""
CROPS = 8
"""Crops of each pair that the limit decodes in turn; training sees none twice."""


class NotRunError(Exception):
    """A contender has nothing to do in this setting."""


Batches = Iterator[Any]
Encoded = tuple[bytes, bytes]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a contender is to do."""

    root: Path
    """Holds ``ordinary``, ``seekable``, ``src``, ``mds`` and ``litdata``: the same pairs."""
    crop: int
    workers: int

    @property
    def tars(self) -> list[str]:
        return sorted(str(path) for path in (self.root / "ordinary").rglob("*.tar"))


@cache
def png_decoder() -> Callable[[bytes], NDArray[np.uint8]]:
    try:
        from kornia_rs.io import decode_image_png_u8
    except ImportError:
        import cv2

        cv2.setNumThreads(0)
        return lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)

    def fastest(data: bytes) -> NDArray[np.uint8]:
        width, height = struct.unpack_from(">II", data, 16)
        return np.asarray(decode_image_png_u8(data, (height, width), "rgb"))

    return fastest


def decode(data: bytes) -> NDArray[np.uint8]:
    return simplejpeg.decode_jpeg(data) if data[:2] == b"\xff\xd8" else png_decoder()(data)


def cropped(pair: Encoded, crop: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    whole = [decode(bytes(data)) for data in pair]
    height, width, _ = whole[0].shape
    x, y = random.randint(0, width - crop), random.randint(0, height - crop)
    lq, gt = (pixels[y : y + crop, x : x + crop].copy() for pixels in whole)
    return lq, gt


def stacked(pairs: list[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    lq, gt = (torch.from_numpy(np.stack(side)) for side in zip(*pairs, strict=True))
    return lq, gt


def batches(dataset: Any, job: Job, **options: Any) -> Batches:
    return iter(
        DataLoader(
            dataset,
            batch_size=BATCH,
            num_workers=job.workers,
            collate_fn=stacked,
            multiprocessing_context="fork",  # some peers change the default, which starts slowly
            **options,
        )
    )


class Crops(IterableDataset[Any]):
    """An iterable of encoded pairs as an endless one of crops, in the workers: none ever ends."""

    def __init__(self, rows: Any, pair: Callable[[Any], Encoded], crop: int) -> None:
        self.rows, self.pair, self.crop = rows, pair, crop

    def __iter__(self) -> Iterator[Any]:
        while True:
            for row in self.rows:
                yield cropped(self.pair(row), self.crop)


class LooseFiles(Dataset[Any]):
    def __init__(self, job: Job) -> None:
        self.lq = sorted((job.root / "src" / "rain" / "LQ").iterdir())
        self.gt = sorted((job.root / "src" / "rain" / "GT").iterdir())
        self.crop = job.crop

    def __len__(self) -> int:
        return len(self.lq)

    def __getitem__(self, index: int) -> Any:
        return cropped((self.lq[index].read_bytes(), self.gt[index].read_bytes()), self.crop)


class Endless:
    """A source of ours whose epochs follow each other as one, as those of the peers do."""

    def __init__(self, source: PairSource) -> None:
        self.source, self.fingerprint = source, source.fingerprint
        self.sample_shape = source.sample_shape

    def __len__(self) -> int:
        return ENDLESS

    def sample(self, epoch: int, position: int, out: Slots | None = None) -> PairSample:
        return self.source.sample(*divmod(position, len(self.source)), out)


def ours(kind: str, job: Job, *, in_threads: bool = False) -> Batches:
    source = Endless(open_pairs(job.root / kind, crop=job.crop))
    if job.workers == 1:
        if in_threads:
            raise NotRunError("one worker is one thread")
        return iter(PairStream(source, batch_size=BATCH, threads=1))
    if in_threads:
        return iter(PairStream(source, batch_size=BATCH, threads=job.workers))
    return iter(PairStream(source, batch_size=BATCH).loader(num_workers=job.workers))


def without_turbo(job: Job) -> Batches:
    """Read ordinary shards as if libjpeg-turbo 3 were nowhere."""
    if library() is None or not pairs(job.root)[0][0].startswith(b"\xff\xd8"):
        raise NotRunError("it would be the same as with it")
    decode_module.library = lambda: None  # in this contender's own process
    return ours("ordinary", job)


def loose_files(job: Job) -> Batches:
    rows = LooseFiles(job)
    return batches(rows, job, sampler=RandomSampler(rows, replacement=True, num_samples=ENDLESS))


def datasets_stream(job: Job) -> Batches:
    from datasets import load_dataset

    rows = load_dataset(str(job.root / "ordinary"), split="train", streaming=True).decode(False)
    rows = rows.select_columns(["lq", "gt"]).shuffle(seed=0, buffer_size=SHUFFLED)
    # The rows are divided over workers by themselves, as they would be without the wrapping.
    return batches(Crops(rows, lambda row: (row["lq"]["bytes"], row["gt"]["bytes"]), job.crop), job)


def webdataset_stream(job: Job) -> Batches:
    import webdataset

    rows = webdataset.WebDataset(job.tars, shardshuffle=100).shuffle(SHUFFLED)
    # Not `repeat`, which begins a batch anew with every epoch and drops what is left of the last.
    return batches(Crops(rows, lambda row: (row["lq"], row["gt"]), job.crop), job)


def mosaicml_streaming(job: Job) -> Batches:
    import streaming

    folder = job.root / "mds"
    if not folder.exists():
        columns = {"lq": "bytes", "gt": "bytes"}
        with streaming.MDSWriter(columns=columns, out=str(folder)) as out:
            for lq, gt in pairs(job.root):
                out.write({"lq": lq, "gt": gt})

    class Rows(streaming.StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, index: int) -> Any:
            row = super().__getitem__(index)
            return cropped((row["lq"], row["gt"]), job.crop)

    streaming.base.util.clean_stale_shared_memory()
    rows = Rows(local=str(folder), shuffle=True, batch_size=BATCH, epoch_size=ENDLESS)
    return batches(rows, job)


def litdata_stream(job: Job) -> Batches:
    import litdata

    folder = job.root / "litdata"
    if not folder.exists():
        litdata.optimize(
            fn=both_bytes,
            inputs=[(str(job.root), number) for number in range(len(pairs(job.root)))],
            output_dir=str(folder),
            chunk_bytes="64MB",
            num_workers=1,
            verbose=False,
        )

    return batches(Crops(litdata.StreamingDataset(str(folder), shuffle=True), tuple, job.crop), job)


def both_bytes(given: tuple[str, int]) -> Encoded:
    return pairs(Path(given[0]))[given[1]]


def torchdata_nodes(job: Job) -> Batches:
    from torchdata import nodes

    rows = LooseFiles(job)
    numbers = nodes.IterableWrapper(itertools.cycle(range(len(rows))))
    crops = nodes.ParallelMapper(numbers, rows.__getitem__, job.workers, method="thread")
    return iter(nodes.Loader(nodes.Mapper(nodes.Batcher(crops, BATCH), stacked)))


def dali_regions(job: Job) -> Batches:
    from nvidia.dali import fn, pipeline_def, types

    @pipeline_def(batch_size=BATCH, num_threads=job.workers, device_id=None, seed=0)  # type: ignore[untyped-decorator]
    def graph() -> Any:
        sides = fn.readers.webdataset(
            paths=job.tars, ext=["lq", "gt"], random_shuffle=True, initial_fill=SHUFFLED
        )
        start = fn.random.uniform(range=(0.0, 1.0), shape=2)
        corner = fn.cast(start * (1024 - job.crop), dtype=types.INT32)  # it rounds
        return tuple(
            fn.decoders.image_slice(
                side, start=corner, shape=[job.crop, job.crop], axis_names="HW", device="cpu"
            )
            for side in sides
        )

    pipe = graph()
    pipe.build()
    while True:
        lq, gt = pipe.run()
        yield lq.as_array(), gt.as_array()


def physical_limit(job: Job) -> Batches:
    """Decode JPEGs made beforehand, of nothing but the MCUs that a crop touches."""
    crops = itertools.cycle(touched(job.root, job.crop))
    with ThreadPoolExecutor(job.workers) as pool:
        while True:
            yield list(pool.map(simplejpeg.decode_jpeg, itertools.islice(crops, 2 * BATCH)))


@cache
def touched(root: Path, crop: int) -> list[bytes]:
    """JPEGs of the MCUs under `CROPS` crops of each pair."""
    made, chance = [], random.Random(0)
    for pair in CROPS * pairs(root):
        x, y = (chance.randint(0, 1024 - crop) for _ in range(2))
        command = [find_jpegtran(), "-copy", "none", "-crop", f"{crop}x{crop}+{x}+{y}"]
        if not pair[0].startswith(b"\xff\xd8"):
            raise NotRunError("there is none for PNG")
        made += [subprocess.run(command, input=d, capture_output=True).stdout for d in pair]
    return made


@cache
def pairs(root: Path) -> list[Encoded]:
    with open_dataset(root / "ordinary") as store:
        return [(pair.lq, pair.gt) for pair in map(store.pair, store.manifest)]


CONTENDERS: dict[str, Callable[[Job], Batches]] = {
    "ggt_hf, seekable shards": partial(ours, "seekable"),
    "ggt_hf, seekable shards, in threads": partial(ours, "seekable", in_threads=True),
    "ggt_hf, ordinary shards": partial(ours, "ordinary"),
    "ggt_hf, ordinary shards, without libjpeg-turbo 3": without_turbo,
    "DALI (CPU, region)": dali_regions,
    "mosaicml-streaming": mosaicml_streaming,
    "litdata": litdata_stream,
    "torchdata nodes": torchdata_nodes,
    "webdataset": webdataset_stream,
    "datasets streaming": datasets_stream,
    "loose files": loose_files,
    "physical limit": physical_limit,
}

"""Read, check and hash pairs in parallel, in order; a bad pair comes back as its problem."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from ggt_hf.data.building.planning import BuildOptions
from ggt_hf.data.building.rewriting import Indexes, NotSeekable, rewrite
from ggt_hf.data.building.shards import MeasuredPair, measure
from ggt_hf.data.building.soundness import CheckLevel, prove
from ggt_hf.data.building.sources import PairSource, Problem
from ggt_hf.errors import GgtError, ImageError
from ggt_hf.images import ImageInfo
from ggt_hf.records import Pair


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """A pair that is ready to be written."""

    pair: MeasuredPair
    """What is to be stored."""
    left: tuple[NotSeekable, ...] = ()
    """Its pictures that were to be rewritten, but could not be."""


Checked = Ready | Problem
"""A pair that is ready to be written, or why it cannot be."""

Given = TypeVar("Given")
Made = TypeVar("Made")

_UPRIGHT = {
    2: "-flip horizontal",
    3: "-rotate 180",
    4: "-flip vertical",
    5: "-transpose",
    6: "-rotate 90",
    7: "-transverse",
    8: "-rotate 270",
}
"""EXIF orientation -> what jpegtran does to turn the pixels as the tag says."""


def checked(pairs: Iterable[PairSource], options: BuildOptions) -> Iterator[Checked]:
    """Yield each pair read, proven and hashed, or what is wrong with it, in the order given."""
    return in_order(partial(_checked, options=options), pairs, options.num_workers)


def in_order(
    work: Callable[[Given], Made], items: Iterable[Given], num_workers: int | None
) -> Iterator[Made]:
    """Yield ``work(item)`` for each item in order, computed by threads a few items ahead.

    Threads, not processes: reading, inflating, decoding and hashing let go of the interpreter,
    and a killed build leaves nobody behind who still writes.
    """
    count = num_workers or cpu_count()
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(count, thread_name_prefix="ggt-build")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def cpu_count() -> int:
    """Return the cores this process may use."""
    return len(os.sched_getaffinity(0))


def _checked(source: PairSource, options: BuildOptions) -> Checked:
    names = {f"{source.info.key}.lq": source.lq.name, f"{source.info.key}.gt": source.gt.name}
    indexes: Indexes = (None, None)
    left: tuple[NotSeekable, ...] = ()
    try:
        pair = Pair(info=source.info, lq=source.lq.read(), gt=source.gt.read())
        if options.seekable:
            rewritten = rewrite(pair, names)
            pair, indexes, left = rewritten.pair, rewritten.indexes, rewritten.left
        measured = measure(pair, lambda data, name: _upright(data, names[name], options.check))
        _refuse_sizes(measured, source)
    except GgtError as error:
        files = source.lq.name, source.gt.name
        return Problem(key=source.info.key, files=files, cause=error.message, fix=error.hint)
    return Ready(pair=replace(measured, indexes=indexes), left=left)


def _upright(data: bytes, name: str, check: CheckLevel) -> ImageInfo:
    info = prove(data, name, check)
    if info.orientation == 1:
        return info
    turn = f"jpegtran {_UPRIGHT[info.orientation]} -copy none IN > OUT"
    raise ImageError(
        f"{name} is turned by an EXIF tag ({info.orientation}), which some readers obey and "
        "others do not.",
        hint=f"Turn its pixels without loss: {turn}"
        if info.format == "jpeg"
        else "Turn its pixels and remove the tag, for example with `mogrify -auto-orient`.",
    )


def _refuse_sizes(pair: MeasuredPair, source: PairSource) -> None:
    lq, gt = pair.lq, pair.gt
    if (lq.width, lq.height) != (gt.width, gt.height):
        raise ImageError(
            f"{source.lq.name} is {lq.width} x {lq.height}, but its ground truth "
            f"{source.gt.name} is {gt.width} x {gt.height}.",
            hint="Both must show the same frame: crop or scale the sources to one size.",
        )

"""Work on many units at once, in batches, and hand them on in the order in which they came."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

from ggt_hf.errors import FormatError, GgtError, ImageError, IntegrityError, ReadError
from ggt_hf.quality.candidate_folder import read_pictures
from ggt_hf.quality.examiners import Examiner
from ggt_hf.records import Candidate, Check

Unit = TypeVar("Unit")
Found = Check | GgtError


class Pool:
    """Where examiners work: this process, or others beside it.

    Args:
        executor: the other processes; ``None`` = only this one.
        num_workers: how many they are.
    """

    def __init__(self, executor: ProcessPoolExecutor | None, num_workers: int) -> None:
        self._executor = executor
        self._ahead = 2 * num_workers

    def map(
        self,
        examiner: Examiner,
        root: Path,
        work: Callable[[Unit], Candidate | None],
        units: Iterator[Unit],
    ) -> Iterator[tuple[Unit, Found | None]]:
        """Yield each unit with what was found; None for a unit that `work` gives no candidate of.

        Raises:
            ModelError: the judge cannot be used at all; what came before has been yielded.
        """
        waiting: deque[tuple[list[Unit], list[int], Future[list[Found]]]] = deque()
        groups = _groups(units, examiner.batch_size)
        for group in groups:
            asked = [(i, c) for i, unit in enumerate(group) if (c := work(unit)) is not None]
            places = [i for i, _ in asked]
            waiting.append((group, places, self._submit(examiner, root, [c for _, c in asked])))
            if len(waiting) > (self._ahead if examiner.in_processes else 0):
                yield from _paired(*waiting.popleft())
        while waiting:
            yield from _paired(*waiting.popleft())

    def _submit(
        self, examiner: Examiner, root: Path, candidates: Sequence[Candidate]
    ) -> Future[list[Found]]:
        if candidates and self._executor and examiner.in_processes:
            return self._executor.submit(_examine, examiner, root, candidates)
        done: Future[list[Found]] = Future()
        try:
            done.set_result(_examine(examiner, root, candidates) if candidates else [])
        except GgtError as error:
            done.set_exception(error)
        return done


@contextmanager
def open_pool(num_workers: int) -> Iterator[Pool]:
    """Open a pool; with one worker everything happens in this process."""
    if num_workers <= 1:
        yield Pool(None, 1)
        return
    # Spawned, not forked: the parent may run threads (progress, a model) that hold locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_workers, mp_context=context, initializer=start_worker) as executor:
        yield Pool(executor, num_workers)


def _groups(units: Iterator[Unit], size: int) -> Iterator[list[Unit]]:
    while group := list(islice(units, size)):
        yield group


def _paired(
    group: list[Unit], places: list[int], future: Future[list[Found]]
) -> Iterator[tuple[Unit, Found | None]]:
    try:
        found = dict(zip(places, future.result(), strict=True))
    except BrokenProcessPool as error:
        raise ReadError(
            "A process of quality control died (out of memory, or a decoder crashed).",
            hint="Run it again with --num-workers 1; what was judged is kept.",
        ) from error
    for index, unit in enumerate(group):
        yield unit, found.get(index)


def start_worker() -> None:
    """Prepare a worker: one process is one core's work."""
    import cv2

    cv2.setNumThreads(1)


def _examine(examiner: Examiner, root: Path, candidates: Sequence[Candidate]) -> list[Found]:
    """Examine a batch; a candidate whose pictures cannot be used fails alone."""
    found: dict[int, Found] = {}
    pairs: dict[int, tuple[bytes, bytes]] = {}
    for index, candidate in enumerate(candidates):
        try:
            pairs[index] = read_pictures(root, candidate)
        except (ReadError, IntegrityError) as error:
            found[index] = error
    good = [candidates[index] for index in pairs]
    for index, result in zip(pairs, _together(examiner, good, list(pairs.values())), strict=True):
        found[index] = result
    return [found[index] for index in range(len(candidates))]


def _together(
    examiner: Examiner, candidates: Sequence[Candidate], pairs: Sequence[tuple[bytes, bytes]]
) -> list[Found]:
    try:
        return [*examiner.examine(candidates, pairs)] if candidates else []
    except (ImageError, FormatError) as error:
        if len(candidates) == 1:
            return [error]
    # One of them cannot be decoded: who it is shows when each is examined alone.
    alone = [_together(examiner, [c], [p]) for c, p in zip(candidates, pairs, strict=True)]
    return [result for results in alone for result in results]

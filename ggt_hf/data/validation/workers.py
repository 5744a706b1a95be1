"""Examine many shards at once, each in a process of its own choosing; a death is a finding."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from ggt_hf.data.validation.report import Ledger
from ggt_hf.data.validation.shard import ShardExam, ShardTask, examine
from ggt_hf.progress import Advance


def examine_all(
    tasks: Iterable[ShardTask], num_workers: int, advance: Advance
) -> Iterator[ShardExam]:
    """Yield the exam of every task, in any order.

    Args:
        tasks: taken as workers get free, so that few are in memory at a time.
        num_workers: processes; 1 = this one.
        advance: told the bytes of each shard that is done.
    """
    queue = iter(tasks)
    if num_workers == 1:
        for task in queue:
            yield examine(task)
            advance(task.num_bytes)
        return
    done = False
    while not done:
        # A pool whose worker died takes no more work: the rest of the queue gets a new one.
        pending: dict[Future[ShardExam], ShardTask] = {}
        try:
            for exam, task in _in_pool(queue, num_workers, pending):
                yield exam
                advance(task.num_bytes)
            done = True
        except BrokenProcessPool:
            for task in pending.values():
                yield _unexamined(task)
                advance(task.num_bytes)


def _in_pool(
    queue: Iterator[ShardTask], num_workers: int, pending: dict[Future[ShardExam], ShardTask]
) -> Iterator[tuple[ShardExam, ShardTask]]:
    # Spawned, not forked: the parent may run threads (progress, arrow) that hold locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_workers, mp_context=context) as pool:
        exhausted = False
        while not exhausted or pending:
            while not exhausted and len(pending) < 2 * num_workers:
                task = next(queue, None)
                if task is None:
                    exhausted = True
                else:
                    pending[pool.submit(examine, task)] = task
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                exam = future.result()
                yield exam, pending.pop(future)


def _unexamined(task: ShardTask) -> ShardExam:
    ledger = Ledger(task.path)
    ledger.add(
        "hashes",
        "a worker process died while this shard was being read (out of memory, or a decoder "
        "crashed on it or on a neighbour)",
        "Validate again with --num-workers 1.",
    )
    return ShardExam(
        path=task.path,
        ledger=ledger,
        keys=(),
        num_members=0,
        num_records=0,
        num_pictures=0,
        complete=False,
        safe=False,
    )

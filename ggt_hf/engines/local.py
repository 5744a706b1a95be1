"""Workers on this machine: one in this process, or several processes of their own.

Each process appends its outcomes to a part file of its own and tells the parent. It ends when
the parent does, by whatever cause: the pipe between them breaks. A process that dies takes only
the unit in its hands with it, which is recorded as failed; another takes its place.
"""

from __future__ import annotations

import os
import pickle
import signal
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path

from ggt_hf.engines.ledger import Ledger
from ggt_hf.engines.stage import Recipe, Unit, describe
from ggt_hf.errors import GgtError, StageError, UsageError
from ggt_hf.progress import Advance
from ggt_hf.stages import LineLog

_LARGEST_CHUNK = 32
_PATIENCE = 10.0
"""Seconds that an idle worker may take to end: to close files and unload libraries."""
_READY, _DONE = "ready", "done"

Batch = Sequence[Unit]


def cpu_count() -> int:
    """Return the cores this process may use."""
    return len(os.sched_getaffinity(0))


def chunk_size(num_left: int, num_workers: int) -> int:
    """Return how many batches to hand over at once: many at first, single ones at the end."""
    return max(1, min(_LARGEST_CHUNK, num_left // (8 * num_workers)))


def work_off(
    recipe: Recipe,
    units: Sequence[Unit],
    ledger: Ledger,
    num_workers: int | None,
    *,
    advance: Advance,
) -> None:
    """Work on every unit; outcomes are appended to part files as they come.

    Args:
        recipe: the work; it travels to the processes by pickle where there are several.
        units: what is to be done.
        ledger: where outcomes go.
        num_workers: 1 works in this process; more are processes started afresh ("spawn"), so
            that models and CUDA may be used in them; ``None`` = one a core.
        advance: called for each finished unit.

    Raises:
        UsageError: the work cannot travel to another process.
        StageError: the set-up failed, or a worker could not go on for another cause than a unit.
    """
    batches = recipe.batches(units)
    num_workers = min(num_workers or cpu_count(), len(batches))
    if num_workers > 1:
        refuse_unpicklable(recipe)
        with LineLog(ledger.new_part()) as log, _Pool(recipe, ledger, num_workers, log) as pool:
            pool.work_off(batches, advance)
        return
    try:
        attempt = recipe.prepare()
    except Exception as error:
        raise setup_failed(error) from error
    with LineLog(ledger.new_part()) as log:
        for batch in batches:
            for outcome in attempt(batch):
                log.append(outcome)
            advance(len(batch))


def refuse_unpicklable(recipe: Recipe) -> None:
    """Raise `UsageError` where the work is no function that a new process finds again."""
    try:
        pickle.dumps(recipe)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UsageError(
            f"The work cannot travel to another process: {error}.",
            hint="Make it a function of a module (or a partial of one), or use one worker.",
        ) from error


def setup_failed(error: BaseException) -> GgtError:
    """Return what a failed set-up means: our own errors say it themselves."""
    if isinstance(error, GgtError):
        return error
    return StageError(
        f"The set-up of a worker failed: {describe(error)}.",
        hint="No unit was lost; mend the cause and run the same command again.",
    )


class _Process:
    """One worker process, and the batches it was given and has not answered for."""

    def __init__(self, recipe: Recipe, part: Path) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, recipe, part), daemon=True)
        self.process.start()
        theirs.close()  # so that its end of the pipe dies with it
        self.pending: deque[Batch] = deque()
        self.ready = False

    def give(self, batches: Sequence[Batch]) -> None:
        self.pending.extend(batches)
        with suppress(BrokenPipeError, ConnectionResetError):  # its end is noticed when reading
            self.pipe.send(list(batches))

    def stop(self, patience: float) -> None:
        """Wait `patience` seconds for it to end by itself, as it does when idle; then end it."""
        self.process.join(patience)
        self.process.terminate()
        self.process.join()


class _Pool:
    """Processes that share one queue of batches."""

    def __init__(self, recipe: Recipe, ledger: Ledger, size: int, log: LineLog) -> None:
        self._recipe, self._ledger, self._log = recipe, ledger, log
        self._processes: list[_Process] = []
        self._size = size

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes:
            process.pipe.close()
        # Killed at once, they would leave semaphores behind, and Python warns of those.
        for process in self._processes:
            process.stop(_PATIENCE if error[0] is None else 0)

    def work_off(self, batches: Sequence[Batch], advance: Advance) -> None:
        queue = deque(batches)
        left = sum(map(len, batches))
        for _ in range(self._size):
            self._start()
        while left:
            by_pipe = {process.pipe: process for process in self._processes}
            for pipe in wait(list(by_pipe)):
                done = self._hear(by_pipe[pipe], queue)  # type: ignore[index]
                left -= done
                advance(done)

    def _hear(self, process: _Process, queue: deque[Batch]) -> int:
        """Take one message; return how many units it finished."""
        try:
            message = process.pipe.recv()
        except (EOFError, ConnectionResetError):
            return self._bury(process, queue)
        if isinstance(message, BaseException):
            raise message
        finished = len(process.pending.popleft()) if message == _DONE else 0
        process.ready = True
        if len(process.pending) <= 1 and queue:  # one ahead, so that it never waits
            size = min(len(queue), chunk_size(len(queue), self._size))
            process.give([queue.popleft() for _ in range(size)])
        return finished

    def _bury(self, process: _Process, queue: deque[Batch]) -> int:
        """Blame the unit that a dead process had in hand, and start another process."""
        process.process.join()
        self._processes.remove(process)
        how = f"the worker process ended with exit code {process.process.exitcode}"
        if not process.ready:
            raise StageError(
                f"A worker could not start: {how}.",
                hint="Look above for its last words; it may have run out of memory: "
                "use fewer workers.",
            )
        self._start()
        if not process.pending:
            return 0
        batch, *others = process.pending
        queue.extendleft(reversed(others))
        if len(batch) > 1:  # none can be blamed yet
            queue.extend([unit] for unit in batch)
            return 0
        digest = batch[0].digest(self._recipe.fingerprint)
        self._log.append({"key": batch[0].key, "unit": digest, "error": how})
        return 1

    def _start(self) -> None:
        self._processes.append(_Process(self._recipe, self._ledger.new_part()))


def _serve(pipe: Connection, recipe: Recipe, part: Path) -> None:
    """Be a worker: set up once, then answer for each batch until the pipe breaks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it ends the workers
    try:
        attempt = recipe.prepare()
    except Exception as error:
        pipe.send(setup_failed(error))
        return
    with suppress(EOFError, BrokenPipeError, ConnectionResetError), LineLog(part) as log:
        pipe.send(_READY)
        try:
            while True:
                for batch in pipe.recv():
                    for outcome in attempt(batch):
                        log.append(outcome)
                    pipe.send(_DONE)
        except (GgtError, OSError) as error:  # what no unit caused, such as a full disk
            pipe.send(error)

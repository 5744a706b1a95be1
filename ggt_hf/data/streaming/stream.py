"""PairStream: pairs in a seeded order, exactly once, over any number of workers and nodes.

A stream is a `torch.utils.data.IterableDataset` and a plain iterable in one. Iterating it gives
the epoch that `set_epoch` chose, each time the same, from where `load_state_dict` put it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch.utils.data import IterableDataset, get_worker_info

from ggt_hf.data.streaming.batches import PairBatch, PairSource, Skipped
from ggt_hf.data.streaming.division import Division
from ggt_hf.data.streaming.rows import BatchRows
from ggt_hf.data.streaming.throughput import Throughput
from ggt_hf.errors import GgtError, UsageError

if TYPE_CHECKING:
    from ggt_hf.data.streaming.loader import PairLoader

OnError = Literal["raise", "skip"]
"""A pair that cannot be read ends the iteration, or is left out and written down."""

State = dict[str, int | str]
"""Where a stream stands: a few integers and the name of its source."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where an iteration begins."""

    origin: int = 0
    """Position from which the rounds are counted."""
    round: int = 0
    """The first round to be made."""


class PairStream(IterableDataset[PairBatch]):
    """Batches of a `PairSource`, each pair of an epoch exactly once.

    Args:
        source: the pairs; `open_pairs` and `Mix` make sources.
        batch_size: pairs of a batch.
        rank: this process among those that train together; from torch.distributed, else from the
            environment variable ``RANK``, unless given.
        world_size: how many of them there are; likewise, from ``WORLD_SIZE``.
        drop_last: leave out the last round of batches where it is not full. Else the ranks share
            it evenly, and their last batches differ by at most one pair.
        on_error: ``"skip"`` leaves a bad pair out of its batch, and says so in
            `PairBatch.skipped` and in `ledger`.
        threads: threads that read and decode in each process; unless given, 1 in a worker of a
            DataLoader, else one a core and at most 4.
        prefetch: batches made ahead of the one in use, in each process.

    Raises:
        UsageError: pairs of different sizes cannot be stacked, or a number makes no sense.
    """

    def __init__(
        self,
        source: PairSource,
        *,
        batch_size: int = 8,
        rank: int | None = None,
        world_size: int | None = None,
        drop_last: bool = False,
        on_error: OnError = "raise",
        threads: int | None = None,
        prefetch: int = 2,
    ) -> None:
        if batch_size > 1 and source.sample_shape is None:
            raise UsageError(
                "Pairs of different sizes cannot be stacked into a batch.",
                hint="Pass crop=..., or batch_size=1.",
            )
        self.source = source
        self.batch_size = batch_size
        self.on_error = on_error
        self.rank, self.world_size = _place_in_world(rank, world_size)
        self.stats = Throughput()
        self.ledger: list[Skipped] = []
        self._drop_last = drop_last
        self._threads = threads
        self._prefetch = max(1, prefetch)
        # In shared memory: a worker that lives on from epoch to epoch sees set_epoch.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._fingerprint = source.fingerprint
        self._start = Start()
        self._begin_at(self._start)

    @classmethod
    def from_hub(
        cls,
        where: str | Path,
        *,
        batch_size: int = 8,
        rank: int | None = None,
        world_size: int | None = None,
        drop_last: bool = False,
        on_error: OnError = "raise",
        threads: int | None = None,
        prefetch: int = 2,
        **pairs: Any,
    ) -> PairStream:
        """Open a dataset on the Hub, or in a folder, as a stream.

        Args:
            where: ``namespace/name`` on the Hub, or a folder.
            batch_size: as in `PairStream`, like all that follow up to `prefetch`.
            rank: this process among those that train together.
            world_size: how many of them there are.
            drop_last: leave out the last round where it is not full.
            on_error: ``"raise"`` or ``"skip"``.
            threads: threads that read and decode.
            prefetch: batches made ahead.
            pairs: what `pairs.open_pairs` takes: ``split``, ``crop``, ``flip``, ``rotate``,
                ``shuffle``, ``seed``, ``revision``, ``token``, ``overlay``, and the filters.

        Raises:
            GgtError: the dataset cannot be opened, or nothing fits; see `pairs.open_pairs`.
        """
        from ggt_hf.data.streaming.pairs import open_pairs

        return cls(
            open_pairs(where, **pairs),
            batch_size=batch_size,
            rank=rank,
            world_size=world_size,
            drop_last=drop_last,
            on_error=on_error,
            threads=threads,
            prefetch=prefetch,
        )

    @property
    def epoch(self) -> int:
        """The epoch that an iteration gives now."""
        return int(self._epoch.item())

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; another one than the current starts at its beginning."""
        if epoch != self.epoch:
            self._epoch.fill_(epoch)
            self._begin_at(Start())

    def __len__(self) -> int:
        """Return the batches that the next iteration gives to this rank."""
        division = self._division(self._start)
        left = division.num_rounds - self._start.round
        last_is_empty = left > 0 and not division.batch(division.num_rounds - 1, self.rank)
        return left - last_is_empty

    def __iter__(self) -> Iterator[PairBatch]:
        # A start that load_state_dict set holds for one iteration.
        start = self._start
        self._begin_at(start)
        self._start = Start()
        worker = get_worker_info()
        if worker is None:
            return self.stats.watch(self._batches(start, 0, 1))
        return self._batches(start, worker.id, worker.num_workers)

    def loader(self, *, num_workers: int = 0, **options: Any) -> PairLoader:
        """Return a DataLoader of this stream that counts epochs and can be resumed.

        Args:
            num_workers: worker processes; 0 decodes in threads of this process. From two on,
                processes are faster: they wait for no lock, and use their batches' memory again.
            options: passed on to `torch.utils.data.DataLoader` (``pin_memory``, ``timeout``,
                ``prefetch_factor``, ``persistent_workers``, ``multiprocessing_context``).
        """
        from ggt_hf.data.streaming.loader import PairLoader

        return PairLoader(self, num_workers=num_workers, **options)

    def state_dict(self) -> State:
        """Return where this stream stands: after the last batch it handed out.

        In a training process whose batches come from workers, take `PairBatch.state` of the last
        batch used, or the state of `loader()`: batches made ahead do not count.
        """
        return dict(self._state)

    def load_state_dict(self, state: State) -> None:
        """Begin the next iteration where `state` was saved, with any number of workers and ranks.

        The state of a finished epoch begins the next epoch.

        Raises:
            UsageError: the state belongs to another source, filter, seed or transform.
        """
        if state["source"] != self._fingerprint:
            raise UsageError(
                "The state was saved with another dataset, filter, overlay, seed or transform.",
                hint="Open the stream with the same arguments, or start the epoch anew.",
            )
        saved = Division(
            count=int(state["count"]),
            origin=int(state["origin"]),
            batch_size=int(state["batch_size"]),
            world_size=int(state["world_size"]),
            drop_last=self._drop_last,
        )
        epoch, done = int(state["epoch"]), int(state["rounds"])
        start = Start(origin=saved.position_after(done - 1) if done else saved.origin)
        if get_worker_info() is not None:
            # torchdata restores each worker by itself: rounds stay counted from the same origin.
            start = Start(origin=saved.origin, round=done)
        elif done >= saved.num_rounds:
            epoch, start = epoch + 1, Start()
        self._epoch.fill_(epoch)
        self._begin_at(start)

    def _begin_at(self, start: Start) -> None:
        self._start = start
        self._state = self._state_after(self._division(start), start.round)

    def _batches(self, start: Start, worker: int, num_workers: int) -> Iterator[PairBatch]:
        epoch, division = self.epoch, self._division(start)
        threads = self._threads or (1 if num_workers > 1 else min(4, os.cpu_count() or 1))
        ahead: deque[Future[PairBatch]] = deque()
        with ThreadPoolExecutor(threads, "ggt-stream") as pool:
            try:
                for number in division.rounds(start.round, worker, num_workers):
                    positions = division.batch(number, self.rank)
                    if positions:
                        state = self._state_after(division, number + 1, epoch)
                        ahead.append(pool.submit(self._batch, epoch, positions, state))
                    if len(ahead) >= self._prefetch + threads:
                        yield self._hand_out(ahead.popleft().result())
                while ahead:
                    yield self._hand_out(ahead.popleft().result())
            finally:
                for future in ahead:
                    future.cancel()

    def _hand_out(self, batch: PairBatch) -> PairBatch:
        self._state = batch.state
        self.ledger.extend(batch.skipped)
        return batch

    def _batch(self, epoch: int, positions: range, state: State) -> PairBatch:
        rows = BatchRows(len(positions), self.source.sample_shape)
        skipped: list[Skipped] = []
        for position in positions:
            slots = rows.slots()
            try:
                rows.add(self.source.sample(epoch, position, slots), slots)
            except GgtError as error:
                if self.on_error == "raise":
                    raise
                skipped.append(Skipped(epoch=epoch, position=position, cause=str(error)))
        return rows.batch(state, skipped)

    def _division(self, start: Start) -> Division:
        return Division(
            count=len(self.source),
            origin=start.origin,
            batch_size=self.batch_size,
            world_size=self.world_size,
            drop_last=self._drop_last,
        )

    def _state_after(self, division: Division, rounds: int, epoch: int | None = None) -> State:
        return {
            "epoch": self.epoch if epoch is None else epoch,
            "origin": division.origin,
            "rounds": rounds,
            "batch_size": division.batch_size,
            "world_size": division.world_size,
            "count": division.count,
            "source": self._fingerprint,
        }


def _place_in_world(rank: int | None, world_size: int | None) -> tuple[int, int]:
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    if world_size is None:
        world_size = (
            torch.distributed.get_world_size()
            if distributed
            else int(os.environ.get("WORLD_SIZE", "1"))
        )
    if rank is None:
        rank = torch.distributed.get_rank() if distributed else int(os.environ.get("RANK", "0"))
    if not 0 <= rank < world_size:
        raise UsageError(
            f"rank {rank} lies outside a world of {world_size}.",
            hint="Pass rank and world_size together, or neither.",
        )
    return rank, world_size

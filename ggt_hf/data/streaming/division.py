"""Who reads which positions of an epoch: arithmetic, so that nothing is lost and nothing doubled.

The epoch is one sequence of positions. From an *origin* on it is cut into *rounds* of
``batch_size * world_size`` positions; in each round every rank takes its own contiguous batch.
The last round holds what is left, shared out evenly. Within a rank, worker ``w`` of ``n`` makes
the rounds ``w, w + n, w + 2n, ...``, which is the order in which a DataLoader asks for them: the
batches of a rank are the same for any number of workers.

Resuming with another number of ranks moves the origin to the first position that nobody has read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ggt_hf.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Division:
    """How the positions of an epoch from `origin` on are shared out."""

    count: int
    """Positions in the epoch."""
    origin: int = 0
    """The first position of round 0."""
    batch_size: int
    """Pairs of a full batch; at least 1."""
    world_size: int = 1
    """Ranks that read at the same time; at least 1."""
    drop_last: bool = False
    """Leave out the last round where it is not full."""

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.world_size < 1:
            raise UsageError(
                f"batch_size and world_size must be at least 1, got {self.batch_size} "
                f"and {self.world_size}.",
                hint="Leave world_size out to take it from torch.distributed or the environment.",
            )
        if not 0 <= self.origin <= self.count:
            raise UsageError(
                f"position {self.origin} lies outside an epoch of {self.count} pairs.",
                hint="The state was saved with another dataset, filter or overlay; use the same.",
            )

    @property
    def round_size(self) -> int:
        """Positions of a full round."""
        return self.batch_size * self.world_size

    @property
    def num_rounds(self) -> int:
        """Rounds from the origin to the end."""
        left = self.count - self.origin
        return left // self.round_size if self.drop_last else -(-left // self.round_size)

    def batch(self, number: int, rank: int) -> range:
        """Return the positions of `rank`'s batch in round `number`; empty where nothing is left."""
        start = self.origin + number * self.round_size
        size = min(self.round_size, self.count - start)
        if size == self.round_size:
            first = start + rank * self.batch_size
            return range(first, first + self.batch_size)
        return range(
            start + size * rank // self.world_size,
            start + size * (rank + 1) // self.world_size,
        )

    def position_after(self, number: int) -> int:
        """Return the first position that nobody has read once round `number` is done."""
        return min(self.count, self.origin + (number + 1) * self.round_size)

    def rounds(self, first: int, worker: int, num_workers: int) -> Iterator[int]:
        """Yield the rounds from `first` on that belong to `worker`."""
        start = first + (worker - first) % num_workers
        yield from range(start, self.num_rounds, num_workers)

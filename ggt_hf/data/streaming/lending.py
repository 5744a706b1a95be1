"""Batches of worker processes, in shared memory that is used again.

A batch goes from a worker to the training process in shared memory. New memory for each costs
a third of what decoding its crops does: it is cleared page by page, handed over through a socket,
and mapped twice. So a worker keeps what it allocated, and *lends* it: the memory itself travels
with its first batch, later ones bring its number; the training process gives it back when nothing
there uses the batch any more, tensors made of it included. What is kept is no more than was once in
use together.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any

import torch

from ggt_hf.data.streaming.batches import PairBatch, Skipped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 64
"""Pieces of memory that a worker lends; a batch beyond that gets memory of its own."""

Shape = tuple[int, ...]
Reduced = tuple[Callable[..., PairBatch], tuple[object, ...]]


class Memory:
    """Memory of a worker, and the note in it whether it is lent."""

    def __init__(self, number: int, num_bytes: int) -> None:
        self.number = number
        self.num_bytes = num_bytes
        # The note lies behind the pixels, in a piece of cache that no pixel shares.
        self.content = _new_shared(num_bytes + 64)
        self._note = self.content.numpy()[-1:]

    @property
    def is_lent(self) -> bool:
        """Whether a batch of it is being made or used."""
        return bool(self._note[0])

    def mark(self, *, is_lent: bool) -> None:
        """Note whether it is lent; once it is sent, the training process notes that it is not."""
        self._note[0] = is_lent


@dataclass(slots=True)
class Loan:
    """The memory of one batch."""

    memory: Memory
    """Whose it is."""
    is_sent: bool = False
    """Whether the batch went to the training process, which then gives the memory back."""

    def end_unsent(self) -> None:
        """Take back the memory of a batch that never left the worker."""
        if not self.is_sent:
            self.memory.mark(is_lent=False)


class Lender:
    """The memory that this process lends, of whatever streams."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.known: set[int] = set()
        """Numbers of the memory that the training process has."""
        self._memories: list[Memory] = []
        self._lock = threading.Lock()

    def lend(self, shape: Shape) -> tuple[Loan | None, torch.Tensor]:
        """Return memory for an array of bytes, and the loan it is.

        Args:
            shape: of the array.

        Returns:
            The loan, ``None`` where too much is lent already, and the array: ``uint8``, `shape`,
            with anything in it.
        """
        num_bytes = math.prod(shape)
        memory = self._free(num_bytes)
        if memory is None:
            return None, _new_shared(num_bytes).view(shape)
        loan = Loan(memory)
        return loan, _lent_out(memory.content, shape, loan.end_unsent)

    def _free(self, num_bytes: int) -> Memory | None:
        with self._lock:
            fitting = (m for m in self._memories if m.num_bytes >= num_bytes and not m.is_lent)
            memory = next(fitting, None)
            if memory is None and len(self._memories) < MOST:
                memory = Memory(len(self._memories), num_bytes)
                self._memories.append(memory)
            if memory is not None:
                memory.mark(is_lent=True)
            return memory


def lender() -> Lender:
    """Return the one of this process."""
    return _lender_of(os.getpid())


@lru_cache(maxsize=1)
def _lender_of(process: int) -> Lender:
    return Lender()


@dataclass(frozen=True, kw_only=True, slots=True)
class LentBatch(PairBatch):
    """A batch in a worker; to the training process it comes as a `PairBatch`."""

    _loan: Loan | None = field(default=None, init=False, repr=False, compare=False)
    _shape: Shape = field(default=(), init=False, repr=False, compare=False)

    def on(self, loan: Loan, sides: torch.Tensor) -> LentBatch:
        """Return itself, known to lie in `sides`, which is lent.

        A copy with other pictures (`dataclasses.replace`) knows nothing of that.
        """
        object.__setattr__(self, "_loan", loan)
        object.__setattr__(self, "_shape", tuple(sides.shape))
        return self

    def __reduce__(self) -> Reduced:
        return _made, (self.keys, self.lq, self.gt, self.state, self.skipped)


def _made(
    keys: tuple[str, ...],
    lq: torch.Tensor,
    gt: torch.Tensor,
    state: dict[str, int | str],
    skipped: tuple[Skipped, ...],
) -> PairBatch:
    return PairBatch(keys=keys, lq=lq, gt=gt, state=state, skipped=skipped)


def _sent(batch: LentBatch) -> Reduced:
    """Say how a batch goes through a queue between processes, and how it becomes one again."""
    loan = batch._loan
    if loan is None:
        return batch.__reduce__()
    if loan.is_sent:  # whoever got it first may give its memory back at any time
        copies = batch.lq.clone(), batch.gt.clone()
        return _made, (batch.keys, *copies, batch.state, batch.skipped)
    loan.is_sent = True
    own, memory = lender(), loan.memory
    content = None if memory.number in own.known else memory.content
    own.known.add(memory.number)
    place = own.process, memory.number
    return _received, (place, content, batch._shape, batch.keys, batch.state, batch.skipped)


ForkingPickler.register(LentBatch, _sent)

_received_memory: dict[tuple[int, int], torch.Tensor] = {}
"""(worker process, number) -> memory that it lends to this process."""


def forget_ended() -> None:
    """Let go of the memory of workers that are no more; batches in use keep theirs."""
    for process in {process for process, _ in _received_memory}:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            for place in [place for place in _received_memory if place[0] == process]:
                del _received_memory[place]
        except PermissionError:  # another user's, by now
            continue


def _received(
    place: tuple[int, int],
    content: torch.Tensor | None,
    shape: Shape,
    keys: tuple[str, ...],
    state: dict[str, int | str],
    skipped: tuple[Skipped, ...],
) -> PairBatch:
    if content is not None:
        forget_ended()
        _received_memory[place] = content
    content = _received_memory[place]
    give_back = partial(_give_back, content.numpy()[-1:], os.getpid())
    sides = _lent_out(content, shape, give_back)
    lq, gt = (side[: len(keys)].permute(0, 3, 1, 2) for side in sides)
    return PairBatch(keys=keys, lq=lq, gt=gt, state=state, skipped=skipped)


def _lent_out(content: torch.Tensor, shape: Shape, at_the_end: Callable[[], None]) -> torch.Tensor:
    """Return the first bytes of `content`; `at_the_end` is called with the last use of them."""
    pixels = content.numpy()[: math.prod(shape)].reshape(shape)
    weakref.finalize(pixels, at_the_end).atexit = False
    # Such a tensor, and whatever is made of it, keeps this very array alive.
    return torch.from_numpy(pixels)


def _give_back(note: NDArray[np.uint8], process: int) -> None:
    if os.getpid() == process:  # a forked child has no say in what its parent uses
        note[0] = 0


def _new_shared(num_bytes: int) -> torch.Tensor:
    """Return bytes in shared memory that nobody has written to.

    Not ``torch.empty(...).share_memory_()``, which copies what was never written. Torch's own
    `default_collate` allocates in this way.
    """
    storage: Any = torch.UntypedStorage._new_shared(num_bytes)
    return torch.empty(0, dtype=torch.uint8).set_(storage).view(num_bytes)

"""The order of an epoch: a function of (count, seed, epoch), the same on every machine and version.

Library generators may change their streams between versions; a resumed run must not. So the order
is an argsort over SplitMix64 hashes (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014), which is defined here to the last bit.
"""

from __future__ import annotations

import hashlib
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ggt_hf.errors import UsageError

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_KEPT_WINDOWS = 8
"""Windows kept by a block shuffle: batches that are made at the same time lie in one or two."""


def hashed(values: NDArray[np.uint64], salt: int) -> NDArray[np.uint64]:
    """Return SplitMix64's output for each of `values`, in the stream chosen by `salt`.

    Args:
        values: ``uint64``, any shape.
        salt: 0 to 2**64 - 1.
    """
    with np.errstate(over="ignore"):
        mixed = (values + np.uint64(1)) * _GOLDEN + np.uint64(salt)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        return cast("NDArray[np.uint64]", mixed ^ (mixed >> np.uint64(31)))


def salt(*words: int | str) -> int:
    """Return 64 bits that stand for `words`, alike on every machine."""
    text = "\0".join(str(word) for word in words)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def true_shuffle(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return a permutation of ``range(count)`` in which every order is as likely as any other."""
    # SplitMix64 gives no value twice, so that every kind of sort gives this one order.
    return np.argsort(hashed(np.arange(count, dtype=np.uint64), salt("pair", seed, epoch)))


class BlockShuffle:
    """A permutation of ``range(count)`` that reads runs of neighbours together.

    The rows are cut into blocks of `block` neighbours, the blocks are shuffled over the whole
    set, and the pairs of each `window` blocks in turn are shuffled among themselves. A reader
    then works on `window` short stretches of shards at a time. A larger window is more random,
    a larger block more sequential; ``block=1`` is a true shuffle.

    Windows are shuffled when they are asked for, so that the first row anywhere costs one window
    and not a sort of everything. Not thread-safe.

    Raises:
        UsageError: `block` or `window` below 1.
    """

    def __init__(self, count: int, seed: int, epoch: int, *, block: int, window: int) -> None:
        if block < 1 or window < 1:
            raise UsageError(
                f"block and window must be at least 1, got {block} and {window}.",
                hint='Pass shuffle="pairs" for a true shuffle.',
            )
        self._count, self._block, self._window = count, block, window
        self._salt = salt("window", seed, epoch)
        self._blocks = true_shuffle(-(-count // block), seed, epoch)
        # The last block may be short, and with it the window that has it.
        self._missing = len(self._blocks) * block - count
        last = np.flatnonzero(self._blocks == len(self._blocks) - 1)
        self._short = int(last[0]) // window if len(last) else 0
        self._shuffled: dict[int, NDArray[np.int64]] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, position: int) -> int:
        size = self._block * self._window
        number, place = divmod(position, size)
        if self._missing and position >= (self._short + 1) * size - self._missing:
            number, place = divmod(position + self._missing, size)
        if number not in self._shuffled:
            if len(self._shuffled) == _KEPT_WINDOWS:
                del self._shuffled[next(iter(self._shuffled))]
            self._shuffled[number] = self._shuffle(number)
        return int(self._shuffled[number][place])

    def _shuffle(self, number: int) -> NDArray[np.int64]:
        blocks = self._blocks[number * self._window : (number + 1) * self._window]
        rows = (blocks[:, None] * self._block + np.arange(self._block)).ravel()
        rows = rows[rows < self._count]
        return rows[np.argsort(hashed(rows.astype(np.uint64), self._salt))]

"""Locks that a forked child finds open, whatever its parent's threads were doing."""

from __future__ import annotations

import os
import threading
import weakref


class LockStripes:
    """A bounded number of locks: one for each key, by its hash.

    Args:
        count: how many; with 1, every key has the same lock.
    """

    def __init__(self, count: int = 1024) -> None:
        self._count = count
        self.renew()
        _ALL.add(self)

    def of(self, *key: object) -> threading.Lock:
        """Return the lock of `key`; two keys seldom share one."""
        return self._locks[hash(key) % self._count]

    def renew(self) -> None:
        """Forget who holds which lock."""
        self._locks = [threading.Lock() for _ in range(self._count)]


class ForkSafeLock(LockStripes):
    """One lock, as a context manager."""

    def __init__(self) -> None:
        super().__init__(1)

    def __enter__(self) -> None:
        self._locks[0].acquire()

    def __exit__(self, *error: object) -> None:
        self._locks[0].release()


_ALL: weakref.WeakSet[LockStripes] = weakref.WeakSet()


def _renew_all() -> None:
    for stripes in list(_ALL):
        stripes.renew()


os.register_at_fork(after_in_child=_renew_all)

"""Bytes of a file that the operating system has in memory, read into memory of our own.

``os.pread`` lets go of Python's global lock for as long as a disk might take, and queues for it
again: where several threads decode, that costs more than the copy of bytes that lie in the page
cache. So these are asked for with the lock held, and with ``RWF_NOWAIT`` (Linux), which gives what
is in memory and does not wait for more. What is missing then comes by ``os.pread``.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from functools import cache

import numpy as np

_MOST_BYTES = 1 << 20
"""Read at once with the lock held: no thread waits for more than a tenth of a millisecond."""
_LEAST_MEMORY = 1 << 18


class _Part(ctypes.Structure):
    """Where to write: ``struct iovec``."""

    _fields_ = (("address", ctypes.c_void_p), ("num_bytes", ctypes.c_size_t))


class _Memory(threading.local):
    """What a thread reads into; memory that is in use already costs no page faults."""

    def __init__(self) -> None:
        self.resize(_LEAST_MEMORY)

    def resize(self, num_bytes: int) -> None:
        self.array = np.empty(num_bytes, np.uint8)
        self.view = self.array.data
        self.part = _Part(self.array.ctypes.data, 0)


_memory = _Memory()


def read_for_now(descriptor: int, offset: int, num_bytes: int) -> memoryview:
    """Return bytes of an open file, which the next call in this thread overwrites.

    Args:
        descriptor: the file.
        offset: first byte.
        num_bytes: how many; fewer are returned where the file ends before.

    Raises:
        OSError: the disk gave up.
    """
    done, read_cached = 0, _read_cached()
    if read_cached and num_bytes <= _MOST_BYTES:
        if num_bytes > len(_memory.view):
            _memory.resize(_MOST_BYTES)
        _memory.part.num_bytes = num_bytes
        done = max(0, read_cached(descriptor, _memory.part, 1, offset, os.RWF_NOWAIT))
    if done == num_bytes:
        return _memory.view[:num_bytes]
    rest = from_disk(descriptor, offset + done, num_bytes - done)
    return memoryview(b"".join((_memory.view[:done], rest)) if done else rest)


def from_disk(descriptor: int, offset: int, num_bytes: int) -> bytes:
    """Return bytes of an open file, with the lock let go of; fewer where the file ends before.

    Raises:
        OSError: the disk gave up.
    """
    data = os.pread(descriptor, num_bytes, offset)
    if len(data) == num_bytes or not data:
        return data
    # More than 2 GiB come in pieces.
    return data + from_disk(descriptor, offset + len(data), num_bytes - len(data))


@cache
def _read_cached() -> Callable[[int, _Part, int, int, int], int] | None:
    """Return the C library's ``preadv2``; ``None`` where it, or ``RWF_NOWAIT``, is missing."""
    try:
        # PyDLL: called with the global lock held.
        function = ctypes.PyDLL(None).preadv2 if hasattr(os, "RWF_NOWAIT") else None
    except (OSError, AttributeError):
        return None
    if function:
        pointer, number = ctypes.POINTER(_Part), ctypes.c_int
        function.argtypes = number, pointer, number, ctypes.c_int64, number
        function.restype = ctypes.c_ssize_t
    return function

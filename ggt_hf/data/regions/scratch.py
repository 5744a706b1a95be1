"""Memory that a thread writes to again and again: what is in use already costs no page faults."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEPT_BYTES = 16 << 20
"""What a thread keeps at most."""
_ALIGNED, _ASIDE = 64, 16
"""Where memory starts, in bytes past a multiple of 64. From a multiple of 32 on, libjpeg-turbo
writes past the processor's caches (with AVX2), which takes 15 % longer for a crop of 256 pixels."""


class Scratch(threading.local):
    """One piece of memory in each thread."""

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)

    def take(self, num_bytes: int) -> NDArray[np.uint8]:
        """Return memory with anything in it: ``uint8``, ``(num_bytes,)``.

        It is this thread's until it takes memory again.
        """
        memory = self._memory
        if len(memory) < num_bytes:
            memory = np.empty(num_bytes + _ALIGNED, np.uint8)
            memory = memory[(_ASIDE - memory.ctypes.data) % _ALIGNED :]
            if num_bytes <= _KEPT_BYTES:
                self._memory = memory
        return memory[:num_bytes]

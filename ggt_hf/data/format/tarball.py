"""Tar headers that are the same bytes each time: no clock, no user, no machine in them."""

from __future__ import annotations

import tarfile

BLOCK = 512
"""Tar's unit: headers and padded contents are multiples of it."""

END = b"\0" * (2 * BLOCK)
"""The end of an archive: two empty blocks."""


def header(name: str, size: int) -> bytes:
    """Return the header of a regular file: mode 0644, owner 0, modified at 0.

    Args:
        name: ASCII, at most 100 bytes (ustar's plain name field).
        size: content length in bytes, below 8 GiB.

    Raises:
        ValueError: `name` or `size` does not fit the plain header.
    """
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(format=tarfile.USTAR_FORMAT, encoding="ascii", errors="strict")


def padding(size: int) -> bytes:
    """Return the zero bytes that fill a content of `size` bytes up to a whole block."""
    return b"\0" * (-size % BLOCK)


def stored_size(size: int) -> int:
    """Return how many bytes a member with `size` bytes of content takes, header included."""
    return BLOCK + size + (-size % BLOCK)

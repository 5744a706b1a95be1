"""Open shard files, read at any offset by any number of threads."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

from ggt_hf.data.reading.forksafe import ForkSafeLock
from ggt_hf.errors import IntegrityError, ReadError

MAX_OPEN = 128
"""Descriptors kept open at most; the least recently used is closed first."""


class Descriptors:
    """Positioned reads (``pread``) of files that are opened once and kept open.

    Thread-safe, and safe to use in a forked child: ``pread`` has no shared position.
    """

    def __init__(self, max_open: int = MAX_OPEN) -> None:
        self._max_open = max_open
        self._files: OrderedDict[Path, _Descriptor] = OrderedDict()
        self._lock = ForkSafeLock()

    def read(self, file: Path, offset: int, num_bytes: int, *, size: int) -> bytes:
        """Return `num_bytes` bytes of `file` from `offset`.

        Args:
            file: the file.
            offset: first byte.
            num_bytes: how many.
            size: what the file's size has to be.

        Raises:
            IntegrityError: `file` is of another size.
            ReadError: it is absent, or the disk gave up.
        """
        try:
            descriptor = self._open(file)
            if descriptor.size != size:
                raise _other_size(file, descriptor.size, size)
            return descriptor.read(offset, num_bytes)
        except FileNotFoundError as error:
            raise ReadError(
                f"{file} is absent, though the manifest names it.",
                hint="Fetch the shard again, or rebuild the dataset with ggt build.",
            ) from error
        except OSError as error:
            raise ReadError(
                f"{file} cannot be read at byte {offset:,}: {error.strerror or error}.",
                hint="Check the disk, or fetch the shard again.",
            ) from error

    def forget(self, file: Path) -> None:
        """Close `file` when no thread reads it any more; the next read opens it anew."""
        with self._lock:
            self._files.pop(file, None)

    def close(self) -> None:
        """Close every file that no thread is reading."""
        with self._lock:
            self._files.clear()

    def _open(self, file: Path) -> _Descriptor:
        with self._lock:
            known = self._files.get(file)
            if known is not None:
                self._files.move_to_end(file)
                return known
            opened = self._files[file] = _Descriptor(file)
            if len(self._files) > self._max_open:
                self._files.popitem(last=False)
            return opened


class _Descriptor:
    """One open file, closed when the last reader lets go of it."""

    def __init__(self, file: Path) -> None:
        self._number = -1
        # Not blocking: a pipe in place of a shard would keep the reader waiting for ever.
        self._number = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self.size = os.fstat(self._number).st_size

    def read(self, offset: int, num_bytes: int) -> bytes:
        data = os.pread(self._number, num_bytes, offset)
        if len(data) == num_bytes:
            return data
        parts = [data]  # a read above 2 GiB comes in pieces
        while data and sum(map(len, parts)) < num_bytes:
            done = sum(map(len, parts))
            data = os.pread(self._number, num_bytes - done, offset + done)
            parts.append(data)
        if sum(map(len, parts)) < num_bytes:
            raise OSError(0, f"it ends before byte {offset + num_bytes:,}")
        return b"".join(parts)

    def __del__(self) -> None:
        if self._number >= 0:
            os.close(self._number)


def _other_size(file: Path, found: int, wanted: int) -> IntegrityError:
    return IntegrityError(
        f"{file} has {found:,} bytes instead of {wanted:,}.",
        hint="It was cut or edited; fetch the shard again, or rebuild with ggt build.",
    )

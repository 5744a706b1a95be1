"""Open shard files, read at any offset by any number of threads."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ggt_hf.data.reading.forksafe import ForkSafeLock
from ggt_hf.data.reading.page_cache import from_disk, read_for_now
from ggt_hf.errors import IntegrityError, ReadError

MAX_OPEN = 128
"""Descriptors kept open at most; the least recently used is closed first."""

Content = TypeVar("Content", bytes, memoryview)


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
        return self._asked(_Descriptor.read, file, offset, num_bytes, size)

    def read_for_now(self, file: Path, offset: int, num_bytes: int, *, size: int) -> memoryview:
        """Return what `read` does, in memory that the next call in this thread overwrites."""
        return self._asked(_Descriptor.read_for_now, file, offset, num_bytes, size)

    def _asked(
        self,
        read: Callable[[_Descriptor, int, int], Content],
        file: Path,
        offset: int,
        num_bytes: int,
        size: int,
    ) -> Content:
        try:
            descriptor = self._open(file)
            if descriptor.size != size:
                raise _other_size(file, descriptor.size, size)
            content = read(descriptor, offset, num_bytes)
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
        if len(content) < num_bytes:
            raise ReadError(
                f"{file} cannot be read at byte {offset:,}: it ends before byte "
                f"{offset + num_bytes:,}.",
                hint="Check the disk, or fetch the shard again.",
            )
        return content

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
        return from_disk(self._number, offset, num_bytes)

    def read_for_now(self, offset: int, num_bytes: int) -> memoryview:
        return read_for_now(self._number, offset, num_bytes)

    def __del__(self) -> None:
        if self._number >= 0:
            os.close(self._number)


def _other_size(file: Path, found: int, wanted: int) -> IntegrityError:
    return IntegrityError(
        f"{file} has {found:,} bytes instead of {wanted:,}.",
        hint="It was cut or edited; fetch the shard again, or rebuild with ggt build.",
    )

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
        return self._reader(from_disk, file, size)(offset, offset + num_bytes)

    def reader_for_now(self, file: Path, *, size: int) -> Callable[[int, int], memoryview]:
        """Return (start, stop) -> those bytes of `file`; its next call in a thread overwrites them.

        Args:
            file: the file.
            size: what its size has to be.

        Raises:
            IntegrityError: as `read`.
            ReadError: as `read`; so do the calls.
        """
        return self._reader(read_for_now, file, size)

    def _reader(
        self, read_bytes: Callable[[int, int, int], Content], file: Path, size: int
    ) -> Callable[[int, int], Content]:
        descriptor = self._open(file)
        if descriptor.size != size:
            raise _other_size(file, descriptor.size, size)

        def read(start: int, stop: int) -> Content:
            try:
                content = read_bytes(descriptor.number, start, stop - start)
            except OSError as error:
                raise _unreadable(file, start, error.strerror or str(error)) from error
            if len(content) < stop - start:
                raise _unreadable(file, start, f"it ends before byte {stop:,}")
            return content

        return read

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
            opened = self._files[file] = _opened(file)
            if len(self._files) > self._max_open:
                self._files.popitem(last=False)
            return opened


class _Descriptor:
    """One open file, closed when the last reader lets go of it."""

    def __init__(self, file: Path) -> None:
        self.number = -1
        # Not blocking: a pipe in place of a shard would keep the reader waiting for ever.
        self.number = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self.size = os.fstat(self.number).st_size

    def __del__(self) -> None:
        if self.number >= 0:
            os.close(self.number)


def _opened(file: Path) -> _Descriptor:
    try:
        return _Descriptor(file)
    except FileNotFoundError as error:
        raise ReadError(
            f"{file} is absent, though the manifest names it.",
            hint="Fetch the shard again, or rebuild the dataset with ggt build.",
        ) from error
    except OSError as error:
        raise _unreadable(file, 0, error.strerror or str(error)) from error


def _unreadable(file: Path, offset: int, cause: str) -> ReadError:
    return ReadError(
        f"{file} cannot be read at byte {offset:,}: {cause}.",
        hint="Check the disk, or fetch the shard again.",
    )


def _other_size(file: Path, found: int, wanted: int) -> IntegrityError:
    return IntegrityError(
        f"{file} has {found:,} bytes instead of {wanted:,}.",
        hint="It was cut or edited; fetch the shard again, or rebuild with ggt build.",
    )

"""A bounded cache on disk, shared by every process of a machine.

::

    <folder>/datasets--<namespace>--<name>/
        refs/<revision>                       the commit that a branch or tag last pointed at
        <commit>/meta/..., README.md          small files
        <commit>/data/.../SHARD.tar           a whole shard, proven by its SHA-256 (.seal beside it)
        <commit>/data/.../SHARD.tar.parts/    byte ranges: <offset>-<length>
        <commit>/data/.../SHARD.tar.location  its URL, until it expires (`remote.locations`)

Every file appears whole, by a rename. Small files and byte ranges end in a checksum, compared at
their first use in each process; a whole shard is sealed with its size and time. What a crash or a
disk damaged is so found, and fetched again. The files used longest ago are evicted first.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ggt_hf.data.reading.forksafe import ForkSafeLock
from ggt_hf.errors import UsageError

_log = logging.getLogger(__name__)

DEFAULT_MAX_BYTES = 64_000_000_000
"""Default bound, where the disk has twice as much left; otherwise half of what is left."""

_CHECKSUM_BYTES = 4
_KEPT = 0.875
"""Share of the bound that an eviction leaves, so that not every write evicts."""
_UNSEEN = 0.0625
"""Share of the bound that a process may write before it looks what the others wrote."""


def default_folder() -> Path:
    """Return ``GGT_CACHE``, or ``ggt`` under ``HF_HOME``."""
    named = os.environ.get("GGT_CACHE")
    if named:
        return Path(named).expanduser()
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "ggt"


def cached_name(repo: str) -> str:
    """Return the folder in a cache that belongs to a dataset repository."""
    return "datasets--" + repo.replace("/", "--")


class DiskCache:
    """Files by their path below ``BASE/reads``, bounded in bytes, the longest unused evicted first.

    What else lies in BASE, such as the sample or the stub of ``ggt link --everywhere``, stays.

    A disk that is full or read-only costs the caching, never the read. Thread-safe; pickled, it
    points at the same folder.

    Args:
        base: where; ``None`` = ``GGT_CACHE``, or ``ggt`` under ``HF_HOME``.
        max_bytes: the bound; ``None`` = `DEFAULT_MAX_BYTES`, or half of the free disk where that
            is less. Each further process that writes at the same time may overstep it by a
            sixteenth.

    Raises:
        UsageError: `max_bytes` is below 1.
    """

    def __init__(self, base: str | Path | None = None, max_bytes: int | None = None) -> None:
        if max_bytes is not None and max_bytes < 1:
            raise UsageError(
                f"A cache of {max_bytes} bytes holds nothing.", hint="Give a positive size."
            )
        self.base = Path(base).expanduser() if base else default_folder()
        self.folder = self.base / "reads"
        self._asked_bytes = max_bytes
        self._lock = ForkSafeLock()
        self._max_bytes: int | None = max_bytes
        self._held: int | None = None
        self._written = 0
        self._proven: set[int] = set()

    def __reduce__(self) -> tuple[object, ...]:
        return DiskCache, (self.base, self._asked_bytes)

    @property
    def max_bytes(self) -> int:
        """The bound in bytes."""
        if self._max_bytes is None:
            self._max_bytes = min(DEFAULT_MAX_BYTES, _free_bytes(self.folder) // 2)
        return self._max_bytes

    def get(self, name: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """Return bytes `start` to `stop` of what `put` stored as `name`, or all of it.

        Returns:
            ``None`` when it is absent, damaged, or shorter than `stop`.
        """
        file = self.folder / name
        try:
            with file.open("rb", buffering=0) as stream:
                size = os.fstat(stream.fileno()).st_size - _CHECKSUM_BYTES
                end = size if stop is None else stop
                if hash(name) not in self._proven:
                    self._prove(name, stream.readall())
                part = os.pread(stream.fileno(), end - start, start)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _log.warning("%s in the cache is damaged (%s); it is fetched again.", file, error)
            self.drop(name)
            return None
        return part if end <= size and len(part) == end - start else None

    def put(self, name: str, content: bytes) -> None:
        """Store `content` as `name`; nothing is stored where it cannot be."""
        if not self.has_room_for(len(content)):
            return
        checksum = zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "little")
        with self._caching(name, len(content)), self.partial(name) as partial:
            with partial.open("wb") as stream:
                stream.write(content)
                stream.write(checksum)
            partial.replace(self.folder / name)
            self._proven.add(hash(name))

    def drop(self, name: str) -> None:
        """Remove `name`, if it is there."""
        self._proven.discard(hash(name))
        for file in (self.folder / name, _seal(self.folder / name)):
            file.unlink(missing_ok=True)

    def sealed(self, name: str) -> Path | None:
        """Return the file that `seal` proved as `name`, if nobody changed it since."""
        file = self.folder / name
        try:
            unchanged = _seal(file).read_text() == _state(file)
        except OSError:
            return None
        if not unchanged:
            _log.warning("%s in the cache was altered; it is fetched again.", file)
            self.drop(name)
            return None
        _touch(file)
        return file

    def seal(self, name: str, partial: Path) -> None:
        """Give the finished file `partial` its `name`, and note what it looks like."""
        file = self.folder / name
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        _seal(file).write_text(_state(partial))
        partial.replace(file)
        self._account(file.stat().st_size)

    @contextmanager
    def partial(self, name: str) -> Iterator[Path]:
        """Yield a new path beside `name` to write to; it is gone afterwards, if not renamed."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.{uuid.uuid4().hex}.partial")
        try:
            yield partial
        finally:
            partial.unlink(missing_ok=True)

    def has_room_for(self, num_bytes: int) -> bool:
        """Say whether something of that size may be kept."""
        return num_bytes <= self.max_bytes * _KEPT

    @contextmanager
    def _caching(self, name: str, num_bytes: int) -> Iterator[None]:
        try:
            yield
            self._account(num_bytes)
        except OSError as error:
            _log.warning("%s is not cached in %s: %s.", name, self.folder, error)

    def _prove(self, name: str, stored: bytes) -> None:
        content = memoryview(stored)[:-_CHECKSUM_BYTES]
        checksum = int.from_bytes(stored[-_CHECKSUM_BYTES:], "little")
        if len(stored) < _CHECKSUM_BYTES or zlib.crc32(content) != checksum:
            raise ValueError("its checksum differs")
        self._proven.add(hash(name))
        _touch(self.folder / name)

    def _account(self, num_bytes: int) -> None:
        with self._lock:
            self._written += num_bytes
            held = self._held
            due = held is None or held + self._written > self.max_bytes
            if not due and self._written <= self.max_bytes * _UNSEEN:
                return
            self._written = 0
            self._held = _evict(self.folder, self.max_bytes)


def _evict(folder: Path, max_bytes: int) -> int:
    """Remove the longest unused files until the rest fits well below the bound.

    Returns:
        Bytes that are left.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / ".evict.lock", timeout=10):
            return _evict_alone(folder, max_bytes)
    except Timeout:
        return 0  # whoever holds the lock evicts


def _evict_alone(folder: Path, max_bytes: int) -> int:
    files = sorted(_files(folder))
    held = sum(size for _, size, _ in files)
    if held <= max_bytes:
        return held
    for _, size, path in files:
        if held <= max_bytes * _KEPT:
            break
        file = Path(path)
        file.unlink(missing_ok=True)
        _seal(file).unlink(missing_ok=True)
        held -= size
    return held


def _files(folder: Path | str) -> Iterator[tuple[int, int, str]]:
    """Yield (time of last use, bytes, path) of every file below `folder`."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _files(entry.path)
                elif not entry.name.endswith((".lock", ".seal")):
                    found = entry.stat(follow_symlinks=False)
                    yield found.st_atime_ns, found.st_size, entry.path
    except FileNotFoundError:
        return  # another process evicts


def _touch(file: Path) -> None:
    """Note the use of `file` in its access time; its modification time is part of its seal."""
    os.utime(file, ns=(time.time_ns(), file.stat().st_mtime_ns))


def _seal(file: Path) -> Path:
    return file.with_name(file.name + ".seal")


def _state(file: Path) -> str:
    found = file.stat()
    return f"{found.st_size} {found.st_mtime_ns}"


def _free_bytes(folder: Path) -> int:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free

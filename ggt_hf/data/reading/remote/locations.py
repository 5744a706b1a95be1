"""Where files are served, asked of the Hub once for all processes of a machine.

A resolved URL lies beside what is cached of its file until it expires. It is signed: who has it can
read the file without a token, and so only the user's own processes can read it (mode 0600). No
token is ever written.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ggt_hf.data.reading.cache import DiskCache

_PATIENCE = 10.0
"""Seconds to wait for another process that asks; then one asks for itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """Where a file's bytes are served."""

    url: str
    """The URL to ask, possibly signed and on another host."""
    size: int | None
    """The file's length in bytes; ``None`` where the Hub does not say."""
    good_until: float
    """Unix time from which another URL has to be asked for; infinite where this one lasts."""

    @property
    def is_good(self) -> bool:
        """Whether it may still be used."""
        return self.good_until >= time.time()


class SharedLocations:
    """Locations of one repository's files at one commit, shared through the cache's folder.

    Where there is no cache, or its disk refuses, every process asks for itself.

    Args:
        cache: the cache; ``None`` = nothing is shared.
        folder: where in the cache, such as ``datasets--ORG--NAME/COMMIT``.
    """

    def __init__(self, cache: DiskCache | None, folder: str) -> None:
        self._folder = cache.folder / folder if cache else None

    def get(self, path: str, resolve: Callable[[], Location]) -> Location:
        """Return the location of `path`, from a process that asked already, else from `resolve`."""
        file = self._file(path)
        if file is None:
            return resolve()
        known = _read(file)
        if known is not None:
            return known
        with _alone(file):
            found = _read(file) or resolve()
            with suppress(OSError):
                _write(file, found)
            return found

    def drop(self, path: str, location: Location) -> None:
        """Forget `location`, which was refused, unless another has taken its place."""
        file = self._file(path)
        if file is not None and _read(file) == location:
            with suppress(OSError):
                file.unlink()

    def _file(self, path: str) -> Path | None:
        return self._folder / f"{path}.location" if self._folder else None


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Hold the lock of `file`, or go on without it where that takes too long or cannot be."""
    from filelock import FileLock, Timeout

    lock = FileLock(file.with_name(file.name + ".lock"), timeout=_PATIENCE)
    with suppress(OSError, Timeout):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _read(file: Path) -> Location | None:
    try:
        known = Location(**json.loads(file.read_bytes()))
        return known if known.is_good else None
    except (OSError, ValueError, TypeError):
        return None


def _write(file: Path, location: Location) -> None:
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600, exist_ok=False)
    partial.write_text(json.dumps(asdict(location)))
    partial.replace(file)

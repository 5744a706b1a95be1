"""Folders that one run at a time may work in."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ggt_hf.errors import UsageError


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; however it ends, the system lets go.

    Raises:
        UsageError: another process holds it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written to ({error.strerror}).", hint="Give another folder."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(
                f"Another run is working in {folder}.", hint="Wait for it, or stop it."
            ) from error
        yield

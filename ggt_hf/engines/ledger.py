"""What was done already, on disk: the manifest, and the part files of runs that did not end.

::

    OUT                  a line a unit with a result, sorted by key: {"key", ..., "unit"}
    OUT.failed.jsonl     a line a unit without: {"key", "error", "unit"}; absent where all is well
    .OUT.parts/          while a run is under way, and after a kill
        NAME.jsonl       one worker's outcomes, in the order they came
        done/            a marker for each finished task of a Slurm array
        lock             held by whoever works

``unit`` is the digest of a unit: a row whose unit changed since is made again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ggt_hf.engines.stage import Outcome, Stage
from ggt_hf.errors import FormatError, UsageError
from ggt_hf.stages import read_rows, rewrite, settle

Publish = Callable[[Mapping[str, Outcome]], object]
"""Writes a manifest of another format, from the outcome of every unit by its key."""

_NO_LOCKS_HERE = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)
"""What flock says on network file systems that were mounted without locks."""


class Ledger:
    """The files around one manifest.

    Args:
        out: the manifest.
        publish: writes it, where it has a format of its own; then nothing is read from it, and
            units are those that it lacks. ``None`` = the format above.
    """

    def __init__(self, out: Path, publish: Publish | None = None) -> None:
        self.out = out
        self._publish = publish
        self.failed = out.with_name(f"{out.name.removesuffix('.jsonl')}.failed.jsonl")
        self.parts = out.with_name(f".{out.name}.parts")

    @contextmanager
    def held(self, *, shared: bool = False) -> Iterator[None]:
        """Work alone on this manifest, or together with others that share it.

        Raises:
            UsageError: somebody is at work already.
        """
        handle = self._locked(fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(handle)

    def new_part(self) -> Path:
        """Return a part file that nobody ever wrote to; names sort by time."""
        name = f"{time.time_ns():020d}-{socket.gethostname()}-{os.getpid()}.jsonl"
        return self.parts / name

    def outcomes(self, stage: Stage) -> dict[str, Outcome]:
        """Return what is known of the stage's units, by key; a result outweighs any failure."""
        known: dict[str, Outcome] = {}
        for outcome in self._recorded():
            key = outcome["key"]
            if outcome["unit"] != stage.digests.get(key):
                continue
            if "row" not in known.get(key, {}):
                known[key] = outcome
        return known

    def mark(self, name: str, stage: Stage) -> None:
        """Say that a task has done all its units of `stage`."""
        folder = self.parts / "done"
        folder.mkdir(exist_ok=True)
        rewrite(folder / name, [{"stage": stage.digest}])

    def marked(self, stage: Stage) -> list[str]:
        """Return the names of the tasks that did all their units of `stage`."""
        return [
            path.name
            for path in sorted((self.parts / "done").glob("task-*"))
            if any(row.get("stage") == stage.digest for _, row in read_rows(path))
        ]

    def publish(self, stage: Stage, known: Mapping[str, Outcome]) -> None:
        """Write the manifest and the failures, each at once, and remove the parts."""
        if self._publish is None:
            self._write(stage, known)
        else:
            self._publish(known)
        shutil.rmtree(self.parts, ignore_errors=True)

    def _write(self, stage: Stage, known: Mapping[str, Outcome]) -> None:
        rows, failures = [], []
        for key, unit in stage.digests.items():
            if "row" in known[key]:
                rows.append({"key": key, **known[key]["row"], "unit": unit})
            else:
                failures.append({"key": key, "error": known[key]["error"], "unit": unit})
        settle(self.out, rows)
        if failures:
            settle(self.failed, failures)
        else:
            self.failed.unlink(missing_ok=True)

    def _locked(self, kind: int) -> int:
        lock = self.parts / "lock"
        while True:
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in _NO_LOCKS_HERE:
                    return handle
                os.close(handle)
                raise UsageError(
                    f"Another run is at work on {self.out}.", hint="Wait for it, or stop it."
                ) from error
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), lock.stat()):
                    return handle
            os.close(handle)  # a run that ended just now took the folder away

    def _recorded(self) -> Iterator[Outcome]:
        for number, row in read_rows(self.out) if self._publish is None else ():
            key, unit = row.pop("key", None), row.pop("unit", None)
            if key is None or unit is None:
                raise FormatError(
                    f"{self.out}, line {number}, was written by no stage.",
                    hint="Give another file as the output; this one was not touched.",
                )
            yield {"key": key, "unit": unit, "row": row}
        for path in [self.failed, *sorted(self.parts.glob("*.jsonl"))]:
            yield from (row for _, row in read_rows(path))

"""Where a dataset is built: a hidden folder beside OUT, which takes OUT's place in one step.

::

    .OUT.building/
        dataset/       what will be OUT
        done/          a record for each finished shard: its existence means that it need not be
                       built again, as long as its plan and its file are the same
"""

from __future__ import annotations

import base64
import ctypes
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ggt_hf.data.building.rewriting import NotSeekable
from ggt_hf.data.format.manifest import DatasetInfo, MemberSpan, PairRow, ShardInfo
from ggt_hf.data.format.schema import INFO_PATH
from ggt_hf.errors import IncompleteError, UsageError

_EXCHANGE = 2  # RENAME_EXCHANGE of linux/fs.h
_HERE = -100  # AT_FDCWD


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltShard:
    """A finished shard."""

    info: ShardInfo
    """Its record."""
    rows: list[PairRow]
    """A row of the manifest for each of its pairs."""
    left: list[NotSeekable]
    """Its pictures that were to be rewritten, but could not be."""


class Staging:
    """The hidden folder of one OUT. Make it with `staging`.

    Args:
        out: where the dataset is to appear; resolved.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out.with_name(f".{out.name}.building")
        self.dataset = self.folder / "dataset"

    def finished(self, path: str, fingerprint: str) -> BuiltShard | None:
        """Return a shard that an earlier run finished by the same plan, or ``None``."""
        try:
            fields = json.loads(self._record(path).read_bytes())
            status = (self.dataset / path).stat()
            if fields["made"] != [fingerprint, status.st_size, status.st_mtime_ns]:
                return None
            return BuiltShard(
                info=ShardInfo(**fields["shard"]),
                rows=[_row(row) for row in fields["rows"]],
                left=[NotSeekable(**left) for left in fields["left"]],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None  # absent, or cut short by a crash: built again

    def record(self, path: str, fingerprint: str, built: BuiltShard) -> None:
        """Remember that a shard is finished."""
        status = (self.dataset / path).stat()
        fields = {
            "made": [fingerprint, status.st_size, status.st_mtime_ns],
            "shard": asdict(built.info),
            "rows": [asdict(row) for row in built.rows],
            "left": [asdict(left) for left in built.left],
        }
        # Not flushed: of a record that a power cut tears the shard is only built again.
        record = self._record(path)
        record.parent.mkdir(exist_ok=True)
        half = record.with_name(f".{record.name}")
        half.write_text(json.dumps(fields, default=_text))
        half.replace(record)

    def keep_only(self, paths: Iterable[str]) -> None:
        """Remove from the dataset to be every file but these."""
        kept = {self.dataset / path for path in paths}
        for folder, _, names in os.walk(self.dataset, topdown=False):
            for name in names:
                if Path(folder, name) not in kept:
                    Path(folder, name).unlink()
            if not any(Path(folder).iterdir()):
                Path(folder).rmdir()

    def publish(self) -> None:
        """Let the finished dataset take OUT's place in one step, and clean up."""
        for folder, _, _ in os.walk(self.dataset):
            _sync_folder(Path(folder))
        if self.out.is_dir() and any(self.out.iterdir()):
            _exchange(self.dataset, self.out)
        else:
            self.dataset.replace(self.out)
        _sync_folder(self.out.parent)
        self.discard()

    def discard(self) -> None:
        """Remove the hidden folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _record(self, path: str) -> Path:
        return self.folder / "done" / (path.replace("/", "__") + ".json")


@contextmanager
def staging(out: Path) -> Iterator[Staging]:
    """Open the staging folder of `out`, alone.

    Raises:
        UsageError: another build of `out` is at work, or `out` cannot be replaced.
    """
    place = Staging(out)
    if place.folder.is_symlink() or (out.exists() and _device(out) != _device(out.parent)):
        raise UsageError(
            f"{out} cannot be replaced in one step: it is a file system of its own, or "
            f"{place.folder} is a link.",
            hint="Give a new folder inside it as OUT.",
        )
    place.folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(place.folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"Another build of {out} is at work.", hint="Wait for it, or stop it."
            ) from error
        yield place
    finally:
        for folder, _, _ in os.walk(place.folder, topdown=False):
            with suppress(OSError):  # it holds work to go on with, or became OUT
                Path(folder).rmdir()
        os.close(handle)


def present(out: Path) -> DatasetInfo | None:
    """Return the record of the complete dataset at `out`, or ``None`` if nothing is there.

    Raises:
        IncompleteError: something else is there.
        FormatError: its record cannot be read.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        return DatasetInfo.from_json((out / INFO_PATH).read_bytes(), str(out / INFO_PATH))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IncompleteError(
            f"{out} exists and is no complete dataset (it has no {INFO_PATH}).",
            hint="Give another OUT, or move this one away; nothing in it was touched.",
        ) from error


def write_durably(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all, and flush it to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _exchange(new: Path, old: Path) -> None:
    """Swap two folders in one step where the system can (Linux), else in two renames."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename and rename(_HERE, os.fsencode(new), _HERE, os.fsencode(old), _EXCHANGE) == 0:
        return
    aside = new.with_name("replaced")
    old.replace(aside)
    new.replace(old)


def _row(fields: dict[str, Any]) -> PairRow:
    for name in ("lq", "gt", "json"):
        fields[name] = MemberSpan(**fields[name])
    for name in ("lq_index", "gt_index"):
        fields[name] = None if fields[name] is None else base64.b64decode(fields[name])
    return PairRow(**fields)


def _text(index: bytes) -> str:
    return base64.b64encode(index).decode()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _device(path: Path) -> int:
    return path.stat().st_dev

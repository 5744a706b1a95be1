"""How stages hand work to each other: files of one JSON object a line, which survive any kill.

A stage appends a line when a unit of its work is finished, and reads its own file to learn what is
left. A line is written whole or, by a kill in the middle of it, torn; a torn last line is unsaid.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ggt_hf.errors import FormatError
from ggt_hf.records import DEGRADATIONS, ORIGINS, Candidate, Source

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SOURCES, CANDIDATES, VERDICTS = "sources.jsonl", "candidates.jsonl", "verdicts.jsonl"
PAIRS = "pairs.jsonl"
"""What was accepted: a source of ``ggt build``; `ggt_hf.synthesis.pairs` writes it."""

Record = TypeVar("Record", bound="DataclassInstance")

_WORDS: Mapping[str, tuple[str | None, ...]] = {
    "degradation": (None, *DEGRADATIONS),
    "origin": ORIGINS,
}


class LineLog:
    """A file that only grows: one JSON object a line; any thread may append.

    Opening it takes a torn last line away.

    Args:
        path: the file; it and its folder are made where they do not exist.
        durable: wait until each line is on the disk itself, so that even a power cut keeps it.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._durable = durable
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        whole = _whole_size(self._file)
        if whole < os.fstat(self._file).st_size:
            os.ftruncate(self._file, whole)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one line, whole or not at all.

        Raises:
            OSError: the disk is full, or gone; what was there before is untouched.
        """
        line = to_line(row)
        with self._lock:
            written = 0
            try:
                while written < len(line):
                    written += os.write(self._file, line[written:])
            except OSError:
                if written:  # half a line would spoil the next one
                    os.ftruncate(self._file, os.fstat(self._file).st_size - written)
                raise
            if self._durable:
                os.fsync(self._file)

    def close(self) -> None:
        """Close the file; appending is over."""
        os.close(self._file)

    def __enter__(self) -> LineLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def to_line(row: Mapping[str, Any]) -> bytes:
    """Return `row` as a line: keys in their order, UTF-8, no NaN."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) of a file of lines; a torn last line is passed over.

    A file that does not exist yet holds no line.

    Raises:
        FormatError: a line inside the file is no JSON object.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n") and not _is_object(line):
                return  # a kill tore it; a hand-written last line without an end is whole
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _no_row(path, number, str(error)) from error
            if not isinstance(row, dict):
                raise _no_row(path, number, "it is no object")
            yield number, row


def read_sources(path: Path) -> list[Source]:
    """Return the sources that ``sources.jsonl`` lists.

    Raises:
        FormatError: a line is no source.
    """
    return [_record(Source, row, path, number) for number, row in read_rows(path)]


def read_candidates(path: Path) -> list[Candidate]:
    """Return the candidates that ``candidates.jsonl`` lists.

    Raises:
        FormatError: a line is no candidate.
    """
    return [_record(Candidate, row, path, number) for number, row in read_rows(path)]


def rewrite(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace a file of lines by `rows`, at once or not at all."""
    beside = path.with_name(f".{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    with beside.open("wb") as file:
        file.writelines(to_line(row) for row in rows)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def settle(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace a file of lines by `rows`, unless it holds exactly them."""
    there = list(rows)
    if not path.exists() or path.read_bytes() != b"".join(map(to_line, there)):
        rewrite(path, there)


def record_row(record: Source | Candidate) -> dict[str, Any]:
    """Return a record as the object that its line holds."""
    return asdict(record)


def _record(kind: type[Record], row: Mapping[str, Any], path: Path, number: int) -> Record:
    known = {item.name: item for item in fields(kind)}
    needed = {
        name
        for name, item in known.items()
        if item.default is MISSING and item.default_factory is MISSING
    }
    if missing := sorted(needed - row.keys()):
        raise _no_row(path, number, f"it has no {', '.join(missing)}")
    for name, words in _WORDS.items():
        if name in row and row[name] not in words:
            raise _no_row(path, number, f"{name} is {row[name]!r}")
    # A newer version may say more than this one knows.
    return kind(**{name: value for name, value in row.items() if name in known})


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _whole_size(file: int) -> int:
    """Return the size of `file` up to the end of its last whole line."""
    size = os.fstat(file).st_size
    position, tail = size, b""
    while position > 0:
        step = min(65_536, position)
        position -= step
        tail = os.pread(file, step, position) + tail
        if (end := tail.rfind(b"\n")) >= 0:
            return position + end + 1
    return 0


def _no_row(path: Path, number: int, cause: str) -> FormatError:
    return FormatError(
        f"{path}, line {number}, cannot be read: {cause}.",
        hint="Each line is one JSON object, as the stage before writes it; mend the line.",
    )

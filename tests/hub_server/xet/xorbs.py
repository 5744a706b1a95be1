"""The xorb format: a run of compressed chunks."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import lz4.frame  # type: ignore[import-untyped]

HEADER = 8
"""Bytes before a chunk: version, 3 of stored length, scheme, 3 of true length."""
FOOTER = b"XETBLOB"
"""What follows the last chunk, when anything does."""


class DamagedXorbError(ValueError):
    """The bytes are no xorb."""


class Chunk(NamedTuple):
    """Where a chunk lies in its xorb."""

    offset: int
    """First byte of its header."""
    stored: int
    """Bytes after the header."""
    scheme: int
    """0 as it is, 1 LZ4 frame, 2 bytes grouped by four, then LZ4 frame."""
    length: int
    """Bytes when unpacked."""

    @property
    def end(self) -> int:
        """First byte behind it."""
        return self.offset + HEADER + self.stored


def chunks(path: Path) -> tuple[Chunk, ...]:
    """The chunks of a stored xorb, in order."""
    return _chunks(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _chunks(path: Path, mtime_ns: int) -> tuple[Chunk, ...]:
    found: list[Chunk] = []
    offset = 0
    with path.open("rb") as file:
        while True:
            file.seek(offset)
            header = file.read(HEADER)
            if len(header) < HEADER or header.startswith(FOOTER):
                return tuple(found)
            stored, length = (int.from_bytes(header[i : i + 3], "little") for i in (1, 5))
            if not stored:
                raise DamagedXorbError(f"{path.name}: empty chunk at {offset}")
            found.append(Chunk(offset, stored, header[4], length))
            offset = found[-1].end


def unpacked(path: Path, wanted: Iterable[Chunk]) -> Iterator[bytes]:
    """The bytes of some chunks of a stored xorb.

    Raises:
        DamagedXorbError: If one of them does not unpack.
    """
    with path.open("rb") as file:
        for chunk in wanted:
            file.seek(chunk.offset + HEADER)
            yield _unpack(file.read(chunk.stored), chunk.scheme)


def _unpack(data: bytes, scheme: int) -> bytes:
    if scheme == 0:
        return data
    try:
        data = lz4.frame.decompress(data)
    except RuntimeError as error:
        raise DamagedXorbError(str(error)) from error
    return _ungrouped(data) if scheme == 2 else data


def _ungrouped(data: bytes) -> bytes:
    """Undo byte grouping: first all bytes 0, 4, 8.., then all bytes 1, 5, 9.., and so on."""
    out, offset = bytearray(len(data)), 0
    for lane in range(4):
        size = len(range(lane, len(data), 4))
        out[lane::4] = data[offset : offset + size]
        offset += size
    return bytes(out)

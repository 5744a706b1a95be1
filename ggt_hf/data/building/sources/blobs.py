"""Encoded pictures that lie somewhere: their sizes are known, their bytes are read on demand."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ggt_hf.errors import ReadError

MAX_NUM_BYTES = 512 * 1024 * 1024
"""Bytes an encoded picture may have; more is a mistake or an attack on the memory."""

_LOCAL_HEADER = b"PK\x03\x04"
_LOCAL_HEADER_SIZE = 30


class Blob(Protocol):
    """One encoded picture, not yet read."""

    @property
    def name(self) -> str:
        """What to call it in messages: its path as the user knows it."""
        ...

    @property
    def num_bytes(self) -> int:
        """Length of the encoded picture."""
        ...

    @property
    def mark(self) -> str:
        """Changes when the content changes: a modification time, a checksum."""
        ...

    def read(self) -> bytes:
        """Return the encoded picture; safe to call from any thread.

        Raises:
            ReadError: it cannot be read, or is not what it was when the source was listed.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class FileBlob:
    """A picture file on disk."""

    name: str
    """Path relative to the source."""
    path: str
    """Path on disk."""
    num_bytes: int
    """Size when listed."""
    mark: str
    """Modification time when listed, in nanoseconds."""

    @classmethod
    def of(cls, name: str, path: str | Path, status: os.stat_result) -> FileBlob:
        """Return the blob of a file from its `os.stat`."""
        return cls(
            name=name, path=str(path), num_bytes=status.st_size, mark=f"mtime:{status.st_mtime_ns}"
        )

    def read(self) -> bytes:
        """Return the file's bytes."""
        try:
            data = Path(self.path).read_bytes()
        except OSError as error:
            raise ReadError(
                f"{self.name} cannot be read ({error.strerror}).",
                hint="Check the file and its permissions, then run the same command again.",
            ) from error
        return _as_listed(data, self)


@dataclass(frozen=True, kw_only=True, slots=True)
class ZipBlob:
    """A member of a zip, read in place: nothing is unpacked to the disk."""

    name: str
    """Path relative to the source, through the zip."""
    archive: str
    """Path of the zip on disk."""
    offset: int
    """Byte of the zip at which the member's local header starts."""
    packed_num_bytes: int
    """Length inside the zip."""
    num_bytes: int
    """Length when inflated."""
    crc: int
    """CRC-32 of the content."""
    deflated: bool
    """Deflated, or stored as it is."""

    @property
    def mark(self) -> str:
        """The member's checksum."""
        return f"crc:{self.crc:08x}"

    def read(self) -> bytes:
        """Return the member's content, its length and checksum proven."""
        try:
            with Path(self.archive).open("rb") as file:
                file.seek(self.offset)
                head = file.read(_LOCAL_HEADER_SIZE)
                if head[:4] != _LOCAL_HEADER:
                    raise self._damaged("its header is not where the zip's directory says")
                lengths = (
                    int.from_bytes(head[26:28], "little"),
                    int.from_bytes(head[28:30], "little"),
                )
                file.seek(sum(lengths), os.SEEK_CUR)
                data = file.read(self.packed_num_bytes)
        except OSError as error:
            raise self._damaged(str(error.strerror)) from error
        if self.deflated:
            data = self._inflate(data)
        if len(data) != self.num_bytes or zlib.crc32(data) != self.crc:
            raise self._damaged("its content does not have the declared length and checksum")
        return data

    def _inflate(self, data: bytes) -> bytes:
        try:
            # One byte more than declared is enough to catch a member that lies about its size.
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, self.num_bytes + 1)
        except zlib.error as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, cause: str) -> ReadError:
        return ReadError(
            f"{self.name} cannot be read out of {Path(self.archive).name}: {cause}.",
            hint="Test the archive with `unzip -t`, and fetch it again if it is damaged.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RowBlob:
    """A picture in a column of a `datasets.Dataset`, still encoded."""

    name: str
    """Split, row and column."""
    table: Any
    """The `datasets.Dataset`, formatted as ``arrow``."""
    row: int
    """Position, from 0."""
    column: str
    """Name of the image column."""
    num_bytes: int
    """Length when listed."""
    mark: str
    """Fingerprint of the dataset."""

    def read(self) -> bytes:
        """Return the bytes of the cell."""
        cell = self.table[self.row].column(self.column)[0]
        return _as_listed(cell["bytes"].as_py(), self)


def _as_listed(data: bytes, blob: Blob) -> bytes:
    if len(data) != blob.num_bytes:
        raise ReadError(
            f"{blob.name} had {blob.num_bytes} bytes when listed and has {len(data)} now.",
            hint="Let the source rest while it is built, then run the same command again.",
        )
    return data

"""The shard format: of which runs of chunks each file is made."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

PREAMBLE = 48
RECORD = 48
"""Bytes of every record: file header, term, verification, metadata."""
_END = b"\xff" * 32
_HAS_VERIFICATION = 1 << 31
_HAS_METADATA = 1 << 30


class Term(NamedTuple):
    """A run of chunks."""

    xorb: str
    """Hash of the xorb that holds them."""
    length: int
    """Bytes when unpacked."""
    first: int
    """First chunk."""
    stop: int
    """First chunk behind the run."""


class ShardFile(NamedTuple):
    """A file that a shard announces."""

    xet_hash: str
    terms: tuple[Term, ...]
    sha256: str | None


def hash_text(raw: bytes) -> str:
    """A hash as Xet writes it: four little-endian 64-bit numbers."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", raw))


def files(shard: bytes) -> Iterator[ShardFile]:
    """The files that a shard announces."""
    offset = PREAMBLE
    while len(file_hash := shard[offset : offset + 32]) == 32 and file_hash != _END:
        flags, count = struct.unpack_from("<II", shard, offset + 32)
        offset += RECORD
        terms = tuple(_term(shard, offset + RECORD * i) for i in range(count))
        offset += RECORD * count * (2 if flags & _HAS_VERIFICATION else 1)
        sha256 = None
        if flags & _HAS_METADATA:
            sha256 = hash_text(shard[offset : offset + 32])
            offset += RECORD
        yield ShardFile(hash_text(file_hash), terms, sha256)


def _term(shard: bytes, offset: int) -> Term:
    xorb, _, length, first, stop = struct.unpack_from("<32sIIII", shard, offset)
    return Term(hash_text(xorb), length, first, stop)

"""A strict walk through one tar: regular files with plain headers, and nothing else.

Nothing is extracted, and no number in the tar makes memory grow: a content is read only by
whoever asks for it, and only when the shard is long enough to hold it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from ggt_hf.data.format.tarball import BLOCK, END
from ggt_hf.data.validation.holding import Holding
from ggt_hf.data.validation.report import Ledger
from ggt_hf.errors import ReadError

CHUNK = 4 * 1024 * 1024
"""Bytes fetched at a time."""

_MAX_EXTENSION = 64 * 1024
"""Bytes of a pax header that are read to see what it overrides."""

_REGULAR = b"0\0"
_WITHOUT_CONTENT = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"5": "a folder",
    b"6": "a named pipe",
}
_EXTENSIONS = {
    b"x": "a pax header",
    b"g": "a global pax header",
    b"L": "a GNU long name",
    b"K": "a GNU long link",
}
_OVERRIDING = (b" size=", b" path=", b" linkpath=", b" GNU.sparse.")
"""Pax records that change what the next header means."""

_REBUILD = "Rebuild this shard with ggt build, which writes plain headers only."
_FETCH = "Fetch the shard again or rebuild it; what stands behind this byte is lost to readers."


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A regular file in a tar."""

    name: str
    """As its header has it; bytes that are no ASCII are escaped."""
    offset: int
    """Byte of the shard at which the content starts."""
    size: int
    """Length of the content; the shard is long enough to hold it."""


class ShardStream:
    """The bytes of a shard, in order and once, hashed as they pass."""

    def __init__(self, holding: Holding, path: str, size: int) -> None:
        self.path = path
        self.size = size
        self.position = 0
        self._holding = holding
        self._digest = hashlib.sha256()
        self._chunk = memoryview(b"")

    @property
    def remaining(self) -> int:
        """Bytes still to come."""
        return self.size - self.position

    def pieces(self, num_bytes: int) -> Iterator[memoryview]:
        """Pass over `num_bytes` bytes and yield them piece by piece.

        Raises:
            ReadError: the shard is shorter than its size promised.
        """
        while num_bytes:
            if not self._chunk:
                self._fetch()
            piece, self._chunk = self._chunk[:num_bytes], self._chunk[num_bytes:]
            self.position += len(piece)
            num_bytes -= len(piece)
            yield piece

    def take(self, num_bytes: int) -> bytes:
        """Return the next `num_bytes` bytes; ask only for what `remaining` allows."""
        return b"".join(self.pieces(num_bytes))

    def skip_to(self, position: int) -> None:
        """Pass over everything before `position`."""
        for _ in self.pieces(position - self.position):
            pass

    def sha256(self) -> str:
        """Pass over the rest and return the hash of the whole."""
        self.skip_to(self.size)
        return self._digest.hexdigest()

    def _fetch(self) -> None:
        chunk = self._holding.read(self.path, self.position, min(CHUNK, self.remaining))
        if not chunk:
            raise ReadError(
                f"{self.path} ended at byte {self.position:,} of {self.size:,}.",
                hint="Run the same again; if it stays so, fetch or push the shard again.",
            )
        self._digest.update(chunk)
        self._chunk = memoryview(chunk)


class TarWalk:
    """Iterates over the regular files of a shard and notes in a ledger what else stands there."""

    def __init__(self, stream: ShardStream, ledger: Ledger) -> None:
        self.complete = False
        """Whether the end of the archive was reached; else what follows is unknown."""
        self.safe = True
        """Whether stock readers can be let loose on it."""
        self._stream = stream
        self._ledger = ledger
        self._names_the_writer = False

    def __iter__(self) -> Iterator[Member]:
        """Yield the members; their content may be taken from the stream before the next step."""
        stream = self._stream
        while True:
            if stream.remaining < BLOCK:
                self._note(stream.position, "the tar ends without its two empty blocks", _FETCH)
                return
            at = stream.position
            block = stream.take(BLOCK)
            if not any(block):
                self._check_end()
                return
            member = self._member(block, at)
            if member is None:
                return
            if block[156:157] in _REGULAR:
                yield member
            stream.skip_to(member.offset + member.size + -member.size % BLOCK)

    def _member(self, block: bytes, at: int) -> Member | None:
        """Judge one header; ``None`` where the walk cannot go on behind it."""
        name = _name(block)
        if _number(block[148:156]) != sum(block[:148]) + 8 * 0x20 + sum(block[156:]):
            self.safe = self.safe and at > 0
            cause = "the header's checksum is wrong; stock readers stop here without a word"
            if at == 0:
                cause = "it does not begin with a tar header"
            self._note(at, cause, _FETCH)
            return None
        size = _number(block[124:136])
        kind = block[156:157]
        if kind in _WITHOUT_CONTENT:
            size = 0
        if size is None or -size % BLOCK + size > self._stream.remaining:
            claim = "no readable size" if size is None else f"{size:,} bytes"
            left = f"only {self._stream.remaining:,} are left"
            self._note(at, f"the header declares {claim}, but {left}", _FETCH, name)
            return None
        self._check_name(name, block, at)
        member = Member(name=name, offset=self._stream.position, size=size)
        if kind not in _REGULAR and not self._can_pass(kind, member, at):
            return None
        self._check_dialect(block)
        return member

    def _can_pass(self, kind: bytes, member: Member, at: int) -> bool:
        what = _WITHOUT_CONTENT.get(kind) or _EXTENSIONS.get(kind) or f"of the kind {kind!r}"
        target = f" to {_text(self._link)}" if kind in b"12" and self._link else ""
        self._note(at, f"it is {what}{target}, no regular file", _REBUILD, member.name)
        if kind in _WITHOUT_CONTENT:
            return True
        if kind in (b"x", b"g") and member.size <= _MAX_EXTENSION:
            records = self._stream.take(member.size)
            if not any(word in records for word in _OVERRIDING):
                return True
        # Sparse files and overridden sizes can make a reader allocate without bound.
        self.safe = False
        self._note(at, "what follows means something else to each reader", _REBUILD, member.name)
        return False

    def _check_name(self, name: str, block: bytes, at: int) -> None:
        self._link = block[157:257].split(b"\0")[0]
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or (parts[0].endswith(":") and len(parts) > 1):
            self._note(at, "its name is absolute: unpacked, it leaves its folder", _REBUILD, name)
        if ".." in parts:
            self._note(
                at, "its name climbs with '..': unpacked, it leaves its folder", _REBUILD, name
            )

    def _check_dialect(self, block: bytes) -> None:
        if block[257:265] == b"ustar\x0000" or self._names_the_writer:
            return
        self._names_the_writer = True
        self._ledger.add(
            "tars", "its headers are not POSIX ustar (GNU or older)", _REBUILD, severity="warning"
        )

    def _check_end(self) -> None:
        at = self._stream.position
        if self._stream.remaining < len(END) - BLOCK:
            self._note(at, "the tar ends with one empty block instead of two", _FETCH)
            return
        self.complete = True
        while self._stream.remaining:
            for piece in self._stream.pieces(min(CHUNK, self._stream.remaining)):
                if any(piece):
                    cause = "bytes stand behind the end of the archive; readers never see them"
                    self._note(at, cause, _REBUILD)
                    return

    def _note(self, at: int, cause: str, hint: str, name: str | None = None) -> None:
        subject = f"{name} (byte {at:,})" if name else f"byte {at:,}"
        self._ledger.add("tars", cause, hint, subject=subject)


def _name(block: bytes) -> str:
    name = block[:100].split(b"\0")[0]
    prefix = block[345:500].split(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _text(name: bytes) -> str:
    return name.decode("ascii", "backslashreplace")


def _number(field: bytes) -> int | None:
    """Read an octal or base-256 field; ``None`` where it is neither, or negative."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0")[0].strip(b" ")
    return int(digits or b"0", 8) if all(digit in b"01234567" for digit in digits) else None

"""An open dataset: pairs by manifest row, bytes by shard and offset.

Every read gives exactly the bytes that were asked for, or an error that says which shard, where
and why; nothing is ever left out in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from ggt_hf.data.format.manifest import DatasetInfo, Manifest, PairRow
from ggt_hf.data.reading.extents import cut, mismatch
from ggt_hf.errors import IntegrityError, UsageError
from ggt_hf.records import Pair

if TYPE_CHECKING:
    from ggt_hf.data.regions import Read


class Files(Protocol):
    """Where a dataset's small files come from."""

    name: str

    def read_file(self, path: str) -> bytes:
        """Return the bytes of the file `path`."""
        ...

    def forget(self, path: str) -> bool:
        """Drop what is cached of `path`; say whether another read could give other bytes."""
        ...


class Shards(Protocol):
    """Where a dataset's shards come from."""

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        """Return a byte range of the shard `path`."""
        ...

    def reader_for_now(self, path: str) -> Read:
        """Return what reads bytes of the shard `path`, for use at once."""
        ...

    def read_pair(self, row: PairRow) -> bytes:
        """Return the bytes of a pair's extent."""
        ...

    def prefetch(self, path: str) -> None:
        """Bring the whole shard `path` near."""
        ...

    def forget(self, row: PairRow) -> bool:
        """Drop what is cached of `row`; say whether another read could give other bytes."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class PairStore:
    """An open dataset. Thread-safe; pickled, it opens itself anew at the same revision."""

    def __init__(
        self,
        *,
        name: str,
        revision: str | None,
        info: DatasetInfo,
        manifest: Manifest,
        files: Files,
        shards: Shards,
        reopen: Callable[[], PairStore],
    ) -> None:
        self.name = name
        """The folder, or ``namespace/name`` on the Hub."""
        self.revision = revision
        """The commit that every byte comes from; ``None`` for a folder."""
        self.info = info
        """What is in the dataset."""
        self.manifest = manifest
        """A row for every pair."""
        self._files = files
        self._shards = shards
        self._reopen = reopen
        self._sizes = {shard.path: shard.num_bytes for shard in info.shards}

    @property
    def is_local(self) -> bool:
        """Whether the dataset lies in a folder: several short reads cost less than a long one."""
        return self.revision is None

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        """Return exactly `num_bytes` bytes of the shard `path` from `offset`.

        Of a remote dataset, the whole pair around the range is fetched, proven and cached, so
        that ranges of one pair cost one request.

        Raises:
            UsageError: no such shard, or the range leaves it.
            ReadError: the bytes could not be fetched.
            IntegrityError: the bytes are not the ones that the manifest names.
        """
        size, stop = self._size(path), offset + num_bytes
        if not 0 <= offset <= stop <= size:
            raise _leaving(path, offset, stop, size)
        return self._shards.read(path, offset, num_bytes)

    def reader_for_now(self, path: str) -> Read:
        """Return (start, stop) -> those bytes of the shard `path`, for use at once.

        Its next call in a thread may overwrite what the one before gave. Of a folder, what the
        operating system has in memory comes faster this way where several threads read
        (`page_cache`); and where much is read of one shard, it is looked for only once.

        Raises:
            GgtError: as `read`; so do the calls.
        """
        size, read = self._size(path), self._shards.reader_for_now(path)

        def read_inside(start: int, stop: int) -> bytes | memoryview:
            if not 0 <= start <= stop <= size:
                raise _leaving(path, start, stop, size)
            return read(start, stop)

        return read_inside

    def read_file(self, path: str) -> bytes:
        """Return a small file of the dataset whole, such as ``README.md``.

        Raises:
            UsageError: `path` leads out of the dataset.
            ReadError: it could not be fetched.
        """
        if path.startswith("/") or ".." in path.split("/"):
            raise UsageError(
                f"{path!r} is no path inside a dataset.", hint="Give one like README.md."
            )
        return self._files.read_file(path)

    def pair(self, row: PairRow, *, verify: bool = False) -> Pair:
        """Return the pair of a manifest row, its pictures still encoded.

        Bytes that come over the network are always compared with the manifest's SHA-256, and
        fetched once more when they differ.

        Args:
            row: a row of this dataset's manifest.
            verify: compare also what comes from a folder or from the cache.

        Raises:
            ReadError: the bytes could not be fetched.
            IntegrityError: a member is not what the manifest says it is.
            FormatError: the record of the pair is unreadable.
        """
        data = self._shards.read_pair(row)
        cause = mismatch(row, data) if verify else None
        if cause and self._shards.forget(row):
            data = self._shards.read_pair(row)
            cause = mismatch(row, data)
        if cause:
            raise IntegrityError(
                f"{self.name}, {row.shard} at byte {row.lq.offset:,}: {cause}.",
                hint="The shard was altered; fetch it again, or rebuild it with ggt build.",
            )
        return cut(row, data)

    def prefetch(self, path: str) -> None:
        """Download the whole shard `path` into the cache and prove its SHA-256.

        Reading it afterwards costs no request. Nothing happens for a folder, or when the shard
        is already there.

        Raises:
            UsageError: no such shard, or it is larger than the cache may grow.
            ReadError: it could not be fetched.
            IntegrityError: its SHA-256 is not the recorded one, twice.
        """
        self._size(path)
        self._shards.prefetch(path)

    def close(self) -> None:
        """Let go of files and connections; reading afterwards opens them again."""
        self._shards.close()

    def _size(self, path: str) -> int:
        size = self._sizes.get(path)
        if size is None:
            raise UsageError(
                f"{self.name} has no shard {path!r}.",
                hint="Take shards from the manifest or from .info.shards.",
            )
        return size

    def __enter__(self) -> PairStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        return self._reopen, ()

    def __repr__(self) -> str:
        at = f"@{self.revision[:8]}" if self.revision else ""
        return f"PairStore({self.name}{at}: {self.info.num_pairs:,} pairs)"


def _leaving(path: str, start: int, stop: int, size: int) -> UsageError:
    return UsageError(
        f"Bytes {start:,} to {stop:,} leave {path}, which has {size:,}.",
        hint="Take offsets from the manifest of the same revision.",
    )

"""A dataset in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.data.format.manifest import DatasetInfo, PairRow
from ggt_hf.data.format.schema import INFO_PATH
from ggt_hf.data.reading.descriptors import Descriptors
from ggt_hf.data.reading.extents import extent
from ggt_hf.errors import IncompleteError, ReadError

if TYPE_CHECKING:
    from ggt_hf.data.regions import Read


class LocalFiles:
    """The small files of a folder, read whole."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = str(root)

    def read_file(self, path: str) -> bytes:
        """Return the bytes of the file `path`.

        Raises:
            IncompleteError: ``meta/info.json`` is absent.
            ReadError: any other file is absent or unreadable.
        """
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError as error:
            if path == INFO_PATH:
                raise IncompleteError(
                    f"{self.root} is no finished dataset: it has no {INFO_PATH}.",
                    hint="Run the ggt build that writes it again; it goes on where it stopped.",
                ) from error
            raise _unreadable(self.root / path, "it is absent") from error
        except OSError as error:
            raise _unreadable(self.root / path, str(error.strerror)) from error

    def forget(self, path: str) -> bool:
        """Say that reading `path` again would give the same bytes."""
        return False


class LocalShards:
    """Byte ranges of a folder's shards."""

    def __init__(self, root: Path, info: DatasetInfo) -> None:
        self._files = {shard.path: (root / shard.path, shard.num_bytes) for shard in info.shards}
        self._descriptors = Descriptors()

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        """Return `num_bytes` bytes of the shard `path` from `offset`."""
        file, size = self._files[path]
        return self._descriptors.read(file, offset, num_bytes, size=size)

    def reader_for_now(self, path: str) -> Read:
        """Return what reads bytes of the shard `path`, each time into the same memory."""
        file, size = self._files[path]
        return self._descriptors.reader_for_now(file, size=size)

    def read_pair(self, row: PairRow) -> bytes:
        """Return the bytes of `extent(row)`."""
        span = extent(row)
        return self.read(span.shard, span.offset, span.num_bytes)

    def prefetch(self, path: str) -> None:
        """Do nothing: the shard is here already."""

    def forget(self, row: PairRow) -> bool:
        """Say that reading `row` again would give the same bytes."""
        return False

    def close(self) -> None:
        """Close the shards."""
        self._descriptors.close()


def _unreadable(file: Path, cause: str) -> ReadError:
    return ReadError(
        f"{file} cannot be read: {cause}.",
        hint="Fetch it again, or rebuild the dataset with ggt build.",
    )

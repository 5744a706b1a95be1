"""Where the dataset under test lies: its files and their raw bytes, nothing interpreted.

A dataset that may be broken cannot be opened by its own record, so validation reads below it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ggt_hf.data.reading.reader import parse_where
from ggt_hf.errors import HubError, ReadError

if TYPE_CHECKING:
    from ggt_hf.data.reading.remote.files import HubFiles


class Holding(Protocol):
    """A dataset's files; small enough to be sent to a worker process."""

    @property
    def name(self) -> str:
        """The folder, or ``namespace/name``."""
        ...

    @property
    def revision(self) -> str | None:
        """The commit that is read; ``None`` for a folder."""
        ...

    @property
    def sizes(self) -> Mapping[str, int]:
        """Path inside the dataset -> size in bytes, of every file."""
        ...

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        """Return `num_bytes` bytes of a file from `offset`; fewer only where it ends.

        Raises:
            ReadError: the bytes could not be fetched.
            HubError: the Hub refuses to show them.
        """
        ...

    def load_arguments(self) -> dict[str, Any]:
        """Return what `datasets.load_dataset` needs to find it."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """A dataset in a folder."""

    root: Path
    """The folder, absolute."""
    sizes: Mapping[str, int]
    """Every regular file in it."""

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.root)

    @property
    def revision(self) -> str | None:
        """Folders have none."""
        return None

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        """Read a range of a file."""
        try:
            with (self.root / path).open("rb") as file:
                file.seek(offset)
                return file.read(num_bytes)
        except OSError as error:
            raise ReadError(
                f"{path} cannot be read: {error.strerror or error}.",
                hint="Check its permissions and the disk.",
            ) from error

    def load_arguments(self) -> dict[str, Any]:
        """Load it as a folder."""
        return {"path": str(self.root)}


@dataclass(frozen=True, slots=True)
class Repository:
    """A dataset on the Hub at one commit."""

    name: str
    """``namespace/name``."""
    revision: str
    """The commit that every byte comes from."""
    sizes: Mapping[str, int]
    """Every file of the commit."""
    token: str | None = field(repr=False)
    """``None`` = HF_TOKEN or the stored one."""

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        """Fetch exactly the range; retried, never from a cache."""
        files = _hub_files(self.name, self.revision, self.token)
        return files.read(path, offset, num_bytes, size=self.sizes[path])

    def load_arguments(self) -> dict[str, Any]:
        """Load it from the Hub at the commit."""
        return {"path": self.name, "revision": self.revision, "token": self.token}


def hold(where: str | Path, *, revision: str | None, token: str | None) -> Holding:
    """Find the dataset at `where`: a folder, ``namespace/name`` or ``hf://datasets/...``.

    Raises:
        UsageError: it is neither.
        HubError: the Hub does not show it.
        ReadError: the Hub gave no answer.
    """
    repo, named = parse_where(where, revision)
    if repo is None:
        root = Path(where).expanduser().resolve()
        return Folder(root, _listed(root))
    from ggt_hf.data.reading.remote.shards import pin

    commit = pin(_client(token), repo, named, None)
    return Repository(repo, commit, _tree(repo, commit, token), token)


def _listed(root: Path) -> dict[str, int]:
    """Return the size of every regular file; links are followed, circles are not."""
    found: dict[str, int] = {}
    entered: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        place = Path(folder).stat()
        if (place.st_dev, place.st_ino) in entered:
            folders.clear()
            continue
        entered.add((place.st_dev, place.st_ino))
        for file in (Path(folder, name) for name in files):
            if file.is_file():
                found[file.relative_to(root).as_posix()] = file.stat().st_size
    return found


def _tree(repo: str, commit: str, token: str | None) -> dict[str, int]:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    try:
        tree = HfApi(token=token).list_repo_tree(
            repo, recursive=True, revision=commit, repo_type="dataset"
        )
        return {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}
    except Exception as error:  # Refusals, httpx's errors and OSErrors: the words say which.
        raise HubError(
            f"The files of {repo}@{commit[:8]} cannot be listed: {error}.",
            hint="Check the name and the token, and run the same again.",
        ) from error


@lru_cache(maxsize=4)
def _hub_files(repo: str, commit: str, token: str | None) -> HubFiles:
    """Return what reads a commit: one for each process, since it keeps signed URLs."""
    from ggt_hf.data.reading.remote.files import HubFiles

    return HubFiles(_client(token), repo, commit)


def _client(token: str | None) -> Any:
    from ggt_hf.data.reading.remote.client import HubClient
    from ggt_hf.data.reading.remote.retrying import RetryPolicy

    return HubClient(None, token, RetryPolicy())

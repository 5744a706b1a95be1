"""Where the dataset under test lies: its files and their raw bytes, nothing interpreted.

A dataset that may be broken cannot be opened by its own record, so validation reads below it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ggt_hf.errors import GgtError, HubError, ReadError, UsageError

_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HF_URL = re.compile(r"hf://datasets/(?P<repo>[^/@]+/[^/@]+)(?:@(?P<revision>.+))?")


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

    def sizes(self) -> dict[str, int]:
        """Return path inside the dataset -> size in bytes, of every file."""
        ...

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        """Return up to `num_bytes` bytes of a file from `offset`; fewer only at its end.

        Raises:
            ReadError: the bytes could not be fetched.
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

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.root)

    @property
    def revision(self) -> str | None:
        """Folders have none."""
        return None

    def sizes(self) -> dict[str, int]:
        """List every regular file; links are followed, circles are not."""
        found: dict[str, int] = {}
        entered: set[tuple[int, int]] = set()
        for folder, folders, files in os.walk(self.root, followlinks=True):
            place = Path(folder).stat()
            if (place.st_dev, place.st_ino) in entered:
                folders.clear()
                continue
            entered.add((place.st_dev, place.st_ino))
            for file in (Path(folder, name) for name in files):
                if file.is_file():
                    found[file.relative_to(self.root).as_posix()] = file.stat().st_size
        return found

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
    """A dataset on the Hub at one commit; `huggingface_hub` fetches the ranges, with retries."""

    repo: str
    """``namespace/name``."""
    commit: str
    """What every byte comes from."""
    token: str | None
    """``None`` = HF_TOKEN or the stored one."""

    @property
    def name(self) -> str:
        """``namespace/name``."""
        return self.repo

    @property
    def revision(self) -> str | None:
        """The commit."""
        return self.commit

    def sizes(self) -> dict[str, int]:
        """List every file of the commit."""
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile

        tree = HfApi(token=self.token).list_repo_tree(
            self.repo, recursive=True, revision=self.commit, repo_type="dataset"
        )
        return {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        """Fetch a range of a file."""
        from huggingface_hub import HfFileSystem

        files = HfFileSystem(token=self.token)
        name = f"datasets/{self.repo}@{self.commit}/{path}"
        try:
            return bytes(files.cat_file(name, start=offset, end=offset + num_bytes))
        except Exception as error:  # The client raises its own, httpx's and built-in errors.
            raise ReadError(
                f"{self.repo}/{path} could not be fetched from byte {offset:,}: {error}.",
                hint="Check the connection and run the same again.",
            ) from error

    def load_arguments(self) -> dict[str, Any]:
        """Load it from the Hub at the commit."""
        return {"path": self.repo, "revision": self.commit, "token": self.token}


def hold(where: str | Path, *, revision: str | None, token: str | None) -> Holding:
    """Find the dataset at `where`: a folder, ``namespace/name`` or ``hf://datasets/...``.

    Raises:
        UsageError: it is neither.
        HubError: the Hub does not show it.
    """
    folder = Path(where)
    if folder.is_dir():
        return Folder(folder.resolve())
    url = _HF_URL.fullmatch(str(where))
    repo = url["repo"] if url else str(where)
    if not _REPO.fullmatch(repo) or folder.exists():
        raise UsageError(
            f"{where} is neither a folder nor a dataset on the Hub.",
            hint="Give a dataset's folder, or namespace/name.",
        )
    return _resolve(repo, revision or (url["revision"] if url else None), token)


def _resolve(repo: str, revision: str | None, token: str | None) -> Repository:
    from huggingface_hub import HfApi

    try:
        commit = HfApi(token=token).dataset_info(repo, revision=revision).sha
    except Exception as error:  # Offline, refused, no such thing: the client's words say which.
        raise _unseen(repo, revision, error) from error
    return Repository(repo, str(commit), token)


def _unseen(repo: str, revision: str | None, error: Exception) -> GgtError:
    at = f" at {revision}" if revision else ""
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return HubError(
        f"{repo}{at} is no folder here and cannot be opened on the Hub: {first_line}",
        hint="Check the name; for a private dataset give a token in HF_TOKEN.",
    )

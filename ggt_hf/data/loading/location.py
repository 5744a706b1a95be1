"""Where a dataset lies, in the words of `datasets`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote

from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.data.reading.store import PairStore
from ggt_hf.errors import UsageError

_REPO = re.compile(r"(?:hf://datasets/)?(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^/@\s]+))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """A folder, or a repository of the Hub at one revision."""

    path: str
    """What `datasets.load_dataset` takes as its path: a folder, or ``namespace/name``."""
    on_hub: bool
    """Whether `path` names a repository."""
    revision: str | None = None
    """Commit, tag or branch of the repository; ``None`` = its main branch, or a folder."""

    @classmethod
    def parse(cls, text: str | Path, revision: str | None = None) -> Location:
        """Return the location that `text` names; a folder of that name wins over the Hub.

        Args:
            text: a folder, ``namespace/name``, or ``hf://datasets/namespace/name[@revision]``.
            revision: commit, tag or branch; wins over the one in `text`.

        Raises:
            UsageError: `text` is none of them, or a revision of a folder is asked for.
        """
        text = str(text)
        if Path(text).is_dir():
            return cls(path=text, on_hub=False).at(revision)
        match = _REPO.fullmatch(text)
        if match is None:
            raise UsageError(
                f"{text!r} is neither a folder nor a repository of the Hub.",
                hint="Give an existing folder, or ORG/NAME.",
            )
        inside = unquote(match["revision"]) if match["revision"] else None
        return cls(path=match["repo"], on_hub=True, revision=revision or inside)

    def at(self, revision: str | None) -> Location:
        """Return the same place at another revision; ``None`` changes nothing.

        Raises:
            UsageError: a folder has no revisions.
        """
        if revision is None:
            return self
        if not self.on_hub:
            raise UsageError(
                f"The folder {self.path} has no revisions, and {revision!r} was asked for.",
                hint="Leave the revision out, or name the repository ORG/NAME.",
            )
        return replace(self, revision=revision)

    @property
    def base(self) -> str:
        """What the paths of its files are appended to, after a ``/``."""
        if not self.on_hub:
            return Path(self.path).resolve().as_posix()
        at = f"@{quote(self.revision, safe='')}" if self.revision else ""
        return f"hf://datasets/{self.path}{at}"

    def open(self, token: str | None = None) -> PairStore:
        """Open the dataset that lies here; raises as `open_dataset`."""
        return open_dataset(self.path, revision=self.revision, token=token)

    def pinned_to(self, store: PairStore) -> Location:
        """Return the same place at the commit that `store`, opened here, reads from."""
        return replace(self, revision=store.revision)

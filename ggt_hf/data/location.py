"""Where a dataset lies, and its small files from there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote

from ggt_hf.data.manifest import DatasetInfo, Manifest
from ggt_hf.data.schema import INFO_PATH, MANIFEST_PATH
from ggt_hf.errors import FormatError, HubError, IncompleteError, ReadError, UsageError

_REPO = re.compile(r"(?:hf://datasets/)?(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^/@\s]+))?")


def cache_folder() -> Path:
    """Return ``GGT_CACHE``, or ``ggt`` under ``HF_HOME``."""
    named = os.environ.get("GGT_CACHE")
    if named:
        return Path(named).expanduser()
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "ggt"


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

    def pinned(self, token: str | None = None) -> Location:
        """Return the same place at the commit that its revision means now.

        Raises:
            FormatError: it holds no dataset of this format.
            HubError: the Hub refused, or cannot be asked.
        """
        if not self.on_hub:
            return self
        # A cached file lies at .../snapshots/COMMIT/meta/info.json.
        return replace(self, revision=self._local(INFO_PATH, token).parents[1].name)

    def read(self, file: str, token: str | None = None) -> bytes:
        """Return the bytes of a small file of the dataset.

        Raises:
            FormatError: the dataset has no such file.
            HubError: the Hub refused, or cannot be asked.
            ReadError: the disk gave up.
        """
        local = self._local(file, token)
        try:
            return local.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._lacks(file) from error
        except OSError as error:
            raise ReadError(
                f"{local} cannot be read: {error.strerror}.", hint="Check the file and the disk."
            ) from error

    def info(self, token: str | None = None) -> DatasetInfo:
        """Return ``meta/info.json`` of the dataset; raises as `read`."""
        return DatasetInfo.from_json(self.read(INFO_PATH, token), f"{self.base}/{INFO_PATH}")

    def manifest(self, token: str | None = None) -> Manifest:
        """Return ``meta/manifest.parquet`` of the dataset; raises as `read`."""
        return Manifest.from_parquet(
            self.read(MANIFEST_PATH, token), f"{self.base}/{MANIFEST_PATH}"
        )

    def _local(self, file: str, token: str | None) -> Path:
        if not self.on_hub:
            return Path(self.path) / file
        from huggingface_hub import hf_hub_download

        with self._clear_refusals(file):
            return Path(
                hf_hub_download(
                    self.path, file, repo_type="dataset", revision=self.revision, token=token
                )
            )

    @contextmanager
    def _clear_refusals(self, file: str) -> Iterator[None]:
        from huggingface_hub import errors

        try:
            yield
        except errors.LocalEntryNotFoundError as error:
            raise HubError(
                f"{file} of {self.path} is not in the cache, and the Hub cannot be reached.",
                hint="Check the network and HF_HUB_OFFLINE, or give a folder.",
            ) from error
        except errors.RevisionNotFoundError as error:
            raise HubError(
                f"{self.path} has no revision {self.revision!r}.",
                hint="Name a commit, tag or branch that its page on the Hub lists.",
            ) from error
        except errors.EntryNotFoundError as error:
            raise self._lacks(file) from error
        except (errors.HFValidationError, errors.HfHubHTTPError, OSError) as error:
            raise HubError(
                f"The Hub does not give {file} of {self.path} ({_first_line(error)}).",
                hint="Check the name; a private repository needs `hf auth login` or HF_TOKEN.",
            ) from error

    def _lacks(self, file: str) -> FormatError:
        kind = IncompleteError if file == INFO_PATH else FormatError
        return kind(
            f"{self.path} has no {file}: it is unfinished, or not in this format.",
            hint=f"Build it with: ggt build {self.path} OUT",
        )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)

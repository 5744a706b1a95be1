"""A repository as the Hub shows it: who we are, what it holds, its tags."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from ggt_hf.errors import HubError, UsageError
from ggt_hf.hub.refusals import ATTEMPTS, persist, refusal, status_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi

T = TypeVar("T")

Kind = Literal["dataset", "model", "space"]
"""What a repository is one of."""

_PLACES: dict[Kind, str] = {"dataset": "datasets/", "model": "", "space": "spaces/"}

MAIN = "main"


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """One file of a tree."""

    size: int
    """Bytes of its content."""
    sha256: str | None
    """Of its content, where the Hub stores it as a large file."""
    git_sha1: str
    """Git's name of the blob: of the content itself where ``sha256`` is ``None``."""

    def holds(self, content: Path | bytes, sha256: str) -> bool:
        """Say whether this is `content`, whose SHA-256 is given."""
        if self.sha256 is not None:
            return self.sha256 == sha256
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        return self.size == size and self.git_sha1 == git_sha1(content)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteState:
    """A repository at one commit."""

    commit: str
    """Its full name, 40 hexadecimal digits."""
    private: bool
    """Whether only its owners see it."""
    files: Mapping[str, RemoteFile]
    """Path -> file."""


def git_sha1(content: Path | bytes) -> str:
    """Return git's name of `content` as a blob."""
    data = content.read_bytes() if isinstance(content, Path) else content
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class Remote:
    """One repository, seen with one token. Questions are repeated until answered.

    Args:
        repo_id: ``ORG/NAME``.
        token: a Hub token; default: the stored one.
        kind: a dataset's repository, a model's, or a Space's.
        only_look: go on without a token where there is none: public repositories are seen.

    Raises:
        UsageError: `repo_id` cannot be a repository's name.
        HubError: there is no token, or the Hub does not accept it.
    """

    def __init__(
        self,
        repo_id: str,
        token: str | None = None,
        kind: Kind = "dataset",
        *,
        only_look: bool = False,
    ) -> None:
        from huggingface_hub import HfApi, get_token

        self.repo_id = valid_repository(repo_id)
        self.kind: Kind = kind
        self.token = token or get_token()
        if self.token is None and not only_look:
            raise HubError(
                f"{repo_id}: pushing needs a Hub token, and there is none.",
                hint="Run: hf auth login, or set HF_TOKEN.",
            )
        self.api: HfApi = HfApi(token=self.token or False, library_name="ggt_hf")
        self.url = f"{self.api.endpoint.rstrip('/')}/{_PLACES[kind]}{repo_id}"
        self._role = None
        if self.token is None:
            return
        user = self.ask(self.api.whoami, doing="asking who the token belongs to")
        self._role = user.get("auth", {}).get("accessToken", {}).get("role")

    def ask(self, question: Callable[[], T], *, doing: str, attempts: int = ATTEMPTS) -> T:
        """Return the answer to a question that may be repeated, up to `attempts` times.

        Raises:
            HubError: there is none.
        """
        return persist(
            question, repo=self.repo_id, doing=doing, token=self.token, attempts=attempts
        )

    def refusal(self, error: BaseException, *, doing: str) -> HubError:
        """Return the `HubError` for `error`."""
        return refusal(error, repo=self.repo_id, doing=doing, token=self.token)

    def check_write_access(self, *, exists: bool) -> None:
        """Ask, before gigabytes move, whether the token may write; nothing, where there is none.

        Raises:
            HubError: it may not.
        """
        if self.token is None:
            return
        if self._role == "read":
            raise HubError(
                f"{self.repo_id}: the token may only read.",
                hint="Make one with the role write, then: hf auth login",
            )
        if exists:
            self.ask(
                lambda: self.api.auth_check(self.repo_id, repo_type=self.kind, write=True),
                doing="asking for write access",
            )

    def state(self, revision: str) -> RemoteState | None:
        """Return the repository at `revision`; ``None`` where the token sees no repository.

        Raises:
            HubError: no such revision, or no answer.
        """
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        def look() -> RemoteState | None:
            try:
                info = self.api.repo_info(self.repo_id, repo_type=self.kind, revision=revision)
            except GatedRepoError:
                raise
            except RepositoryNotFoundError:
                return None
            return RemoteState(
                commit=str(info.sha), private=bool(info.private), files=self._files(str(info.sha))
            )

        return self.ask(look, doing=f"reading revision {revision}")

    def _files(self, commit: str) -> dict[str, RemoteFile]:
        from huggingface_hub.hf_api import RepoFile

        tree = self.api.list_repo_tree(
            self.repo_id, repo_type=self.kind, revision=commit, recursive=True
        )
        return {
            entry.path: RemoteFile(
                size=entry.lfs.size if entry.lfs else entry.size,
                sha256=entry.lfs.sha256 if entry.lfs else None,
                git_sha1=entry.blob_id,
            )
            for entry in tree
            if isinstance(entry, RepoFile)
        }

    def create(self, *, private: bool) -> None:
        """Create the repository, if it is not there.

        Raises:
            HubError: the token may not, or there was no answer.
        """
        try:
            self.ask(
                lambda: self.api.create_repo(
                    self.repo_id,
                    repo_type=self.kind,
                    private=private,
                    exist_ok=True,
                    space_sdk="gradio" if self.kind == "space" else None,
                ),
                doing="creating the repository",
            )
        except HubError as error:
            if status_of(error) != 403:
                raise
            # No pull request can be opened where there is no repository.
            owner = self.repo_id.partition("/")[0]
            hint = f"Use a token that may create repositories of {owner}, or push to your own name."
            raise HubError(error.message, hint=hint) from error

    def pull_requests(self, title: str) -> list[str]:
        """Return the refs of the open pull requests called `title`, the newest first."""

        def look() -> list[str]:
            found = self.api.get_repo_discussions(
                self.repo_id,
                repo_type=self.kind,
                discussion_type="pull_request",
                discussion_status="open",
            )
            numbers = sorted((pr.num for pr in found if pr.title == title), reverse=True)
            return [f"refs/pr/{number}" for number in numbers]

        return self.ask(look, doing="listing pull requests")

    def tag_target(self, tag: str) -> str | None:
        """Return the commit that `tag` names, or ``None``."""
        refs = self.ask(
            lambda: self.api.list_repo_refs(self.repo_id, repo_type=self.kind), doing="listing tags"
        )
        return next((ref.target_commit for ref in refs.tags if ref.name == tag), None)

    def move_tag(self, tag: str, commit: str, message: str) -> None:
        """Make `tag` name `commit`. The Hub cannot move a tag: it is deleted and made again."""
        target = self.tag_target(tag)
        if target == commit:
            return
        if target is not None:
            self.ask(lambda: self._delete_tag(tag), doing=f"deleting the tag {tag}")
        self.ask(
            lambda: self.api.create_tag(
                self.repo_id,
                repo_type=self.kind,
                tag=tag,
                revision=commit,
                tag_message=message,
                exist_ok=True,
            ),
            doing=f"tagging {tag}",
        )

    def _delete_tag(self, tag: str) -> None:
        from huggingface_hub.errors import RevisionNotFoundError

        try:
            self.api.delete_tag(self.repo_id, repo_type=self.kind, tag=tag)
        except RevisionNotFoundError:
            # An answer was lost, and the tag is gone.
            return


def valid_repository(repo_id: str) -> str:
    """Return `repo_id` if it can be a repository's, ``ORG/NAME``; else raise `UsageError`."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise UsageError(f"{repo_id!r} is no repository: {error}", hint="Say ORG/NAME.") from error
    if "/" not in repo_id:
        raise UsageError(f"{repo_id!r} names no owner.", hint=f"Say ORG/{repo_id}.")
    return repo_id

"""What a push would do: a comparison of the folder with the repository, and how to tell it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ggt_hf.errors import HubError, UsageError
from ggt_hf.hub.remote import MAIN, Kind, Remote, RemoteState


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalFile:
    """One file that the repository is to hold."""

    path: str
    """Its path in the repository."""
    content: Path | bytes
    """The file to read, or the content itself."""
    size: int
    """Bytes."""
    sha256: str
    """Of the content, in hexadecimal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Some bytes of a file, to be read back once they are on the Hub."""

    path: str
    """The file."""
    offset: int
    """First byte."""
    num_bytes: int
    """How many."""
    sha256: str
    """Of them, in hexadecimal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What the user wants, whatever the repository holds."""

    folder: Path
    """Where it lies."""
    subject: str
    """What it is, as ``these pairs``."""
    files: tuple[LocalFile, ...]
    """Every file that the repository is to hold."""
    pieces: Callable[[], Sequence[Piece]]
    """What is read back as proof."""
    is_ours: Callable[[str], bool]
    """Says of a path whether such files belong to what is pushed: then it is stale where it is
    not among `files`. What else people keep in a repository stays."""
    bulk: str
    """What most files are called, as ``shards``; they are counted, the others named."""
    remarks: Callable[[RemoteState | None, str], Sequence[str]]
    """What whoever pushes should know, given the repository and its name."""
    title: str
    """The commit's first line."""
    text: str
    """The rest of its message; also the tag's."""
    private: bool
    """Who may see a repository that has to be created."""
    create_pr: bool
    """Open a pull request instead of committing."""
    revision: str
    """The branch to commit to."""
    tag: str | None = None
    """The tag that a proven commit on the main branch gets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PushPlan:
    """What a push would do; nothing has been done yet."""

    order: Order
    """What is wanted."""
    kind: Kind
    """What the repository is one of."""
    repo_id: str
    """``ORG/NAME``."""
    url: str
    """Where people will look at it."""
    revision: str
    """The branch to commit to, or to open a pull request against."""
    parent: str | None
    """The commit the plan was made against; ``None`` where there is no repository yet."""
    private: bool
    """The visibility of the repository, existing or new."""
    create_pr: bool
    """Whether the commit opens a pull request."""
    uploads: tuple[LocalFile, ...]
    """The files that it does not hold yet."""
    deletes: tuple[str, ...]
    """Files in the repository that what is pushed no longer has."""
    tag: str | None
    """The tag to be set once everything is proven; ``None`` off the main branch."""
    remarks: tuple[str, ...]
    """What whoever pushes should know."""

    @property
    def folder(self) -> Path:
        """Where that which is pushed lies."""
        return self.order.folder

    @property
    def files(self) -> tuple[LocalFile, ...]:
        """Every file that the repository is to hold."""
        return self.order.files

    @property
    def num_bytes(self) -> int:
        """Bytes to send."""
        return sum(file.size for file in self.uploads)

    @property
    def is_done(self) -> bool:
        """Whether the repository holds all of it already."""
        return not self.uploads and not self.deletes

    def text(self) -> str:
        """Return the plan for a person to read."""
        visibility = "private" if self.private else "PUBLIC"
        repository = f"there, {visibility}" if self.parent else f"to be created, {visibility}"
        kept = len(self.files) - len(self.uploads)
        where = f"a pull request against {self.revision}" if self.create_pr else self.revision
        lines = [
            f"{self.folder} -> {self.kind} {self.repo_id} ({self.url})",
            f"  repository  {repository}",
            f"  send        {self._count()}, {self.num_bytes:,} bytes",
            f"  keep        {kept} already there",
        ]
        if self.deletes:
            lines.append(f"  delete      {len(self.deletes)} stale: {_few(self.deletes)}")
        ending = f", then the tag {self.tag}" if self.tag else ""
        deed = "nothing to commit" if self.is_done else f"one commit to {where}"
        lines.append(f"  then        {deed}, a check of what arrived{ending}")
        lines += [f"  note        {remark}" for remark in self.remarks]
        return "\n".join(lines)

    def _count(self) -> str:
        bulk = sum(self.order.is_ours(file.path) for file in self.uploads)
        others = [file.path for file in self.uploads if not self.order.is_ours(file.path)]
        return ", ".join([f"{bulk} {self.order.bulk}", *others] if bulk else others) or "nothing"


def make_plan(order: Order, remote: Remote) -> PushPlan:
    """Compare what is wanted with what the repository holds at this moment.

    Raises:
        UsageError: the repository is public, and nobody said ``--public``.
        HubError: no such revision, no right to write, or no answer.
    """
    state = remote.state(order.revision)
    remote.check_write_access(exists=state is not None and not order.create_pr)
    if state is None and (order.revision != MAIN or order.create_pr):
        raise HubError(
            f"{remote.repo_id} does not exist: it has no revision {order.revision!r} to build on.",
            hint="Push to main first, without --create-pr and --revision.",
        )
    if state is not None and not state.private and order.private:
        raise UsageError(
            f"{remote.repo_id} is public: everybody would see {order.subject} at once.",
            hint="Say --public if that is meant, or push to another repository.",
        )
    uploads, deletes = differences(order.files, state, order.is_ours)
    on_main = order.revision == MAIN and not order.create_pr
    return PushPlan(
        order=order,
        kind=remote.kind,
        repo_id=remote.repo_id,
        url=remote.url,
        revision=order.revision,
        parent=state.commit if state is not None else None,
        private=state.private if state is not None else order.private,
        create_pr=order.create_pr,
        uploads=uploads,
        deletes=deletes,
        tag=order.tag if on_main else None,
        remarks=(
            *order.remarks(state, remote.repo_id),
            *_visibility(order, state, remote),
            *_blind(remote),
        ),
    )


def _blind(remote: Remote) -> list[str]:
    if remote.token is not None:
        return []
    return [
        "There is no Hub token: a private repository looks as if it were not there, and nobody "
        "knows whether you may write. To push: hf auth login, or set HF_TOKEN."
    ]


def _visibility(order: Order, state: RemoteState | None, remote: Remote) -> list[str]:
    if state is None or not state.private or order.private:
        return []
    return [
        f"{remote.repo_id} is private and stays so; when you are ready: "
        f"hf repos settings {remote.repo_id} --type {remote.kind} --public"
    ]


def differences(
    files: Iterable[LocalFile], state: RemoteState | None, is_ours: Callable[[str], bool]
) -> tuple[tuple[LocalFile, ...], tuple[str, ...]]:
    """Return the files that `state` does not hold, and those of ours that are not among `files`."""
    wanted = tuple(files)
    if state is None:
        return wanted, ()
    missing = tuple(
        file
        for file in wanted
        if file.path not in state.files
        or not state.files[file.path].holds(file.content, file.sha256)
    )
    names = {file.path for file in wanted}
    stale = (path for path in state.files if path not in names and is_ours(path))
    return missing, tuple(sorted(stale))


def in_memory(path: str, data: bytes) -> LocalFile:
    """Return a file whose content is `data`."""
    digest = hashlib.sha256(data).hexdigest()
    return LocalFile(path=path, content=data, size=len(data), sha256=digest)


def _few(names: Sequence[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest

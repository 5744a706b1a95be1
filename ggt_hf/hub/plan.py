"""What a push would do: a comparison of the folder with the repository, and how to tell it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ggt_hf.data.format.attribution import Attribution
from ggt_hf.data.format.schema import CARD_PATH, INFO_PATH, MANIFEST_PATH, parse_shard_path
from ggt_hf.data.reading.folder import DatasetFolder
from ggt_hf.errors import FormatError, HubError, UsageError
from ggt_hf.hub.remote import MAIN, Remote, RemoteState
from ggt_hf.hub.sharing import sharing_remarks


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
class Order:
    """What the user wants, whatever the repository holds."""

    dataset: DatasetFolder
    """The dataset."""
    rights: Mapping[Attribution, int]
    """Its licences and credits, counted."""
    files: tuple[LocalFile, ...]
    """Every file that the repository is to hold."""
    keeps_card: bool
    """Whether the card was written by hand."""
    private: bool
    """Who may see a repository that has to be created."""
    create_pr: bool
    """Open a pull request instead of committing."""
    revision: str
    """The branch to commit to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PushPlan:
    """What a push would do; nothing has been done yet."""

    folder: Path
    """The dataset."""
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
    files: tuple[LocalFile, ...]
    """Every file that the repository is to hold."""
    uploads: tuple[LocalFile, ...]
    """Those of them that it does not hold yet."""
    deletes: tuple[str, ...]
    """Shards in the repository that the dataset no longer has."""
    tag: str | None
    """The tag to be set once everything is proven; ``None`` off the main branch."""
    remarks: tuple[str, ...]
    """What whoever pushes should know."""

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
            f"{self.folder} -> dataset {self.repo_id} ({self.url})",
            f"  repository  {repository}",
            f"  send        {_count(self.uploads)}, {self.num_bytes:,} bytes",
            f"  keep        {kept} already there",
        ]
        if self.deletes:
            lines.append(f"  delete      {len(self.deletes)} stale: {_few(self.deletes)}")
        ending = f", then the tag {self.tag}" if self.tag else ""
        deed = "nothing to commit" if self.is_done else f"one commit to {where}"
        lines.append(f"  then        {deed}, a check of what arrived{ending}")
        lines += [f"  note        {remark}" for remark in self.remarks]
        return "\n".join(lines)


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
            f"{remote.repo_id} is public: everybody would see these pairs at once.",
            hint="Say --public if that is meant, or push to another repository.",
        )
    uploads, deletes = differences(order.files, state)
    on_main = order.revision == MAIN and not order.create_pr
    return PushPlan(
        folder=order.dataset.root,
        repo_id=remote.repo_id,
        url=remote.url,
        revision=order.revision,
        parent=state.commit if state is not None else None,
        private=state.private if state is not None else order.private,
        create_pr=order.create_pr,
        files=order.files,
        uploads=uploads,
        deletes=deletes,
        tag=f"format-v{order.dataset.info.format_version}" if on_main else None,
        remarks=tuple(_remarks(order, state, remote.repo_id)),
    )


def _remarks(order: Order, state: RemoteState | None, repo_id: str) -> list[str]:
    private = state.private if state is not None else order.private
    remarks = sharing_remarks(order.rights, public=not private)
    if private and not order.private:
        remarks.append(
            f"{repo_id} is private and stays so; when you are ready: "
            f"hf repos settings {repo_id} --type dataset --public"
        )
    root = order.dataset.root
    cards = [
        order.dataset.card(attributions=order.rights, repo_id=name).encode()
        for name in (None, repo_id)
    ]
    lying = root / CARD_PATH
    if not order.keeps_card and lying.is_file() and lying.read_bytes() not in cards:
        remarks.append(f"A card is made anew; to push {lying} as it is, say --card {lying}.")
    known = {file.path for file in order.files}
    paths = (path for path in root.rglob("*") if path.is_file())
    others = sum(path.relative_to(root).as_posix() not in known for path in paths)
    if others:
        remarks.append(f"Files that are no part of the dataset stay here: {others}.")
    return remarks


def local_files(dataset: DatasetFolder, card: str) -> tuple[LocalFile, ...]:
    """Return every file that a repository of `dataset` is to hold; shards are not read."""
    shards = [
        LocalFile(
            path=shard.path,
            content=dataset.root / shard.path,
            size=shard.num_bytes,
            sha256=shard.sha256,
        )
        for shard in dataset.info.shards
    ]
    small = {
        CARD_PATH: card.encode(),
        MANIFEST_PATH: dataset.manifest_bytes,
        INFO_PATH: dataset.info_bytes,
    }
    return (*shards, *(_in_memory(path, data) for path, data in small.items()))


def differences(
    files: Iterable[LocalFile], state: RemoteState | None
) -> tuple[tuple[LocalFile, ...], tuple[str, ...]]:
    """Return the files that `state` does not hold, and its shards that are not among `files`.

    Only shards are ever called stale: what else people keep in a repository stays.
    """
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
    stale = (path for path in state.files if path not in names and _is_shard(path))
    return missing, tuple(sorted(stale))


def _in_memory(path: str, data: bytes) -> LocalFile:
    digest = hashlib.sha256(data).hexdigest()
    return LocalFile(path=path, content=data, size=len(data), sha256=digest)


def _is_shard(path: str) -> bool:
    try:
        parse_shard_path(path)
    except FormatError:
        return False
    return True


def _count(files: Sequence[LocalFile]) -> str:
    shards = sum(_is_shard(file.path) for file in files)
    others = [file.path for file in files if not _is_shard(file.path)]
    return ", ".join([f"{shards} shards", *others] if shards else others) or "nothing"


def _few(names: Sequence[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest

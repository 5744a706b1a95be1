"""Repositories on disk: a `meta.json` with the refs, and one JSON file a commit with its tree."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, cast

from tests.hub_server.objects import ObjectStore, git_blob_oid

Kind = Literal["models", "datasets", "spaces"]
KINDS: tuple[Kind, ...] = ("models", "datasets", "spaces")

GIT_ATTRIBUTES = b"".join(
    b"%b filter=lfs diff=lfs merge=lfs -text\n" % glob for glob in (b"*.safetensors", b"*.tar")
)


class TreeEntry(TypedDict):
    """A file of a commit."""

    oid: str
    size: int
    lfs: NotRequired[str]


Tree = dict[str, TreeEntry]


class Commit(TypedDict):
    """A commit with its whole tree."""

    id: str
    parent: str | None
    title: str
    message: str
    date: str
    author: str
    tree: Tree


class Meta(TypedDict):
    """What a repository is, besides its commits."""

    id: str
    oid: str
    private: bool
    gated: str | bool
    granted: list[str]
    createdAt: str
    lastModified: str
    refs: dict[str, str]
    discussions: list[dict[str, Any]]


class UnknownRevisionError(LookupError):
    """No ref and no commit has this name."""


def now() -> str:
    """The present time as the Hub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Repo:
    """One repository. Reading needs no lock; every change goes through `edit`."""

    def __init__(self, store: Store, kind: Kind, repo_id: str) -> None:
        self.store, self.kind, self.id = store, kind, repo_id
        self.dir = store.root / kind / repo_id
        self._meta = self.dir / "meta.json"

    @property
    def namespace(self) -> str:
        """User or organisation that owns it."""
        return self.id.split("/")[0]

    @property
    def url_path(self) -> str:
        """Path of its page: models have no prefix."""
        return self.id if self.kind == "models" else f"{self.kind}/{self.id}"

    @property
    def exists(self) -> bool:
        """Whether it lies on disk."""
        return self._meta.exists()

    @property
    def meta(self) -> Meta:
        """Its present description; changes to the returned value are not kept."""
        return cast(Meta, json.loads(self._meta.read_text()))

    @contextlib.contextmanager
    def edit(self) -> Iterator[Meta]:
        """Hold the store's lock and save what is changed; nothing is saved on an exception."""
        with self.store.lock:
            meta = self.meta
            yield meta
            self.save(meta)

    def save(self, meta: Meta) -> None:
        """Replace the description in one step."""
        scratch = self.store.objects.scratch()
        scratch.write_text(json.dumps(meta))
        scratch.replace(self._meta)

    def commit(self, sha: str) -> Commit:
        """Read a commit by its full name."""
        return cast(Commit, json.loads((self.dir / "commits" / f"{sha}.json").read_text()))

    def resolve(self, revision: str) -> str:
        """Full commit name of a branch, tag, ref or abbreviated commit.

        Raises:
            UnknownRevisionError: If there is none.
        """
        refs = self.meta["refs"]
        for ref in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}"):
            if ref in refs:
                return refs[ref]
        if re.fullmatch(r"[0-9a-f]{5,40}", revision):
            hits = [path.stem for path in (self.dir / "commits").glob(f"{revision}*.json")]
            if len(hits) == 1:
                return hits[0]
        raise UnknownRevisionError(revision)

    def at(self, revision: str) -> Commit:
        """Read the commit that a revision names."""
        return self.commit(self.resolve(revision))

    def history(self, revision: str) -> Iterator[Commit]:
        """Commits from a revision back to the first."""
        sha: str | None = self.resolve(revision)
        while sha:
            commit = self.commit(sha)
            yield commit
            sha = commit["parent"]

    def write_commit(
        self,
        meta: Meta,
        ref: str,
        tree: Tree,
        *,
        parent: str | None,
        title: str,
        message: str,
        author: str,
    ) -> str:
        """Add a commit and point a ref of `meta` (under `edit`) at it; return its name."""
        commit = Commit(
            id="", parent=parent, title=title, message=message, date=now(), author=author, tree=tree
        )
        salted = json.dumps(commit, sort_keys=True) + uuid.uuid4().hex
        commit["id"] = sha = hashlib.sha1(salted.encode()).hexdigest()
        (self.dir / "commits").mkdir(exist_ok=True)
        (self.dir / "commits" / f"{sha}.json").write_text(json.dumps(commit))
        meta["refs"][ref] = sha
        meta["lastModified"] = commit["date"]
        return sha


class Store:
    """All repositories and objects under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = threading.RLock()
        self.objects = ObjectStore(root / "objects")
        self._moved = root / "moved.json"

    def find(self, kind: Kind, repo_id: str) -> Repo | None:
        """The repository of this name, or the one that moved away from it."""
        repo = Repo(self, kind, repo_id)
        if repo.exists:
            return repo
        target = self._moves().get(f"{kind}/{repo_id}")
        return self.find(kind, target) if target else None

    def create(self, kind: Kind, repo_id: str, *, private: bool, author: str) -> Repo:
        """Make a repository with its first commit. The name must be free."""
        repo = Repo(self, kind, repo_id)
        repo.dir.mkdir(parents=True)
        meta = Meta(
            id=repo_id,
            oid=uuid.uuid4().hex[:24],
            private=private,
            gated=False,
            granted=[],
            createdAt=now(),
            lastModified=now(),
            refs={},
            discussions=[],
        )
        oid = git_blob_oid(GIT_ATTRIBUTES)
        self.objects.put("git", oid, GIT_ATTRIBUTES)
        tree: Tree = {".gitattributes": {"oid": oid, "size": len(GIT_ATTRIBUTES)}}
        repo.write_commit(
            meta,
            "refs/heads/main",
            tree,
            parent=None,
            title="initial commit",
            message="",
            author=author,
        )
        repo.save(meta)
        return repo

    def move(self, repo: Repo, new_id: str) -> Repo:
        """Rename a repository; its old name keeps leading to it. The new name must be free."""
        target = Repo(self, repo.kind, new_id)
        with self.lock:
            target.dir.parent.mkdir(parents=True, exist_ok=True)
            repo.dir.rename(target.dir)
            with target.edit() as meta:
                meta["id"] = new_id
            self._moved.write_text(json.dumps(self._moves() | {f"{repo.kind}/{repo.id}": new_id}))
        return target

    def repos(self, kind: Kind) -> Iterator[Repo]:
        """All repositories of a kind, by name."""
        for meta in sorted((self.root / kind).glob("*/*/meta.json")):
            yield Repo(self, kind, f"{meta.parent.parent.name}/{meta.parent.name}")

    def wipe(self) -> None:
        """Remove all repositories and all objects but the xorbs.

        A Xet client remembers for as long as it lives which chunks it has uploaded, and does not
        send them again; so must the server.
        """
        with self.lock:
            for kind in KINDS:
                shutil.rmtree(self.root / kind, ignore_errors=True)
            self._moved.unlink(missing_ok=True)
            self.objects.wipe("git", "lfs", "xet")

    def _moves(self) -> dict[str, str]:
        return json.loads(self._moved.read_text()) if self._moved.exists() else {}

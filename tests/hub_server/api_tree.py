"""Tree routes: what lies in a folder, and what lies at given paths."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from tests.hub_server.access import readable_repo
from tests.hub_server.listings import reply_page
from tests.hub_server.objects import lfs_pointer
from tests.hub_server.refusals import RefusalError
from tests.hub_server.repos import Commit
from tests.hub_server.wire import Request, route
from tests.hub_server.xet.files import xet_hash_of

EXPANDED_PAGE = 50
"""Entries of a page when last commits are asked for."""


class Lister:
    """Describes paths of one commit as the tree API does."""

    def __init__(self, rq: Request, revision: str, *, expand: bool) -> None:
        repo = readable_repo(rq)
        self.commit: Commit = repo.at(revision)
        self.expand = expand
        self._objects = rq.state.store.objects
        self._xet = rq.state.settings.xet

    def file(self, path: str) -> dict[str, Any]:
        """Describe a file."""
        entry = self.commit["tree"][path]
        size = entry["size"]
        found: dict[str, Any] = {"type": "file", "oid": entry["oid"], "size": size, "path": path}
        if "lfs" in entry:
            pointer = lfs_pointer(entry["lfs"], size)
            found["lfs"] = {"oid": entry["lfs"], "size": size, "pointerSize": len(pointer)}
            xet_hash = xet_hash_of(self._objects, entry["lfs"]) if self._xet else None
            if xet_hash:
                found["xetHash"] = xet_hash
        return found | self._last_commit()

    def folder(self, path: str) -> dict[str, Any]:
        """Describe a folder."""
        oid = hashlib.sha1(f"{self.commit['id']}{path}".encode()).hexdigest()
        found = {"type": "directory", "oid": oid, "size": 0, "path": path}
        return found | self._last_commit()

    def at(self, path: str) -> Iterator[dict[str, Any]]:
        """Describe what lies at a path; nothing when nothing does."""
        if path in self.commit["tree"]:
            yield self.file(path)
        elif self.is_folder(path):
            yield self.folder(path)

    def is_folder(self, path: str) -> bool:
        """Whether files lie under a path."""
        return any(name.startswith(f"{path}/") for name in self.commit["tree"])

    def under(self, path: str, *, recursive: bool) -> Iterator[dict[str, Any]]:
        """Describe what lies in a folder ("" for the root), folders before their files."""
        prefix, seen = f"{path}/" if path else "", set()
        for name in sorted(self.commit["tree"]):
            if not name.startswith(prefix):
                continue
            parts = name.removeprefix(prefix).split("/")
            depth = len(parts) if recursive else min(2, len(parts))
            for i in range(1, depth):
                folder = prefix + "/".join(parts[:i])
                if folder not in seen:
                    seen.add(folder)
                    yield self.folder(folder)
            if recursive or len(parts) == 1:
                yield self.file(name)

    def _last_commit(self) -> dict[str, Any]:
        if not self.expand:
            return {}
        commit = self.commit
        last = {"id": commit["id"], "title": commit["title"], "date": commit["date"]}
        return {"lastCommit": last}


def tree(rq: Request) -> None:
    """GET /api/{kind}/{repo}/tree/{revision}[/{path}]."""
    expand = rq.flag("expand")
    lister = Lister(rq, rq.params["revision"], expand=expand)
    path = rq.params.get("path", "").strip("/")
    if path and not lister.is_folder(path):
        found = list(lister.at(path))
        if not found:
            revision = rq.params["revision"]
            raise RefusalError(404, f'{path} does not exist on "{revision}"', code="EntryNotFound")
    else:
        found = list(lister.under(path, recursive=rq.flag("recursive")))
    page = rq.state.settings.page_size
    reply_page(rq, found, min(page, EXPANDED_PAGE) if expand else page)


def paths_info(rq: Request) -> None:
    """POST /api/{kind}/{repo}/paths-info/{revision}."""
    form = parse_qs(rq.body().decode(), keep_blank_values=True)
    expand = form.get("expand", [""])[0].lower() in ("1", "true")
    lister = Lister(rq, rq.params["revision"], expand=expand)
    rq.reply([found for path in form.get("paths", []) for found in lister.at(path.strip("/"))])


ROUTES = (
    route("GET", "/api/{kind}/{repo}/tree/{revision}", tree),
    route("GET", "/api/{kind}/{repo}/tree/{revision}/{path*}", tree),
    route("POST", "/api/{kind}/{repo}/paths-info/{revision}", paths_info),
)

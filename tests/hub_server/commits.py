"""Writing: the preupload question, and the commit itself."""

from __future__ import annotations

import base64
import fnmatch
import json
from typing import Any

from tests.hub_server.access import committable_repo, required_caller
from tests.hub_server.discussions import open_discussion
from tests.hub_server.objects import ObjectStore, git_blob_oid, lfs_pointer
from tests.hub_server.refusals import RefusalError, revision_not_found
from tests.hub_server.repos import Repo, Tree
from tests.hub_server.state import Settings
from tests.hub_server.wire import Request, route


def is_lfs(settings: Settings, path: str, size: int, sample: bytes) -> bool:
    """Whether a file belongs in LFS: it is large, its name says so, or it is not text."""
    name = path.split("/")[-1]
    if size >= settings.lfs_threshold or any(fnmatch.fnmatch(name, g) for g in settings.lfs_globs):
        return True
    try:
        return "\0" in sample.decode()
    except UnicodeDecodeError as error:
        # A character that the end of the sample cuts in two is still text.
        return error.start < len(sample) - 4


def preupload(rq: Request) -> None:
    """POST /api/{kind}/{repo}/preupload/{revision}: how to send each file, and what is there.

    The oid of a file that is there already lets the client leave unchanged files out.
    """
    repo, wanted = committable_repo(rq), rq.json()
    commit = repo.at(rq.params["revision"])
    lines = (wanted.get("gitIgnore") or "").splitlines()
    ignored = [line for line in lines if line and not line.startswith("#")]

    def answer(file: dict[str, Any]) -> dict[str, Any]:
        path, sample = file["path"], base64.b64decode(file.get("sample", ""))
        lfs = is_lfs(rq.state.settings, path, file["size"], sample)
        names = (path, path.split("/")[-1])
        value = {
            "path": path,
            "uploadMode": "lfs" if lfs else "regular",
            "shouldIgnore": any(fnmatch.fnmatch(n, glob) for n in names for glob in ignored),
        }
        entry = commit["tree"].get(path)
        return value | ({"oid": entry.get("lfs", entry["oid"])} if entry else {})

    rq.reply({"files": [answer(file) for file in wanted["files"]], "commitOid": commit["id"]})


def _missing(kind: str, path: str) -> RefusalError:
    return RefusalError(404, f"A {kind} with this name doesn't exist: {path}", code="EntryNotFound")


def _add_file(objects: ObjectStore, tree: Tree, value: dict[str, Any]) -> None:
    encoded = value.get("encoding") == "base64"
    data = base64.b64decode(value["content"]) if encoded else value["content"].encode()
    oid = git_blob_oid(data)
    objects.put("git", oid, data)
    tree[value["path"]] = {"oid": oid, "size": len(data)}


def _add_lfs_file(objects: ObjectStore, tree: Tree, value: dict[str, Any]) -> None:
    oid, path = value["oid"], value["path"]
    stored = objects.path("lfs", oid)
    if not stored.exists():
        raise RefusalError(
            400, f"LFS pointer pointed to a file that does not exist: {path} ({oid})"
        )
    size = stored.stat().st_size
    if value.get("size") not in (None, size):
        raise RefusalError(400, f"LFS size mismatch for {path}")
    tree[path] = {"oid": git_blob_oid(lfs_pointer(oid, size)), "size": size, "lfs": oid}


def _delete_file(objects: ObjectStore, tree: Tree, value: dict[str, Any]) -> None:
    if tree.pop(value["path"], None) is None:
        raise _missing("file", value["path"])


def _delete_folder(objects: ObjectStore, tree: Tree, value: dict[str, Any]) -> None:
    prefix = value["path"].rstrip("/") + "/"
    gone = [path for path in tree if path.startswith(prefix)]
    if not gone:
        raise _missing("folder", value["path"])
    for path in gone:
        del tree[path]


_OPERATIONS = {
    "file": _add_file,
    "lfsFile": _add_lfs_file,
    "deletedFile": _delete_file,
    "deletedFolder": _delete_folder,
}


def commit(rq: Request) -> None:
    """POST /api/{kind}/{repo}/commit/{revision}: ndjson, a header line and one an operation."""
    repo, author = committable_repo(rq), required_caller(rq).name
    lines = [json.loads(line) for line in rq.body().splitlines() if line.strip()]
    header = next(line["value"] for line in lines if line["key"] == "header")
    title, text = header["summary"], header.get("description") or ""
    number = None
    with repo.edit() as meta:
        parent = _checked_parent(repo, rq.params["revision"], header.get("parentCommit"))
        tree = dict(repo.commit(parent)["tree"])
        for line in lines:
            if line["key"] in _OPERATIONS:
                _OPERATIONS[line["key"]](repo.store.objects, tree, line["value"])
        if rq.flag("create_pr"):
            opened = open_discussion(meta, author=author, title=title, text=text, pull_request=True)
            number = opened["num"]
            ref = f"refs/pr/{number}"
        else:
            revision = rq.params["revision"]
            ref = revision if revision.startswith("refs/") else f"refs/heads/{revision}"
        if ref not in meta["refs"]:
            raise revision_not_found(ref)
        sha = repo.write_commit(
            meta, ref, tree, parent=parent, title=title, message=text, author=author
        )
    page = f"{rq.state.hub_url}/{repo.url_path}"
    value = {
        "success": True,
        "commitUrl": f"{page}/commit/{sha}",
        "commitOid": sha,
        "hookOutput": "",
    }
    rq.reply(value | ({"pullRequestUrl": f"{page}/discussions/{number}"} if number else {}))


def _checked_parent(repo: Repo, revision: str, expected: str | None) -> str:
    parent = repo.resolve(revision)
    if expected and not parent.startswith(expected):
        raise RefusalError(412, "A commit has happened since. Please refresh and try again.")
    return parent


def squash(rq: Request) -> None:
    """POST /api/{kind}/{repo}/super-squash/{revision}: forget the history of a branch."""
    repo, author = committable_repo(rq), required_caller(rq).name
    title, branch = rq.json().get("message") or "Super-squash", rq.params["revision"]
    with repo.edit() as meta:
        tree = repo.at(branch)["tree"]
        repo.write_commit(
            meta, f"refs/heads/{branch}", tree, parent=None, title=title, message="", author=author
        )
    rq.reply({})


ROUTES = (
    route("POST", "/api/{kind}/{repo}/preupload/{revision}", preupload),
    route("POST", "/api/{kind}/{repo}/commit/{revision}", commit),
    route("POST", "/api/{kind}/{repo}/super-squash/{revision}", squash),
)

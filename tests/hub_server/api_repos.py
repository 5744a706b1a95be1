"""Repository routes: infos, listings, refs, history, settings."""

from __future__ import annotations

import json
from typing import Any, cast

import yaml

from tests.hub_server.access import caller, readable_repo, visible_repo, writable_repo
from tests.hub_server.api_account import front_matter
from tests.hub_server.listings import reply_page
from tests.hub_server.objects import lfs_pointer
from tests.hub_server.refusals import RefusalError, revision_not_found
from tests.hub_server.repos import Commit, Kind, Repo, TreeEntry
from tests.hub_server.wire import Request, route


def _sibling(path: str, entry: TreeEntry, *, blobs: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"rfilename": path}
    if blobs:
        found |= {"size": entry["size"], "blobId": entry["oid"]}
    if blobs and "lfs" in entry:
        pointer = lfs_pointer(entry["lfs"], entry["size"])
        found["lfs"] = {"sha256": entry["lfs"], "size": entry["size"], "pointerSize": len(pointer)}
    return found


def _text(repo: Repo, commit: Commit, path: str) -> str | None:
    """A regular file of a commit as text; None when there is none."""
    entry = commit["tree"].get(path)
    if entry is None or "lfs" in entry:
        return None
    return repo.store.objects.path("git", entry["oid"]).read_text(errors="replace")


def _card(repo: Repo, commit: Commit) -> dict[str, Any]:
    """The card's metadata; {} when there is none or it is damaged."""
    try:
        card = front_matter(_text(repo, commit, "README.md") or "")
    except yaml.YAMLError:
        return {}
    return card if isinstance(card, dict) else {}


def _info(rq: Request, repo: Repo, revision: str) -> dict[str, Any]:
    commit, meta = repo.at(revision), repo.meta
    card, blobs = _card(repo, commit), rq.flag("blobs")
    info: dict[str, Any] = {
        "_id": meta["oid"],
        "id": meta["id"],
        "author": repo.namespace,
        "sha": commit["id"],
        "private": meta["private"],
        "gated": meta["gated"],
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": card.get("tags", []),
        "createdAt": meta["createdAt"],
        "lastModified": commit["date"],
        "siblings": [_sibling(p, e, blobs=blobs) for p, e in sorted(commit["tree"].items())],
        "usedStorage": sum(entry["size"] for entry in commit["tree"].values()),
    }
    if card:
        info["cardData"] = card
    if repo.kind == "models":
        info |= {
            "modelId": meta["id"],
            "library_name": card.get("library_name"),
            "pipeline_tag": card.get("pipeline_tag"),
        }
        if index := _text(repo, commit, "model_index.json"):
            info["config"] = {"diffusers": {"_class_name": json.loads(index).get("_class_name")}}
    return info


def repo_info(rq: Request) -> None:
    """GET /api/{kind}/{repo}[/revision/{revision}]."""
    repo = visible_repo(rq)
    rq.reply(_info(rq, repo, rq.params.get("revision", "main")))


def list_repos(rq: Request) -> None:
    """GET /api/{kind}."""
    account, query = caller(rq), rq.query
    found = []
    for repo in rq.state.store.repos(cast(Kind, rq.params["kind"])):
        hidden = repo.meta["private"] and not (account and account.member_of(repo.namespace))
        if hidden or query.get("author") not in (None, repo.namespace):
            continue
        if query.get("search", "") in repo.id:
            found.append(_info(rq, repo, "main"))
    reply_page(rq, found, int(query.get("limit", rq.state.settings.page_size)))


def list_refs(rq: Request) -> None:
    """GET /api/{kind}/{repo}/refs."""
    refs = visible_repo(rq).meta["refs"]

    def under(prefix: str) -> list[dict[str, str]]:
        return [
            {"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": sha}
            for ref, sha in refs.items()
            if ref.startswith(prefix)
        ]

    value = {
        "branches": under("refs/heads/"),
        "tags": under("refs/tags/"),
        "converts": under("refs/convert/"),
    }
    if rq.flag("include_prs"):
        value["pullRequests"] = under("refs/pr/")
    rq.reply(value)


def list_commits(rq: Request) -> None:
    """GET /api/{kind}/{repo}/commits/{revision}."""
    commits = [
        {name: commit[name] for name in ("id", "title", "message", "date")}
        | {"authors": [{"user": commit["author"], "avatar": ""}]}
        for commit in visible_repo(rq).history(rq.params["revision"])
    ]
    reply_page(rq, commits, int(rq.query.get("limit", "50")))


def create_branch(rq: Request) -> None:
    """POST /api/{kind}/{repo}/branch/{branch}."""
    start = rq.json().get("startingPoint") or "main"
    _add_ref(rq, "refs/heads/", rq.params["branch"], start)


def create_tag(rq: Request) -> None:
    """POST /api/{kind}/{repo}/tag/{revision}."""
    _add_ref(rq, "refs/tags/", rq.json()["tag"], rq.params["revision"])


def _add_ref(rq: Request, prefix: str, name: str, start: str) -> None:
    repo = writable_repo(rq)
    if name.startswith("refs/"):
        raise RefusalError(400, f"Invalid reference name: {name}")
    with repo.edit() as meta:
        if prefix + name in meta["refs"]:
            raise RefusalError(409, f"Reference already exists: {prefix}{name}")
        meta["refs"][prefix + name] = repo.resolve(start)
    rq.reply({})


def delete_branch(rq: Request) -> None:
    """DELETE /api/{kind}/{repo}/branch/{branch}."""
    if rq.params["branch"] == "main":
        raise RefusalError(403, "Cannot delete the default branch")
    _delete_ref(rq, f"refs/heads/{rq.params['branch']}")


def delete_tag(rq: Request) -> None:
    """DELETE /api/{kind}/{repo}/tag/{tag}."""
    _delete_ref(rq, f"refs/tags/{rq.params['tag']}")


def _delete_ref(rq: Request, ref: str) -> None:
    with writable_repo(rq).edit() as meta:
        if ref not in meta["refs"]:
            raise revision_not_found(ref)
        del meta["refs"][ref]
    rq.reply({})


def change_settings(rq: Request) -> None:
    """PUT /api/{kind}/{repo}/settings."""
    wanted = rq.json()
    with writable_repo(rq).edit() as meta:
        if "visibility" in wanted:
            meta["private"] = wanted["visibility"] == "private"
        meta["gated"] = wanted.get("gated", meta["gated"])
    rq.reply({"private": meta["private"], "gated": meta["gated"]})


def grant_access(rq: Request) -> None:
    """POST /api/{kind}/{repo}/user-access-request/grant: let a user into a gated repository."""
    with writable_repo(rq).edit() as meta:
        meta["granted"].append(rq.json()["user"])
    rq.reply({})


def check_read(rq: Request) -> None:
    """GET /api/{kind}/{repo}/auth-check."""
    readable_repo(rq)
    rq.reply({})


def check_write(rq: Request) -> None:
    """GET /api/{kind}/{repo}/auth-check/write."""
    writable_repo(rq)
    rq.reply({})


_REPO = "/api/{kind}/{repo}"

ROUTES = (
    route("GET", "/api/{kind}", list_repos),
    route("GET", _REPO, repo_info),
    route("GET", _REPO + "/revision/{revision}", repo_info),
    route("GET", _REPO + "/refs", list_refs),
    route("GET", _REPO + "/commits/{revision}", list_commits),
    route("POST", _REPO + "/branch/{branch}", create_branch),
    route("DELETE", _REPO + "/branch/{branch}", delete_branch),
    route("POST", _REPO + "/tag/{revision}", create_tag),
    route("DELETE", _REPO + "/tag/{tag}", delete_tag),
    route("PUT", _REPO + "/settings", change_settings),
    route("POST", _REPO + "/user-access-request/grant", grant_access),
    route("GET", _REPO + "/auth-check", check_read),
    route("GET", _REPO + "/auth-check/write", check_write),
)

"""Discussions and pull requests: open, list, comment, rename, change status, merge."""

from __future__ import annotations

import uuid
from typing import Any

from tests.hub_server.access import required_caller, visible_repo, writable_repo
from tests.hub_server.refusals import RefusalError
from tests.hub_server.repos import Meta, Repo, now
from tests.hub_server.wire import Request, route

PAGE = 10


def open_discussion(
    meta: Meta, *, author: str, title: str, text: str, pull_request: bool, draft: bool = False
) -> dict[str, Any]:
    """Add a discussion to a repository's description; a pull request starts at `main`."""
    discussion: dict[str, Any] = {
        "num": len(meta["discussions"]) + 1,
        "title": title,
        "isPullRequest": pull_request,
        "status": "draft" if draft else "open",
        "createdAt": now(),
        "author": author,
        "events": [_comment(author, text)],
    }
    meta["discussions"].append(discussion)
    if pull_request:
        meta["refs"][f"refs/pr/{discussion['num']}"] = meta["refs"]["refs/heads/main"]
    return discussion


def _event(author: str, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": uuid.uuid4().hex[:12],
        "type": kind,
        "createdAt": now(),
        "author": {"name": author},
        "data": data,
    }


def _comment(author: str, text: str) -> dict[str, Any]:
    latest = {"raw": text, "html": text, "updatedAt": now(), "author": {"name": author}}
    return _event(author, "comment", {"edited": False, "hidden": False, "latest": latest})


def _described(repo: Repo, discussion: dict[str, Any]) -> dict[str, Any]:
    value = discussion | {
        "author": {"name": discussion["author"]},
        "repo": {"name": repo.id, "type": repo.kind[:-1]},
    }
    if discussion["isPullRequest"]:
        changes = {"base": "refs/heads/main", "mergeCommitId": discussion.get("merge")}
        value |= {"changes": changes, "filesWithConflicts": [], "diff": ""}
    return value


def _find(rq: Request, meta: Meta) -> dict[str, Any]:
    for discussion in meta["discussions"]:
        if str(discussion["num"]) == rq.params["number"]:
            return discussion
    raise RefusalError(404, f"Discussion {rq.params['number']} not found")


def list_discussions(rq: Request) -> None:
    """GET /api/{kind}/{repo}/discussions."""
    repo, kind, status = visible_repo(rq), rq.query.get("type"), rq.query.get("status")
    found = repo.meta["discussions"]
    if kind not in (None, "all"):
        found = [d for d in found if d["isPullRequest"] == (kind == "pull_request")]
    if status not in (None, "all"):
        found = [d for d in found if (d["status"] in ("open", "draft")) == (status == "open")]
    start = int(rq.query.get("p", "0")) * PAGE
    page = [_described(repo, d) for d in found[start : start + PAGE]]
    rq.reply({"discussions": page, "count": len(found), "start": start})


def create_discussion(rq: Request) -> None:
    """POST /api/{kind}/{repo}/discussions: a pull request made this way is a draft."""
    repo, author, wanted = visible_repo(rq), required_caller(rq).name, rq.json()
    pull_request = bool(wanted.get("pullRequest"))
    with repo.edit() as meta:
        discussion = open_discussion(
            meta,
            author=author,
            title=wanted["title"],
            text=wanted.get("description") or "",
            pull_request=pull_request,
            draft=pull_request,
        )
    url = f"{rq.state.hub_url}/{repo.url_path}/discussions/{discussion['num']}"
    rq.reply({"num": discussion["num"], "url": url})


def get_discussion(rq: Request) -> None:
    """GET /api/{kind}/{repo}/discussions/{number}."""
    repo = visible_repo(rq)
    rq.reply(_described(repo, _find(rq, repo.meta)))


def comment(rq: Request) -> None:
    """POST .../discussions/{number}/comment."""
    event = _comment(required_caller(rq).name, rq.json()["comment"])
    with visible_repo(rq).edit() as meta:
        _find(rq, meta)["events"].append(event)
    rq.reply({"newMessage": event})


def change_status(rq: Request) -> None:
    """POST .../discussions/{number}/status."""
    status = rq.json()["status"]
    event = _event(required_caller(rq).name, "status-change", {"status": status})
    with visible_repo(rq).edit() as meta:
        discussion = _find(rq, meta)
        discussion["status"] = status
        discussion["events"].append(event)
    rq.reply({"newStatus": event})


def change_title(rq: Request) -> None:
    """POST .../discussions/{number}/title."""
    author, title = required_caller(rq).name, rq.json()["title"]
    with visible_repo(rq).edit() as meta:
        discussion = _find(rq, meta)
        event = _event(author, "title-change", {"from": discussion["title"], "to": title})
        discussion["title"] = title
        discussion["events"].append(event)
    rq.reply({"newTitle": event})


def merge(rq: Request) -> None:
    """POST .../discussions/{number}/merge: `main` takes the tree of the pull request."""
    repo, author = writable_repo(rq), required_caller(rq).name
    with repo.edit() as meta:
        discussion = _find(rq, meta)
        refs = meta["refs"]
        discussion["merge"] = repo.write_commit(
            meta,
            "refs/heads/main",
            repo.commit(refs[f"refs/pr/{discussion['num']}"])["tree"],
            parent=refs["refs/heads/main"],
            title=discussion["title"],
            message="",
            author=author,
        )
        discussion["status"] = "merged"
        discussion["events"].append(_event(author, "status-change", {"status": "merged"}))
    rq.reply({})


_ONE = "/api/{kind}/{repo}/discussions/{number}"

ROUTES = (
    route("GET", "/api/{kind}/{repo}/discussions", list_discussions),
    route("POST", "/api/{kind}/{repo}/discussions", create_discussion),
    route("GET", _ONE, get_discussion),
    route("POST", _ONE + "/comment", comment),
    route("POST", _ONE + "/status", change_status),
    route("POST", _ONE + "/title", change_title),
    route("POST", _ONE + "/merge", merge),
)

"""Reading files: `/resolve` on the hub, signed urls on the cdn."""

from __future__ import annotations

from urllib.parse import quote

from tests.hub_server.access import readable_repo
from tests.hub_server.bodies import send_file
from tests.hub_server.refusals import RefusalError
from tests.hub_server.repos import Repo, TreeEntry
from tests.hub_server.wire import Request, route
from tests.hub_server.xet.files import xet_hash_of


def resolve(rq: Request) -> None:
    """GET /{repo}/resolve/{revision}/{path}: a regular file itself, or where an LFS file lies."""
    repo, sha, entry = _entry(rq)
    path = rq.params["path"]
    headers: dict[str, object] = {
        "X-Repo-Commit": sha,
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(path.split('/')[-1])}",
        "ETag": f'"{entry.get("lfs", entry["oid"])}"',
    }
    if "lfs" in entry:
        headers |= _lfs_headers(rq, repo, sha, entry)
        rq.reply("Found", status=302, headers=headers)
    elif rq.state.settings.resolve_cache:
        location = f"/api/resolve-cache/{repo.kind}/{repo.id}/{sha}/{quote(path)}"
        rq.reply("Temporary Redirect", status=307, headers=headers | {"Location": location})
    else:
        send_file(rq, repo.store.objects.path("git", entry["oid"]), headers)


def resolve_cache(rq: Request) -> None:
    """GET /api/resolve-cache/{kind}/{repo}/{revision}/{path}: a regular file."""
    repo, sha, entry = _entry(rq)
    headers = {"X-Repo-Commit": sha, "ETag": f'"{entry["oid"]}"'}
    send_file(rq, repo.store.objects.path("git", entry["oid"]), headers)


def _entry(rq: Request) -> tuple[Repo, str, TreeEntry]:
    repo = readable_repo(rq)
    sha = repo.resolve(rq.params["revision"])
    entry = repo.commit(sha)["tree"].get(rq.params["path"])
    if entry is None:
        known = {"X-Repo-Commit": sha}
        raise RefusalError(404, "Entry not found", code="EntryNotFound", headers=known)
    return repo, sha, entry


def _lfs_headers(rq: Request, repo: Repo, sha: str, entry: TreeEntry) -> dict[str, object]:
    state, oid = rq.state, entry["lfs"]
    headers: dict[str, object] = {
        "Location": state.signed_url(f"/lfs/{oid}"),
        "X-Linked-Etag": f'"{oid}"',
        "X-Linked-Size": entry["size"],
    }
    xet_hash = xet_hash_of(repo.store.objects, oid) if state.settings.xet else None
    if xet_hash:
        token = f"{state.hub_url}/api/{repo.kind}/{repo.id}/xet-read-token/{sha}"
        terms = f"{state.cdn_url}/v1/reconstructions/{xet_hash}"
        headers["X-Xet-Hash"] = xet_hash
        headers["Link"] = f'<{token}>; rel="xet-auth", <{terms}>; rel="xet-reconstruction-info"'
    return headers


def require_signature(rq: Request) -> None:
    """Refuse, with 403, a url of the cdn that is not signed or has expired."""
    expires, signature = rq.query.get("exp", "0"), rq.query.get("sig", "")
    if not rq.state.is_signed(rq.path_only, expires, signature):
        raise RefusalError(403, "AccessDenied")


def lfs_object(rq: Request) -> None:
    """GET cdn /lfs/{oid}."""
    require_signature(rq)
    path = rq.state.store.objects.path("lfs", rq.params["oid"])
    if not path.exists():
        raise RefusalError(404, "NoSuchKey")
    send_file(rq, path, {"ETag": f'"{rq.params["oid"]}"'})


ROUTES = (
    route("GET", "/api/resolve-cache/{kind}/{repo}/{revision}/{path*}", resolve_cache),
    route("GET", "/{kind/}{repo}/resolve/{revision}/{path*}", resolve),
)
CDN_ROUTES = (route("GET", "/lfs/{oid}", lfs_object),)

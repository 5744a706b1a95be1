"""Git LFS: the batch question on the hub, the parts on the cdn, then complete and verify."""

from __future__ import annotations

import contextlib
from typing import Any

from tests.hub_server.access import required_caller, visible_repo
from tests.hub_server.bodies import receive_file
from tests.hub_server.refusals import RefusalError
from tests.hub_server.wire import Request, route

GIT_LFS_JSON = "application/vnd.git-lfs+json"


def batch(rq: Request) -> None:
    """POST /{repo}.git/info/lfs/objects/batch: where to send which object.

    An object without actions is there already. Whoever may open a pull request may send objects;
    the right to point at them is the commit's affair.
    """
    repo, wanted = visible_repo(rq), rq.json()
    if required_caller(rq).role != "write":
        raise RefusalError(403, "This token has no write right")
    multipart = "multipart" in wanted.get("transfers", [])
    base = f"{rq.state.hub_url}/{repo.url_path}.git/info/lfs/objects"

    def answer(item: dict[str, Any]) -> dict[str, Any]:
        value = {"oid": item["oid"], "size": item["size"]}
        if rq.state.store.objects.path("lfs", item["oid"]).exists():
            return value
        upload = _upload_action(rq, base, item["oid"], item["size"], multipart=multipart)
        actions = {"upload": upload, "verify": {"href": f"{base}/verify"}}
        return value | {"authenticated": True, "actions": actions}

    objects = [answer(item) for item in wanted["objects"]]
    transfer = "multipart" if multipart else "basic"
    rq.reply({"transfer": transfer, "objects": objects}, content_type=GIT_LFS_JSON)


def _upload_action(
    rq: Request, base: str, oid: str, size: int, *, multipart: bool
) -> dict[str, Any]:
    upload_id, part_size = rq.state.open_upload(oid, size), rq.state.settings.part_size
    target = f"{rq.state.cdn_url}/upload/{upload_id}"
    if not multipart or size <= part_size:
        return {"href": f"{target}/0"}
    parts = {str(i + 1): f"{target}/{i + 1}" for i in range(-(-size // part_size))}
    header = {"chunk_size": str(part_size)} | parts
    return {"href": f"{base}/complete?uploadId={upload_id}", "header": header}


def receive_part(rq: Request) -> None:
    """PUT cdn /upload/{upload}/{part}: raw bytes without a token; part 0 is a whole object."""
    upload_id, part = rq.params["upload"], rq.params["part"]
    upload = rq.state.uploads.get(upload_id)
    if upload is None:
        raise RefusalError(403, "AccessDenied: unknown upload")
    objects = rq.state.store.objects
    scratch = objects.scratch()
    try:
        md5 = receive_file(rq, scratch)
        scratch.replace(objects.temporary / f"{upload_id}.{part}")
    finally:
        scratch.unlink(missing_ok=True)
    if part == "0":
        objects.join_lfs([objects.temporary / f"{upload_id}.0"], upload.oid, upload.size)
    rq.reply(headers={"ETag": f'"{md5}"'})


def complete(rq: Request) -> None:
    """POST .../objects/complete: join the parts. No token: the upload's id is the capability."""
    upload_id = rq.query.get("uploadId", "")
    upload = rq.state.uploads.get(upload_id)
    if upload is None:
        raise RefusalError(403, "unknown upload")
    objects = rq.state.store.objects
    numbers = [part["partNumber"] for part in rq.json()["parts"]]
    parts = [objects.temporary / f"{upload_id}.{number}" for number in numbers]
    if not all(part.exists() for part in parts):
        raise RefusalError(400, "a part is missing")
    if not objects.join_lfs(parts, upload.oid, upload.size):
        raise RefusalError(422, f"the parts do not make up object {upload.oid}")
    rq.reply({"success": True})


def verify(rq: Request) -> None:
    """POST .../objects/verify: is the object there, and whole."""
    visible_repo(rq)
    wanted, size = rq.json(), None
    with contextlib.suppress(FileNotFoundError):
        size = rq.state.store.objects.path("lfs", wanted["oid"]).stat().st_size
    if size != wanted["size"]:
        raise RefusalError(
            404 if size is None else 422, f"object {wanted['oid']} is not in storage"
        )
    rq.reply({})


_OBJECTS = "/{kind/}{repo}.git/info/lfs/objects/"

ROUTES = (
    route("POST", _OBJECTS + "batch", batch),
    route("POST", _OBJECTS + "complete", complete),
    route("POST", _OBJECTS + "verify", verify),
)
CDN_ROUTES = (route("PUT", "/upload/{upload}/{part}", receive_part),)

"""Xet routes: tokens from the hub; xorbs, shards and reconstructions on the cdn.

Newer routes (`/v2/..`, `/v1/xorb-grants`, `/v1/chunks`) answer 404, and the client falls back.
"""

from __future__ import annotations

import re
import time

from tests.hub_server.access import committable_repo, readable_repo
from tests.hub_server.bodies import receive_file, send_file
from tests.hub_server.refusals import RefusalError
from tests.hub_server.resolve import require_signature
from tests.hub_server.wire import Request, route
from tests.hub_server.xet.files import BadShardError, reconstruction, register, terms_of
from tests.hub_server.xet.shards import files

TOKEN_TTL = 3600
"""Seconds a storage token lives."""


def _reply_token(rq: Request, right: str) -> None:
    if not rq.state.settings.xet:
        raise RefusalError(404, "Not Found")
    url, expires = rq.state.cdn_url, int(time.time()) + TOKEN_TTL
    token = f"xet-{right}-{expires}"
    headers = {
        "X-Xet-Cas-Url": url,
        "X-Xet-Access-Token": token,
        "X-Xet-Token-Expiration": expires,
    }
    rq.reply({"casUrl": url, "accessToken": token, "exp": expires}, headers=headers)


def read_token(rq: Request) -> None:
    """GET /api/{kind}/{repo}/xet-read-token/{revision}."""
    readable_repo(rq)
    _reply_token(rq, "read")


def write_token(rq: Request) -> None:
    """GET /api/{kind}/{repo}/xet-write-token/{revision}."""
    committable_repo(rq)
    _reply_token(rq, "write")


def _require_token(rq: Request, rights: str) -> None:
    token = (rq.headers.get("Authorization") or "").removeprefix("Bearer ")
    if not re.fullmatch(rf"xet-({rights})-\d+", token):
        raise RefusalError(401, "unauthorized")


def receive_xorb(rq: Request) -> None:
    """POST cdn /v1/xorbs/default/{hash}."""
    _require_token(rq, "write")
    objects = rq.state.store.objects
    known, scratch = objects.path("xorbs", rq.params["hash"]).exists(), objects.scratch()
    try:
        receive_file(rq, scratch)
        objects.adopt("xorbs", rq.params["hash"], scratch)
    finally:
        scratch.unlink(missing_ok=True)
    rq.reply({"was_inserted": not known})


def receive_shard(rq: Request) -> None:
    """POST cdn /v1/shards."""
    _require_token(rq, "write")
    try:
        for file in files(rq.body()):
            register(rq.state.store.objects, file)
    except BadShardError as error:
        raise RefusalError(400, str(error)) from error
    rq.reply({"result": 1})


def reconstruct(rq: Request) -> None:
    """GET cdn /v1/reconstructions/{hash}: of which byte ranges of which xorbs a file is made."""
    _require_token(rq, "read|write")
    state, objects = rq.state, rq.state.store.objects
    terms = terms_of(objects, rq.params["hash"])
    if terms is None:
        raise RefusalError(404, "file not found")
    total = sum(term.length for term in terms)
    start, stop = 0, total
    if match := re.fullmatch(r"bytes=(\d+)-(\d*)", rq.headers.get("Range") or ""):
        start, stop = int(match[1]), min(total, int(match[2]) + 1) if match[2] else total
        if start >= total:
            raise RefusalError(416, "Range Not Satisfiable")
    skip, needed, fetch = reconstruction(objects, terms, start, stop)
    for xorb, ranges in fetch.items():
        for item in ranges:
            item["url"] = state.signed_url(f"/v1/get_xorb/{xorb}")
    described = [
        {
            "hash": term.xorb,
            "unpacked_length": term.length,
            "range": {"start": term.first, "end": term.stop},
        }
        for term in needed
    ]
    rq.reply({"offset_into_first_range": skip, "terms": described, "fetch_info": fetch})


def send_xorb(rq: Request) -> None:
    """GET cdn /v1/get_xorb/{hash}: signed, without a token."""
    require_signature(rq)
    path = rq.state.store.objects.path("xorbs", rq.params["hash"])
    send_file(rq, path, {"ETag": f'"{rq.params["hash"]}"'})


def telemetry(rq: Request) -> None:
    """POST cdn /v1/telemetry: taken and forgotten."""
    rq.reply({})


ROUTES = (
    route("GET", "/api/{kind}/{repo}/xet-read-token/{revision}", read_token),
    route("GET", "/api/{kind}/{repo}/xet-write-token/{revision}", write_token),
)
CDN_ROUTES = (
    route("POST", "/v1/xorbs/default/{hash}", receive_xorb),
    route("POST", "/v1/shards", receive_shard),
    route("GET", "/v1/reconstructions/{hash}", reconstruct),
    route("GET", "/v1/get_xorb/{hash}", send_xorb),
    route("POST", "/v1/telemetry", telemetry),
)

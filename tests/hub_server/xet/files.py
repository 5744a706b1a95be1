"""Files in Xet storage: rebuilt once when registered, so that plain HTTP serves them too.

Chunks are not hashed again, which is the client's affair; the rebuilt file's sha256 is compared
with the shard's, so a damaged xorb or a wrong term is refused when its shard is registered.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.hub_server.objects import ObjectStore
from tests.hub_server.xet.shards import ShardFile, Term
from tests.hub_server.xet.xorbs import DamagedXorbError, chunks, unpacked


class BadShardError(ValueError):
    """A shard does not describe what is stored."""


def xet_hash_of(objects: ObjectStore, sha256: str) -> str | None:
    """The Xet hash of an LFS object that came in through Xet; None for others."""
    path = objects.path("xet", f"{sha256}.hash")
    return path.read_text() if path.exists() else None


def terms_of(objects: ObjectStore, xet_hash: str) -> list[Term] | None:
    """The terms of a file; None when it is unknown."""
    path = objects.path("xet", f"{xet_hash}.terms")
    if not path.exists():
        return None
    return [Term(*term) for term in json.loads(path.read_text())]


def register(objects: ObjectStore, file: ShardFile) -> None:
    """Rebuild a file, check it, and keep it as an LFS object.

    Raises:
        BadShardError: If its terms do not yield what the shard says.
    """
    digest, scratch = hashlib.sha256(), objects.scratch()
    try:
        with scratch.open("wb") as out:
            for term in file.terms:
                before = out.tell()
                path = objects.path("xorbs", term.xorb)
                for data in unpacked(path, chunks(path)[term.first : term.stop]):
                    digest.update(data)
                    out.write(data)
                if out.tell() - before != term.length:
                    raise BadShardError(f"term of xorb {term.xorb} is not {term.length} bytes long")
        sha256 = digest.hexdigest()
        if file.sha256 not in (None, sha256):
            raise BadShardError(f"sha256 is {sha256}, the shard says {file.sha256}")
        objects.adopt("lfs", sha256, scratch)
    except (OSError, DamagedXorbError) as error:
        raise BadShardError(f"xorb unreadable: {error}") from error
    finally:
        scratch.unlink(missing_ok=True)
    objects.put("xet", f"{file.xet_hash}.terms", json.dumps(file.terms).encode())
    objects.put("xet", f"{sha256}.hash", file.xet_hash.encode())


def reconstruction(
    objects: ObjectStore, terms: list[Term], start: int, stop: int
) -> tuple[int, list[Term], dict[str, list[dict[str, Any]]]]:
    """How to fetch bytes `start` to `stop` of a file.

    Returns the offset of `start` within the first term, the terms that hold the bytes, and for
    each xorb the chunk ranges with the byte ranges (inclusive, as `Range` counts) they lie in.
    """
    offset, skip, needed = 0, None, []
    fetch: dict[str, list[dict[str, Any]]] = {}
    for term in terms:
        if offset + term.length > start and offset < stop:
            skip = start - offset if skip is None else skip
            needed.append(term)
            run = chunks(objects.path("xorbs", term.xorb))[term.first : term.stop]
            fetch.setdefault(term.xorb, []).append(
                {
                    "range": {"start": term.first, "end": term.stop},
                    "url_range": {"start": run[0].offset, "end": run[-1].end - 1},
                }
            )
        offset += term.length
    return skip or 0, needed, fetch

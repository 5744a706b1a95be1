"""Exact byte ranges of the files of one Hub dataset at one commit, over plain HTTP."""

from __future__ import annotations

import calendar
import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urljoin, urlsplit

from ggt_hf.data.reading.cache import DiskCache, cached_name
from ggt_hf.data.reading.forksafe import LockStripes
from ggt_hf.data.reading.remote.client import HubClient, insist_on_service, unreachable
from ggt_hf.data.reading.remote.locations import Location, SharedLocations
from ggt_hf.data.reading.remote.retrying import SetbackError
from ggt_hf.errors import HubError

if TYPE_CHECKING:
    import httpx2

PROGRESS = 1 << 16
"""Bytes that one connection must bring for the count of failures to start anew."""

_STALE = (400, 401, 403, 404, 410)
"""How object stores refuse a signed URL that has expired."""
_MARGIN = 30.0
"""Seconds before its expiry at which a signed URL is no longer used, or a tenth of its life."""
_MAX_REDIRECTS = 5


class HubFiles:
    """Reads files of a dataset repository at a commit: the exact bytes, or an error.

    Thread-safe, and safe to use after a fork. A file is resolved once; its signed URL is kept
    until it expires or is refused, for the other processes that use `cache` as well.
    """

    def __init__(
        self, hub: HubClient, repo: str, commit: str, cache: DiskCache | None = None
    ) -> None:
        self.repo = repo
        self.commit = commit
        self._hub = hub
        self._locations: dict[str, Location] = {}
        self._shared = SharedLocations(cache, f"{cached_name(repo)}/{commit}")
        self._locks = LockStripes()

    def read_file(self, path: str) -> bytes:
        """Return the whole file `path`.

        Raises:
            HubError: the Hub has no such file for this token.
            ReadError: it could not be fetched.
        """
        size = self._locate(path, 0).size
        if size is None:
            raise unreachable(self._name(path, 0), "the Hub does not say how long it is")
        return self.read(path, 0, size, size=size)

    def read(self, path: str, offset: int, num_bytes: int, *, size: int) -> bytes:
        """Return exactly `num_bytes` bytes of `path` from `offset`.

        After a drop, a short body or any other setback, what is missing is asked for again, from
        the first missing byte on.

        Args:
            path: the file inside the repository.
            offset: first byte.
            num_bytes: how many.
            size: the length that the file must have.

        Raises:
            HubError: the Hub has no such file for this token.
            ReadError: the bytes could not be fetched; names the file, the byte and the cause.
        """
        chunks: list[bytes] = []
        done = 0

        def step() -> None:
            nonlocal done
            before = done
            try:
                for chunk in self._body(path, offset + done, offset + num_bytes, size):
                    chunks.append(chunk[: num_bytes - done])
                    done += len(chunks[-1])
                if done < num_bytes:
                    raise SetbackError(f"the body ended {num_bytes - done:,} bytes early")
            except SetbackError as setback:
                setback.progress = done - before >= PROGRESS
                raise

        if num_bytes:
            self._hub.patience.until_done(
                step, lambda cause: unreachable(self._name(path, offset + done), cause)
            )
        return b"".join(chunks)

    def _body(self, path: str, start: int, stop: int, size: int) -> Iterator[bytes]:
        location = self._locate(path, start)
        if location.size not in (None, size):
            self._forget(path, location)
            raise SetbackError(f"the Hub has {location.size:,} bytes of it instead of {size:,}")
        wanted = {"Range": f"bytes={start}-{stop - 1}"}
        with self._hub.stream("GET", location.url, headers=wanted) as response:
            insist_on_service(response)
            if response.status_code in _STALE:
                self._forget(path, location)
                raise SetbackError(
                    f"its URL is refused with status {response.status_code}", at_once=True
                )
            _insist_on_range(response, start, stop, size)
            yield from response.iter_raw()

    def _locate(self, path: str, offset: int) -> Location:
        with self._locks.of(path):
            known = self._locations.get(path)
            if known is None or not known.is_good:
                known = self._shared.get(path, lambda: self._resolve(path, offset))
                self._locations[path] = known
            return known

    def _forget(self, path: str, location: Location) -> None:
        # Sixteen threads that meet one expired URL drop it once.
        with self._locks.of(path):
            if self._locations.get(path) is location:
                del self._locations[path]
                self._shared.drop(path, location)

    def _resolve(self, path: str, offset: int) -> Location:
        name = self._name(path, offset)
        base = f"{self._hub.endpoint}/datasets/{self.repo}/resolve/{self.commit}/"
        url = base + quote(path)
        for _ in range(_MAX_REDIRECTS):
            headers, redirected = self._hub.ask("HEAD", url, read=_answer, name=name)
            served_at = headers.get("x-repo-commit", self.commit)
            if served_at != self.commit:
                raise unreachable(name, f"the Hub answered from commit {served_at}")
            if not redirected:
                return _location(url, headers.get("content-length"))
            url = urljoin(url, headers["location"])
            if not self._hub.serves(url):
                return _location(url, headers.get("x-linked-size"))
        raise HubError(f"{name}: the Hub redirects in a circle.", hint="Check HF_ENDPOINT.")

    def _name(self, path: str, offset: int) -> str:
        return f"{self.repo}@{self.commit[:8]}, {path} at byte {offset:,}"


def _answer(response: httpx2.Response) -> tuple[httpx2.Headers, bool]:
    return response.headers, response.has_redirect_location


def _location(url: str, size: str | None) -> Location:
    known = int(size) if size and size.isdigit() else None
    ends, now = expiry(url), time.time()
    return Location(url=url, size=known, good_until=ends - min(_MARGIN, (ends - now) / 10))


def _insist_on_range(response: httpx2.Response, start: int, stop: int, size: int) -> None:
    """Raise a `SetbackError` unless the body is to be the bytes that were asked for.

    A reader that takes what it gets after a reconnect joins the wrong bytes without noticing.
    """
    headers = response.headers
    if headers.get("content-encoding", "identity") != "identity":
        raise SetbackError(f"the body is encoded as {headers['content-encoding']}")
    if response.status_code == 206:
        wanted = f"bytes {start}-{stop - 1}/{size}"
        found = headers.get("content-range", "no range")
        if found != wanted:
            raise SetbackError(f"it was answered with {found!r} instead of {wanted!r}")
    elif response.status_code == 200 and (start, stop) == (0, size):
        found = headers.get("content-length", str(size))
        if found != str(size):
            raise SetbackError(f"it was answered with {found} bytes instead of {size}")
    elif response.status_code == 200:
        raise SetbackError("the range was ignored (status 200 instead of 206)")
    else:
        raise SetbackError(f"status {response.status_code} instead of 206")


def expiry(url: str) -> float:
    """Return the Unix time at which a signed URL ends, as CloudFront or S3 write it into it."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    try:
        ends = query.get("Expires", query.get("exp"))
        if ends is not None:
            return float(ends)
        signed = time.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
        return calendar.timegm(signed) + float(query["X-Amz-Expires"])
    except (KeyError, ValueError):
        return math.inf

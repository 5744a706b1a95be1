"""A dataset on the Hub: pinned to a commit, read by byte range, kept in a cache."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ggt_hf.data.format.manifest import DatasetInfo, Manifest, PairRow, ShardInfo
from ggt_hf.data.format.schema import INFO_PATH
from ggt_hf.data.reading.cache import DiskCache, cached_name
from ggt_hf.data.reading.descriptors import Descriptors
from ggt_hf.data.reading.extents import Extent, ExtentIndex, extent, mismatch
from ggt_hf.data.reading.forksafe import LockStripes
from ggt_hf.data.reading.remote.client import HubClient
from ggt_hf.data.reading.remote.files import HubFiles
from ggt_hf.data.reading.remote.retrying import SetbackError
from ggt_hf.errors import HubError, IncompleteError, IntegrityError, ReadError, UsageError

if TYPE_CHECKING:
    import httpx2

    from ggt_hf.data.regions import Read

PIECE = 16 << 20
"""Bytes of one request when a whole shard is downloaded."""
CONNECTIONS = 4
"""Requests at a time when a whole shard is downloaded."""


def pin(hub: HubClient, repo: str, revision: str | None, cache: DiskCache | None) -> str:
    """Return the commit that `revision` (default: ``main``) of `repo` points at now.

    Where HF_HUB_OFFLINE is set, it is the commit that it pointed at when it was last asked.

    Raises:
        HubError: no such dataset or revision for this token, or never asked before going offline.
        ReadError: the Hub gave no answer.
    """
    from huggingface_hub import is_offline_mode

    name = revision or "main"
    if len(name) == 40 and set(name) <= set("0123456789abcdef"):
        return name
    ref = f"{cached_name(repo)}/refs/{quote(name, safe='')}"
    if is_offline_mode():
        known = cache.get(ref) if cache else None
        if known is None:
            raise HubError(
                f"{repo}@{name} is not in the cache, and HF_HUB_OFFLINE is set.",
                hint="Read it once online, or unset HF_HUB_OFFLINE.",
            )
        return known.decode()
    url = f"{hub.endpoint}/api/datasets/{repo}/revision/{quote(name, safe='')}"
    commit = hub.ask("GET", url, read=_commit, name=f"{repo}@{name}", follow=True)
    if cache:
        cache.put(ref, commit.encode())
    return commit


class RemoteFiles:
    """The small files of a repository at a commit, cached."""

    def __init__(self, source: HubFiles, cache: DiskCache | None) -> None:
        self.name = source.repo
        self._source = source
        self._cache = cache

    def read_file(self, path: str) -> bytes:
        """Return the bytes of the file `path`.

        Raises:
            IncompleteError: ``meta/info.json`` is absent.
            HubError: any other file is absent, or the Hub refuses.
            ReadError: it could not be fetched.
        """
        known = self._cache.get(self._cached(path)) if self._cache else None
        if known is not None:
            return known
        try:
            content = self._source.read_file(path)
        except HubError as error:
            if path == INFO_PATH and "no such file" in error.message:
                raise IncompleteError(
                    f"{self.name}@{self._source.commit[:8]} is no finished dataset: "
                    f"it has no {INFO_PATH}.",
                    hint="Finish its upload with ggt push, or choose another revision.",
                ) from error
            raise
        if self._cache:
            self._cache.put(self._cached(path), content)
        return content

    def forget(self, path: str) -> bool:
        """Drop what is cached of `path`; another read may give other bytes."""
        if self._cache:
            self._cache.drop(self._cached(path))
        return True

    def _cached(self, path: str) -> str:
        return f"{cached_name(self._source.repo)}/{self._source.commit}/{path}"


class RemoteShards:
    """Byte ranges of a repository's shards, whole pairs at a time, proven and cached."""

    def __init__(
        self, source: HubFiles, info: DatasetInfo, manifest: Manifest, cache: DiskCache | None
    ) -> None:
        self._source = source
        self._shards = {shard.path: shard for shard in info.shards}
        self._manifest = manifest
        self._index: ExtentIndex | None = None
        self._cache = cache
        self._whole: dict[str, Path] = {}
        self._descriptors = Descriptors()
        self._locks = LockStripes()

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        """Return `num_bytes` bytes of the shard `path` from `offset`."""
        whole = self._from_whole(path, offset, num_bytes)
        if whole is not None:
            return whole
        if self._index is None:
            self._index = ExtentIndex(self._manifest)
        found = self._index.pair_at(path, offset, num_bytes)
        if found is None:  # tar headers, or more than one pair
            size = self._shards[path].num_bytes
            return self._source.read(path, offset, num_bytes, size=size)
        span, position = found
        start = offset - span.offset
        known = self._known(span, start, start + num_bytes)
        if known is not None:
            return known
        pair = self._fetch_once(self._manifest.row(position), span)
        return pair[start : start + num_bytes]

    def reader_for_now(self, path: str) -> Read:
        """Return what reads bytes of the shard `path`."""
        return lambda start, stop: self.read(path, start, stop - start)

    def read_pair(self, row: PairRow) -> bytes:
        """Return the bytes of `extent(row)`."""
        span = extent(row)
        known = self._from_whole(span.shard, span.offset, span.num_bytes)
        if known is None:
            known = self._known(span, 0, span.num_bytes)
        return self._fetch_once(row, span) if known is None else known

    def prefetch(self, path: str) -> None:
        """Download the whole shard `path`; once, whichever processes ask for it."""
        from filelock import FileLock

        shard = self._shards[path]
        if self._cache is None or not self._cache.has_room_for(shard.num_bytes):
            raise UsageError(
                f"{path} has {shard.num_bytes:,} bytes; the cache may not grow so far.",
                hint="Give open_dataset a DiskCache with larger max_bytes.",
            )
        if self._is_whole(path):
            return
        file = self._cache.folder / self._cached(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_name(file.name + ".lock")):
            if not self._is_whole(path):
                self._download(shard)
        self._is_whole(path)

    def forget(self, row: PairRow) -> bool:
        """Drop what is cached of `row`, the whole shard included; another read asks the Hub."""
        if self._cache:
            self._drop_whole(row.shard)
            self._cache.drop(self._part(extent(row)))
        return True

    def close(self) -> None:
        """Close the cached shards."""
        self._descriptors.close()

    def _fetch_once(self, row: PairRow, span: Extent) -> bytes:
        """Fetch a pair; threads that want the same one wait for the first."""
        with self._locks.of(span):
            known = self._known(span, 0, span.num_bytes)
            if known is not None:
                return known
            data = self._fetch(row, span)
            if self._cache:
                self._cache.put(self._part(span), data)
            return data

    def _fetch(self, row: PairRow, span: Extent) -> bytes:
        size = self._shards[span.shard].num_bytes
        cause: str | None = None
        for _ in range(2):  # a byte flipped on the way is cured by asking once more
            data = self._source.read(span.shard, span.offset, span.num_bytes, size=size)
            cause = mismatch(row, data)
            if cause is None:
                return data
        where = f"{self._source.repo}@{self._source.commit[:8]}, {span.shard}"
        raise IntegrityError(
            f"{where} at byte {span.offset:,}: {cause}, fetched twice.",
            hint="The shard on the Hub is damaged; its owner can repair it with ggt push.",
        )

    def _known(self, span: Extent, start: int, stop: int) -> bytes | None:
        return self._cache.get(self._part(span), start, stop) if self._cache else None

    def _is_whole(self, path: str) -> bool:
        if path in self._whole:
            return True
        file = self._cache.sealed(self._cached(path)) if self._cache else None
        if file is None:
            return False
        self._whole[path] = file
        return True

    def _from_whole(self, path: str, offset: int, num_bytes: int) -> bytes | None:
        if not self._is_whole(path):
            return None
        size = self._shards[path].num_bytes
        try:
            return self._descriptors.read(self._whole[path], offset, num_bytes, size=size)
        except (KeyError, ReadError, IntegrityError):  # evicted or cut since
            self._drop_whole(path)
            return None

    def _drop_whole(self, path: str) -> None:
        if self._cache:
            self._whole.pop(path, None)
            self._descriptors.forget(self._cache.folder / self._cached(path))
            self._cache.drop(self._cached(path))

    def _download(self, shard: ShardInfo) -> None:
        if self._cache is None:
            return
        found = ""
        for _ in range(2):
            with self._cache.partial(self._cached(shard.path)) as partial:
                found = self._download_to(partial, shard)
                if found == shard.sha256:
                    self._cache.seal(self._cached(shard.path), partial)
                    return
        raise IntegrityError(
            f"{self._source.repo}@{self._source.commit[:8]}, {shard.path}: fetched twice, its "
            f"sha256 is {found[:12]}… instead of {shard.sha256[:12]}….",
            hint="The shard on the Hub is damaged; its owner can repair it with ggt push.",
        )

    def _download_to(self, partial: Path, shard: ShardInfo) -> str:
        """Write the shard to `partial`, several pieces at a time; return its SHA-256."""
        with partial.open("wb+", buffering=0) as file:

            def bring(offset: int) -> None:
                num_bytes = min(PIECE, shard.num_bytes - offset)
                piece = self._source.read(shard.path, offset, num_bytes, size=shard.num_bytes)
                os.pwrite(file.fileno(), piece, offset)

            with ThreadPoolExecutor(CONNECTIONS) as pool:
                for _ in pool.map(bring, range(0, shard.num_bytes, PIECE)):
                    pass
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _cached(self, path: str) -> str:
        return f"{cached_name(self._source.repo)}/{self._source.commit}/{path}"

    def _part(self, span: Extent) -> str:
        return f"{self._cached(span.shard)}.parts/{span.offset}-{span.num_bytes}"


def _commit(response: httpx2.Response) -> str:
    try:
        return str(response.json()["sha"])
    except (ValueError, KeyError, TypeError) as error:
        raise SetbackError("the answer names no commit") from error

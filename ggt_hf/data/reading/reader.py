"""Open a dataset, in a folder or on the Hub, and prove that it is whole."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from ggt_hf.data.format.manifest import DatasetInfo, Manifest
from ggt_hf.data.format.schema import INFO_PATH, MANIFEST_PATH, parse_shard_path
from ggt_hf.data.reading.cache import DiskCache
from ggt_hf.data.reading.local import LocalFiles, LocalShards
from ggt_hf.data.reading.remote.client import HubClient
from ggt_hf.data.reading.remote.files import HubFiles
from ggt_hf.data.reading.remote.retrying import RetryPolicy
from ggt_hf.data.reading.remote.shards import RemoteFiles, RemoteShards, pin
from ggt_hf.data.reading.store import Files, PairStore
from ggt_hf.errors import FormatError, IntegrityError, UsageError

__all__ = ["DiskCache", "PairStore", "RetryPolicy", "open_dataset"]

T = TypeVar("T")

_ON_HUB = re.compile(
    r"(?:hf://datasets/)?(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@(?P<revision>.+))?"
)


def open_dataset(
    where: str | Path,
    *,
    revision: str | None = None,
    token: str | None = None,
    cache: DiskCache | bool = True,
    retry: RetryPolicy | None = None,
    endpoint: str | None = None,
) -> PairStore:
    """Open a dataset for reading.

    Args:
        where: a folder, or ``namespace/name`` or ``namespace/name@revision`` on the Hub, with or
            without ``hf://datasets/`` before it. A folder of that name wins over the Hub.
        revision: commit, tag or branch on the Hub; resolved to a commit once, now.
        token: of the Hub; ``None`` = HF_TOKEN or the stored one.
        cache: where bytes from the Hub are kept; ``True`` = a `DiskCache` with its defaults,
            ``False`` = nowhere.
        retry: how patient to be with the network; ``None`` = a `RetryPolicy` with its defaults.
        endpoint: the Hub's URL; ``None`` = HF_ENDPOINT.

    Raises:
        UsageError: `where` is no folder and no name on the Hub.
        IncompleteError: the dataset was never finished.
        IntegrityError: its manifest is not the one that its record names.
        FormatError: its record or manifest is of no format this package reads.
        HubError: no such dataset or revision for this token.
        ReadError: it could not be fetched.
    """
    repo, named = parse_where(where, revision)
    if repo is None:
        return _open_folder(Path(where).expanduser())
    store = cache if isinstance(cache, DiskCache) else DiskCache() if cache else None
    hub = HubClient(endpoint, token, retry or RetryPolicy())
    source = HubFiles(hub, repo, pin(hub, repo, named, store), store)
    files = RemoteFiles(source, store)
    info, manifest = open_meta(files)
    return PairStore(
        name=repo,
        revision=source.commit,
        info=info,
        manifest=manifest,
        files=files,
        shards=RemoteShards(source, info, manifest, store),
        reopen=partial(
            open_dataset,
            f"hf://datasets/{repo}",
            revision=source.commit,
            token=token,
            cache=store or False,
            retry=retry,
            endpoint=endpoint,
        ),
    )


def _open_folder(root: Path) -> PairStore:
    files = LocalFiles(root)
    info, manifest = open_meta(files)
    return PairStore(
        name=str(root),
        revision=None,
        info=info,
        manifest=manifest,
        files=files,
        shards=LocalShards(root, info),
        reopen=partial(open_dataset, root),
    )


def parse_where(where: str | Path, revision: str | None) -> tuple[str | None, str | None]:
    """Return (repository, revision) of what `where` names; no repository for a folder."""
    text = str(where)
    if text and Path(where).expanduser().is_dir():
        if revision:
            raise UsageError(
                f"{text} is a folder, which has no revision {revision}.",
                hint=f"For the Hub write hf://datasets/{text}.",
            )
        return None, None
    named = _ON_HUB.fullmatch(text) if isinstance(where, str) else None
    if named is None:
        raise UsageError(
            f"{text!r} is no folder here, and no dataset's name on the Hub.",
            hint="Give a folder, namespace/name, or hf://datasets/namespace/name@revision.",
        )
    if revision and named["revision"]:
        raise UsageError(
            f"Two revisions: {named['revision']} in {text}, and {revision}.", hint="Give one."
        )
    return named["repo"], revision or named["revision"]


def open_meta(files: Files) -> tuple[DatasetInfo, Manifest]:
    """Read the two files of ``meta/``, proven to belong together; no shard is touched.

    Raises:
        IncompleteError: ``meta/info.json`` is absent.
        FormatError: one of them cannot be read, or they contradict each other.
        ReadError: they could not be fetched.
    """
    name = _at(files, INFO_PATH)
    info = _parsed(files, INFO_PATH, lambda data: DatasetInfo.from_json(data, name))
    if not info.shards:
        raise FormatError(f"{name} lists no shard.", hint="Rebuild the dataset with ggt build.")
    for shard in info.shards:
        parse_shard_path(shard.path)  # no path of a stranger's leads out of the dataset
    return info, _parsed(files, MANIFEST_PATH, lambda data: _manifest(files, data, info))


def _manifest(files: Files, data: bytes, info: DatasetInfo) -> Manifest:
    name = _at(files, MANIFEST_PATH)
    found = hashlib.sha256(data).hexdigest()
    if found != info.manifest_sha256:
        raise IntegrityError(
            f"{name} has the sha256 {found[:12]}… instead of {info.manifest_sha256[:12]}….",
            hint="Fetch the dataset again, or rebuild it with ggt build.",
        )
    manifest = Manifest.from_parquet(data, name)
    counts = {
        row["values"]: row["counts"] for row in manifest.table["shard"].value_counts().to_pylist()
    }
    recorded = {shard.path: shard.num_pairs for shard in info.shards}
    if counts != recorded:
        path = next(p for p in {**recorded, **counts} if counts.get(p) != recorded.get(p))
        raise FormatError(
            f"{name} has {counts.get(path, 0)} pairs in {path}, "
            f"{INFO_PATH} says {recorded.get(path, 0)}.",
            hint="Rebuild the dataset with ggt build.",
        )
    return manifest


def _parsed(files: Files, path: str, parse: Callable[[bytes], T]) -> T:
    """Parse a file; once more from its source, where the cache or the way may have damaged it."""
    try:
        return parse(files.read_file(path))
    except FormatError:
        if not files.forget(path):
            raise
        return parse(files.read_file(path))


def _at(files: Files, path: str) -> str:
    return f"{files.name}/{path}"

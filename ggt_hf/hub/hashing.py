"""SHA-256 of shards on disk, remembered while size and time of the file stay the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from ggt_hf.data.format.manifest import DatasetInfo, ShardInfo
from ggt_hf.data.reading.cache import default_folder
from ggt_hf.errors import IntegrityError
from ggt_hf.progress import bar

_THREADS = min(4, os.cpu_count() or 1)


def check_shards(root: Path, info: DatasetInfo, *, quiet: bool = False) -> None:
    """Insist that every shard on disk has the size and SHA-256 that ``meta/info.json`` lists.

    Raises:
        IntegrityError: naming the first shard that differs or is missing.
    """
    memory = _Memory(root)
    with (
        bar("Checking shards", info.num_bytes, quiet=quiet) as advance,
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        for shard in pool.map(lambda shard: _check(root, shard, memory), info.shards):
            advance(shard.num_bytes)


def _check(root: Path, shard: ShardInfo, memory: _Memory) -> ShardInfo:
    path = root / shard.path
    try:
        size = path.stat().st_size
        # A file of the wrong size need not be read.
        found = memory.sha256(shard.path) if size == shard.num_bytes else None
    except FileNotFoundError as error:
        raise _differs(path, "is missing") from error
    if found is None:
        raise _differs(path, f"has {size:,} bytes, not {shard.num_bytes:,}")
    if found != shard.sha256:
        raise _differs(path, f"has the SHA-256 {found}, not {shard.sha256}")
    return shard


def _differs(path: Path, how: str) -> IntegrityError:
    return IntegrityError(
        f"{path} {how}, though meta/info.json lists it.",
        hint="Run ggt build again, with the same arguments.",
    )


class _Memory:
    """SHA-256 by (path, size, time), in one small file a dataset, outside of the dataset."""

    def __init__(self, root: Path) -> None:
        self._root = root
        name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:32]
        self._file = default_folder() / "sha256" / f"{name}.json"
        self._known = _load(self._file)
        self._lock = Lock()

    def sha256(self, path: str) -> str:
        """Return the SHA-256 of the file `path`, read only if it changed since."""
        status = (self._root / path).stat()
        stamp = f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        with (self._root / path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with self._lock:
            self._known[path] = (stamp, digest)
            _save(self._file, self._known)
        return digest


def _load(file: Path) -> dict[str, tuple[str, str]]:
    try:
        stored = json.loads(file.read_bytes())
        return {path: (stamp, digest) for path, (stamp, digest) in stored.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        # A cache that cannot be read is an empty cache.
        return {}


def _save(file: Path, known: Mapping[str, tuple[str, str]]) -> None:
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(known))
        partial.replace(file)
    except OSError:
        # Without a cache everything is hashed again, no more.
        partial.unlink(missing_ok=True)

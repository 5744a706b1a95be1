"""What stock readers give: the very code that users without this package run.

A reader that loses samples says nothing, so what matters here is what arrives, counted and hashed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ggt_hf.data.format.manifest import Manifest
from ggt_hf.data.format.schema import GT, JSON, LQ
from ggt_hf.data.validation.holding import Holding
from ggt_hf.data.validation.tarwalk import ShardStream


@dataclass(frozen=True, slots=True)
class Digest:
    """One pair as a reader gave it, hashed; ``None`` = the reader cannot tell, or gave nothing."""

    lq: str | None
    """SHA-256 of the encoded low-quality picture."""
    gt: str | None
    """SHA-256 of the encoded ground truth."""
    json: str | None = None
    """SHA-256 of the JSON member as stored."""
    record: str | None = None
    """SHA-256 of the parsed record: fields sorted, numbers as floats, labels as words."""


@dataclass(slots=True)
class Tally:
    """Everything that one reader gave of a set of shards."""

    reader: str
    """How to call it."""
    pairs: dict[str, Digest] = field(default_factory=dict)
    """Key -> what was given for it."""
    num_rows: int = 0
    """Rows given, also those without a key and those of a key already seen."""
    stopped: str | None = None
    """The error that ended the reading; ``None`` where it went to its end."""

    def add(self, key: str | None, digest: Digest) -> None:
        """Take a row."""
        self.num_rows += 1
        if key is not None:
            self.pairs.setdefault(key, digest)


def by_manifest(manifest: Manifest, shards: Iterable[str]) -> Tally:
    """Tally the rows of the manifest, whose spans and hashes other checks proved."""
    import pyarrow as pa
    import pyarrow.compute as pc

    tally = Tally("the manifest")
    chosen = pc.is_in(manifest.table["shard"], pa.array(sorted(shards), pa.string()))
    for row in Manifest(manifest.table.filter(chosen)):
        tally.add(row.key, Digest(row.lq.sha256, row.gt.sha256, json=row.json.sha256))
    return tally


def by_webdataset(holding: Holding, shards: Mapping[str, int]) -> Tally:
    """Tally what `webdataset` reads and groups.

    Args:
        holding: where the shards lie.
        shards: path -> true size.
    """
    from webdataset.tariterators import group_by_keys, tar_file_expander

    tally = Tally("webdataset")
    sources = (
        {"url": path, "stream": _Readable(ShardStream(holding, path, size))}
        for path, size in shards.items()
    )
    with _counted(tally):
        for sample in group_by_keys(tar_file_expander(sources)):
            tally.add(
                sample["__key__"],
                Digest(
                    _sha256(sample.get(LQ)),
                    _sha256(sample.get(GT)),
                    json=_sha256(sample.get(JSON)),
                    record=_record(_parsed(sample.get(JSON))),
                ),
            )
    return tally


def by_streaming(
    holding: Holding, config: str | None, split: str, positions: Sequence[int], count: int
) -> Tally:
    """Tally what ``datasets.load_dataset(..., streaming=True)`` gives of chosen shards.

    Args:
        holding: where the dataset lies.
        config: the configuration.
        split: the split.
        positions: which of the split's shards, sorted by path, to read.
        count: how many shards the split has.
    """
    tally = Tally("datasets, streaming")
    with _counted(tally), _scratch() as cache:
        rows = _load(holding, config, cache, split=split, streaming=True)
        if rows.num_shards != count:
            raise ValueError(f"it sees {rows.num_shards} shards instead of {count}")
        for position in positions:
            _tally_rows(tally, rows.shard(num_shards=count, index=position), rows.features)
    return tally


def by_copying(holding: Holding, config: str | None, split: str) -> Tally:
    """Tally what ``datasets.load_dataset(...)`` gives when it copies the whole configuration.

    The copy lies in a temporary folder while this runs.
    """
    tally = Tally("datasets, copied")
    with _counted(tally), _scratch() as cache:
        rows = _load(holding, config, cache, split=split)
        _tally_rows(tally, rows, rows.features)
    return tally


class _Readable:
    """A shard as the binary file that tarfile reads."""

    def __init__(self, stream: ShardStream) -> None:
        self._stream = stream

    def read(self, num_bytes: int = -1) -> bytes:
        """Return the next bytes; fewer only at the end."""
        left = self._stream.remaining
        return self._stream.take(left if num_bytes < 0 else min(num_bytes, left))

    def __repr__(self) -> str:
        return self._stream.path


def _load(holding: Holding, config: str | None, cache: str, **options: Any) -> Any:
    from datasets import Image, load_dataset

    rows = load_dataset(name=config, cache_dir=cache, **holding.load_arguments(), **options)
    for side in (LQ, GT):
        if rows.features is not None and isinstance(rows.features.get(side), Image):
            rows = rows.cast_column(side, Image(decode=False))
    return rows


def _tally_rows(tally: Tally, rows: Iterable[dict[str, Any]], features: Any) -> None:
    from datasets import ClassLabel

    declared = features.get(JSON) if features is not None else None
    label = declared.get("category") if isinstance(declared, Mapping) else None
    for row in rows:
        record = row.get(JSON)
        if isinstance(record, dict) and isinstance(label, ClassLabel):
            number = record.get("category")
            record = record | {"category": None if number is None else label.int2str(number)}
        digest = Digest(_sha256(row.get(LQ)), _sha256(row.get(GT)), record=_record(record))
        tally.add(_key(row), digest)


def _key(row: Mapping[str, Any]) -> str | None:
    """Return a row's key: stock `datasets` keeps it only in the names of the pictures."""
    if isinstance(row.get("__key__"), str):
        return str(row["__key__"])
    for side in (LQ, GT):
        picture = row.get(side)
        if isinstance(picture, dict) and isinstance(picture.get("path"), str):
            return str(picture["path"]).removesuffix(f".{side}")
    return None


def _sha256(content: Any) -> str | None:
    data = content.get("bytes") if isinstance(content, dict) else content
    return hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else None


def _parsed(data: bytes | None) -> Any:
    try:
        return None if data is None else json.loads(data)
    except (ValueError, RecursionError):
        return None


def _record(value: Any) -> str | None:
    if value is None:
        return None
    text = json.dumps(_plain(value), sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    """Return `value` with all numbers as floats: JSON has one kind, columns have two."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


@contextmanager
def _counted(tally: Tally) -> Iterator[None]:
    # Whatever a stock reader raises is its answer, and is told as such.
    try:
        yield
    except Exception as error:
        cause = error.__cause__ or error
        # webdataset adds its stream and URL as further arguments; the words come first.
        tally.stopped = f"{type(cause).__name__}: {cause.args[0] if cause.args else cause}"


@contextmanager
def _scratch() -> Iterator[str]:
    """Yield a folder for the caches of `datasets`, whose own progress bars rest meanwhile."""
    from tempfile import TemporaryDirectory

    import datasets

    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        with TemporaryDirectory(prefix="ggt-validate-", ignore_cleanup_errors=True) as folder:
            yield folder
    finally:
        if shown:
            datasets.enable_progress_bars()

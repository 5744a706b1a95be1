"""``meta/``: a row for every pair, a record for every shard, and the hash over all of it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ggt_hf.data.format.schema import FORMAT_VERSION, INFO_PATH, MANIFEST_PATH
from ggt_hf.errors import FormatError

if TYPE_CHECKING:
    import pyarrow as pa

_NULLABLE = frozenset({"source", "lq_index", "gt_index"})
"""Columns of the manifest whose cells may be empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberSpan:
    """Where one member's content lies inside its shard."""

    offset: int
    """Byte of the shard at which the content (not the header) starts."""
    num_bytes: int
    """Length of the content."""
    sha256: str
    """Of the content, in hexadecimal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairRow:
    """One pair as the manifest knows it."""

    key: str
    """Unique in the dataset."""
    split: str
    """The split it belongs to."""
    category: str
    """Its `Degradation`."""
    shard: str
    """Path of its shard inside the dataset."""
    lq: MemberSpan
    """The low-quality picture."""
    gt: MemberSpan
    """The ground truth."""
    json: MemberSpan
    """The record."""
    lq_format: str
    """`ImageFormat` of the low-quality picture."""
    gt_format: str
    """`ImageFormat` of the ground truth."""
    width: int
    """Pixels across, of both pictures."""
    height: int
    """Pixels down, of both pictures."""
    scores: dict[str, float]
    """Metric name -> value; empty where nothing was measured."""
    license: str
    """As in `PairInfo`."""
    origin: str
    """As in `PairInfo`."""
    source: str | None
    """As in `PairInfo`."""
    lq_index: bytes | None = None
    """Where parts of the LQ begin, for decoding a region of it; ``None`` where it has no index."""
    gt_index: bytes | None = None
    """As `lq_index`, of the GT."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardInfo:
    """One shard as ``meta/info.json`` lists it."""

    path: str
    """Path inside the dataset."""
    split: str
    """The one split whose pairs it holds."""
    category: str
    """The one category whose pairs it holds."""
    num_pairs: int
    """Pairs in it; at least 1."""
    num_bytes: int
    """Size of the tar."""
    sha256: str
    """Of the whole tar, in hexadecimal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetInfo:
    """``meta/info.json``: what is in the dataset, and the hash that names exactly this content."""

    shards: tuple[ShardInfo, ...]
    """Every shard, sorted by path."""
    manifest_sha256: str
    """Of ``meta/manifest.parquet``."""
    format_version: int = FORMAT_VERSION
    """The shard format it was written in."""

    @property
    def num_pairs(self) -> int:
        """Pairs in all splits and categories together."""
        return sum(shard.num_pairs for shard in self.shards)

    @property
    def num_bytes(self) -> int:
        """Bytes of all shards together."""
        return sum(shard.num_bytes for shard in self.shards)

    @property
    def root_hash(self) -> str:
        """SHA-256 over ``"<sha256>  <path>\\n"`` of the manifest and each shard, sorted by path."""
        entries = {shard.path: shard.sha256 for shard in self.shards}
        entries[MANIFEST_PATH] = self.manifest_sha256
        lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(entries.items()))
        return hashlib.sha256(lines.encode()).hexdigest()

    def counts(self) -> dict[str, dict[str, int]]:
        """Return split -> category -> number of pairs."""
        table: dict[str, dict[str, int]] = {}
        for shard in self.shards:
            row = table.setdefault(shard.split, {})
            row[shard.category] = row.get(shard.category, 0) + shard.num_pairs
        return table

    def to_json(self) -> bytes:
        """Return the bytes of ``meta/info.json``."""
        fields = {
            "format_version": self.format_version,
            "num_pairs": self.num_pairs,
            "num_bytes": self.num_bytes,
            "counts": self.counts(),
            "manifest_sha256": self.manifest_sha256,
            "root_hash": self.root_hash,
            "shards": [asdict(shard) for shard in self.shards],
        }
        return (json.dumps(fields, indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, name: str = INFO_PATH) -> DatasetInfo:
        """Parse ``meta/info.json`` and check that its totals and root hash follow from its parts.

        Raises:
            FormatError: unreadable, of a newer format, or at odds with itself.
        """
        try:
            fields = json.loads(data)
            version = fields["format_version"]
            if version != FORMAT_VERSION:
                # Before anything else: a newer format may have fields that this one has not.
                raise _other_version(name, version)
            info = cls(
                shards=tuple(ShardInfo(**shard) for shard in fields["shards"]),
                manifest_sha256=fields["manifest_sha256"],
                format_version=version,
            )
            claimed = fields["root_hash"]
            _refuse_other_types(info)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise FormatError(
                f"{name} cannot be read ({type(error).__name__}: {error}).",
                hint="Rebuild the dataset with ggt build, or fetch the file again.",
            ) from error
        if claimed != info.root_hash:
            raise FormatError(
                f"{name} names the root hash {claimed}, but its parts give {info.root_hash}.",
                hint="The file was edited; rebuild the dataset or fetch the file again.",
            )
        return info


class Manifest:
    """The rows of ``meta/manifest.parquet``, in the order of the shards' bytes."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[PairRow]:
        for batch in self.table.to_batches(max_chunksize=4096):
            for fields in batch.to_pylist():
                yield _row(fields)

    def row(self, index: int) -> PairRow:
        """Return the row at position `index`, from 0."""
        return _row(self.table.slice(index, 1).to_pylist()[0])

    def find(self, key: str) -> PairRow | None:
        """Return the row of `key`, or ``None``."""
        import pyarrow.compute as pc

        position = pc.index(self.table["key"], key).as_py()
        return None if position < 0 else self.row(position)

    @classmethod
    def from_rows(cls, rows: Iterable[PairRow]) -> Manifest:
        """Build a manifest of `rows`, kept in their order."""
        import pyarrow as pa

        return cls(pa.Table.from_pylist([_fields(row) for row in rows], schema=arrow_schema()))

    def to_parquet(self) -> bytes:
        """Return the bytes of ``meta/manifest.parquet``; the same rows give the same bytes."""
        import pyarrow.parquet as pq

        buffer = io.BytesIO()
        pq.write_table(self.table, buffer, compression="zstd", row_group_size=65_536)
        return buffer.getvalue()

    @classmethod
    def from_parquet(cls, data: bytes, name: str = MANIFEST_PATH) -> Manifest:
        """Parse ``meta/manifest.parquet``.

        Raises:
            FormatError: no parquet, other columns than the format's, or empty cells.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            # `pq.read_table` reads with threads, and a short command that ends while they still
            # start is aborted by the C++ runtime now and then ("terminate called ...").
            with pq.ParquetFile(pa.BufferReader(data)) as file:
                table = file.read(columns=arrow_schema().names, use_threads=False)
            table = table.select(arrow_schema().names).cast(arrow_schema())
        except (pa.ArrowException, KeyError, ValueError, OSError) as error:
            raise FormatError(
                f"{name} is no manifest of format v{FORMAT_VERSION} ({error}).",
                hint="Rebuild the dataset with ggt build, or fetch the file again.",
            ) from error
        empty = [n for n in table.column_names if n not in _NULLABLE and table[n].null_count]
        if empty:
            raise FormatError(
                f"{name} has empty cells in {', '.join(empty)}.",
                hint="Rebuild the dataset with ggt build, or fetch the file again.",
            )
        return cls(table)


def arrow_schema() -> pa.Schema:
    """Return the columns of the manifest."""
    import pyarrow as pa

    spans = [
        (f"{member}_{part}", pa.string() if part == "sha256" else pa.int64())
        for member in ("lq", "gt", "json")
        for part in ("offset", "num_bytes", "sha256")
    ]
    return pa.schema(
        [
            ("key", pa.string()),
            ("split", pa.string()),
            ("category", pa.string()),
            ("shard", pa.string()),
            *spans,
            ("lq_format", pa.string()),
            ("gt_format", pa.string()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("scores", pa.list_(pa.struct([("metric", pa.string()), ("value", pa.float64())]))),
            ("license", pa.string()),
            ("origin", pa.string()),
            ("source", pa.string()),
            ("lq_index", pa.binary()),
            ("gt_index", pa.binary()),
        ]
    )


def dataset_info(manifest_bytes: bytes, shards: Sequence[ShardInfo]) -> DatasetInfo:
    """Return the record of a dataset made of `shards` and the given manifest."""
    return DatasetInfo(
        shards=tuple(sorted(shards, key=lambda shard: shard.path)),
        manifest_sha256=hashlib.sha256(manifest_bytes).hexdigest(),
    )


def _refuse_other_types(info: DatasetInfo) -> None:
    for shard in info.shards:
        words = (shard.path, shard.split, shard.category, shard.sha256)
        counts = (shard.num_pairs, shard.num_bytes)
        if not all(isinstance(word, str) for word in words) or not all(
            type(count) is int and count >= 0 for count in counts
        ):
            raise ValueError(f"values of other types or below 0 in {shard}")


def _other_version(name: str, version: object) -> FormatError:
    return FormatError(
        f"{name} is of format v{version}; this package reads v{FORMAT_VERSION}.",
        hint="Run: pip install -U ggt-hf",
    )


def _fields(row: PairRow) -> dict[str, Any]:
    fields = asdict(row)
    for member in ("lq", "gt", "json"):
        for part, value in fields.pop(member).items():
            fields[f"{member}_{part}"] = value
    fields["scores"] = [{"metric": m, "value": v} for m, v in sorted(row.scores.items())]
    return fields


def _row(fields: dict[str, Any]) -> PairRow:
    for member in ("lq", "gt", "json"):
        parts = ("offset", "num_bytes", "sha256")
        fields[member] = MemberSpan(**{part: fields.pop(f"{member}_{part}") for part in parts})
    fields["scores"] = {score["metric"]: score["value"] for score in fields["scores"] or ()}
    return PairRow(**fields)

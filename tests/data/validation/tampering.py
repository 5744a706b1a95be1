"""Break datasets the way bugs and attackers do: with hashes and counts that agree again.

A dataset whose record was made to agree with its damage gets past every checksum, so that only
the check for the very hazard can find it.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import yaml

from ggt_hf.data.format.card import card_metadata
from ggt_hf.data.format.manifest import (
    DatasetInfo,
    Manifest,
    MemberSpan,
    PairRow,
    dataset_info,
)
from ggt_hf.data.format.schema import CARD_PATH, INFO_PATH, MANIFEST_PATH
from ggt_hf.data.format.tarball import END, header, padding
from ggt_hf.data.validation import ValidationReport, validate
from tests.making import make_dataset, make_pair

SHARD = "data/rain/train-00000-of-00001.tar"


def dataset(root: Path, num_pairs: int = 4) -> Path:
    """One shard of rain pairs, `train-rain-0000` onwards."""
    return make_dataset(root, [make_pair(i) for i in range(num_pairs)], pairs_a_shard=100)


def contents(shard: Path) -> list[tuple[str, bytes]]:
    """The members of a sound shard."""
    with tarfile.open(shard) as tar:
        return [(m.name, tar.extractfile(m).read()) for m in tar.getmembers()]  # type: ignore[union-attr]


def stored(name: str, content: bytes) -> bytes:
    """One member as it stands in a tar."""
    return header(name, len(content)) + content + padding(len(content))


def header_with(name: str, *, size: bytes = b"", kind: bytes = b"0", link: bytes = b"") -> bytes:
    """A header with any size field, kind and link target, and a right checksum."""
    block = bytearray(header(name, 0))
    if size:
        block[124:136] = size.ljust(12, b"\0")
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    return signed(block)


def signed(block: bytearray) -> bytes:
    """`block` with the checksum that belongs to it."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def rewrite(
    root: Path, change: Callable[[list[tuple[str, bytes]]], Iterable[tuple[str, bytes]]]
) -> None:
    """Change the members of the shard, then make meta/ agree."""
    shard = root / SHARD
    data = b"".join(stored(name, content) for name, content in change(contents(shard)))
    shard.write_bytes(data + END)
    rehash(root)


def replace_bytes(root: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the bytes of the shard, then make meta/ agree."""
    shard = root / SHARD
    shard.write_bytes(change(shard.read_bytes()))
    rehash(root)


def rehash(root: Path, edit: Callable[[list[PairRow]], list[PairRow]] | None = None) -> None:
    """Make manifest, record and card agree with the shards, as far as tarfile can read them."""
    info = DatasetInfo.from_json((root / INFO_PATH).read_bytes())
    rows = [_found_again(root, row) for row in manifest(root)]
    data = Manifest.from_rows(edit(rows) if edit else rows).to_parquet()
    shards = []
    for shard in info.shards:
        content = (root / shard.path).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        shards.append(replace(shard, num_bytes=len(content), sha256=digest))
    (root / MANIFEST_PATH).write_bytes(data)
    write_info(root, dataset_info(data, shards))


def write_info(root: Path, info: DatasetInfo) -> None:
    """Write the record, and the card that belongs to it."""
    (root / INFO_PATH).write_bytes(info.to_json())
    head = yaml.safe_dump(card_metadata(info), sort_keys=False)
    (root / CARD_PATH).write_text(f"---\n{head}---\n# Tampered with\n")


def manifest(root: Path) -> Manifest:
    return Manifest.from_parquet((root / MANIFEST_PATH).read_bytes())


def edit_info(root: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Change fields of the record, nothing else."""
    fields = json.loads((root / INFO_PATH).read_bytes())
    change(fields)
    (root / INFO_PATH).write_text(json.dumps(fields))


def said(report: ValidationReport, check: str) -> str:
    """All findings of a check, one a line."""
    return "\n".join(str(finding) for finding in report.findings if finding.check == check)


def failed(report: ValidationReport) -> set[str]:
    return {check.name for check in report.checks if check.outcome == "fail"}


def examine(root: Path) -> ValidationReport:
    return validate(root)


def _found_again(root: Path, row: PairRow) -> PairRow:
    spans = {}
    try:
        with tarfile.open(root / row.shard) as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is not None and member.size < 1 << 24:  # A claim, perhaps of terabytes.
                    digest = hashlib.sha256(file.read()).hexdigest()
                    spans[member.name] = MemberSpan(
                        offset=member.offset_data, num_bytes=member.size, sha256=digest
                    )
    except (tarfile.TarError, OSError, KeyError, ValueError):
        pass  # As far as it goes.
    return replace(
        row,
        lq=spans.get(f"{row.key}.lq", row.lq),
        gt=spans.get(f"{row.key}.gt", row.gt),
        json=spans.get(f"{row.key}.json", row.json),
    )

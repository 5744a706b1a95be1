"""Inputs made to harm: each is named, nothing is allocated for it, nothing leaves the shard."""

from __future__ import annotations

import json
import resource
import struct
import zlib
from pathlib import Path

import pytest

from ggt_hf.data.format.manifest import DatasetInfo, Manifest, dataset_info
from ggt_hf.data.format.schema import INFO_PATH, MANIFEST_PATH
from ggt_hf.data.format.tarball import BLOCK, END
from ggt_hf.data.validation import ValidationReport, validate
from ggt_hf.data.validation.report import SHOWN
from ggt_hf.errors import UsageError
from tests.data.validation.tampering import (
    dataset,
    edit_info,
    failed,
    header_with,
    manifest,
    rehash,
    replace_bytes,
    rewrite,
    said,
    signed,
    stored,
    write_info,
)
from tests.making import make_dataset, make_pair


def with_blocks(root: Path, blocks: bytes) -> ValidationReport:
    """Put raw blocks before the end of the shard, and validate."""
    replace_bytes(root, lambda data: data[: -len(END)] + blocks + END)
    return validate(root)


@pytest.mark.parametrize(
    ("blocks", "cause"),
    [
        (stored("../evil.lq", b"x"), "../evil.lq (byte"),
        (stored("../evil.lq", b"x"), "climbs with '..'"),
        (stored("a/../../evil.lq", b"x"), "climbs with '..'"),
        (stored("..\\evil.lq", b"x"), "climbs with '..'"),
        (stored("/etc/evil.lq", b"x"), "its name is absolute"),
        (stored("C:\\evil.lq", b"x"), "its name is absolute"),
        (header_with("a.lq", kind=b"2", link=b"/etc/passwd"), "symbolic link to /etc/passwd"),
        (header_with("a.lq", kind=b"1", link=b"b.lq"), "a hard link to b.lq"),
        (header_with("a.lq", kind=b"3"), "a character device"),
        (header_with("a.lq", kind=b"4"), "a block device"),
        (header_with("a.lq", kind=b"5"), "a folder"),
        (header_with("a.lq", kind=b"6"), "a named pipe"),
        (header_with("a.lq", kind=b"S"), "what follows means something else"),
        (header_with("a.lq", kind=b"L"), "a GNU long name"),
        (header_with("a.lq", size=b"77777777777"), "declares 8,589,934,591 bytes, but only"),
        (
            header_with("a.lq", size=b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7),
            "declares 9,223,372,036,854,775,807 bytes, but only",
        ),
        (header_with("a.lq", size=b"\xff" * 12), "declares no readable size"),
        (header_with("a.lq", size=b"12x"), "declares no readable size"),
    ],
)
def test_a_hostile_member(tmp_path: Path, blocks: bytes, cause: str) -> None:
    report = with_blocks(dataset(tmp_path), blocks)
    assert "tars" in failed(report)
    assert cause in said(report, "tars")


@pytest.mark.parametrize(
    ("record", "harmless"), [("mtime=1.5", True), ("size=99999999999", False), ("path=../x", False)]
)
def test_pax_headers(tmp_path: Path, record: str, harmless: bool) -> None:
    line = f"{len(record) + 4} {record}\n".encode()
    block = bytearray(stored("PaxHeaders/a", line))
    block[156:157] = b"x"
    root = dataset(tmp_path)
    replace_bytes(root, lambda data: signed(block[:BLOCK]) + bytes(block[BLOCK:]) + data)
    report = validate(root)
    assert "a pax header" in said(report, "tars")
    assert ("what follows means something else" in said(report, "tars")) is not harmless
    # Where a header can make a reader allocate without bound, none is run.
    assert report["readers"].outcome == ("pass" if harmless else "left out")
    if not harmless:
        assert "kept away from" in (report["readers"].left_out or "")


@pytest.mark.parametrize(
    ("tail", "cause"),
    [
        (b"", "without its two empty blocks"),
        (END[:BLOCK], "one empty block instead of two"),
        (END + b"\1" * BLOCK, "bytes stand behind the end"),
        (END + stored("late.lq", b"x") + END, "bytes stand behind the end"),
        (END + b"\0" * 8192, ""),
    ],
)
def test_the_end_of_the_archive(tmp_path: Path, tail: bytes, cause: str) -> None:
    root = dataset(tmp_path)
    replace_bytes(root, lambda data: data[: -len(END)] + tail)
    report = validate(root)
    assert failed(report) == ({"tars"} if cause else set())
    assert cause in said(report, "tars")


@pytest.mark.parametrize(
    "content", [b"", END, b"no tar at all" * 100, b"\x1f\x8b" + bytes(range(256)) * 4]
)
def test_a_shard_without_a_pair(tmp_path: Path, content: bytes) -> None:
    root = dataset(tmp_path)
    replace_bytes(root, lambda _: content)
    report = validate(root)
    assert "there is no pair in it" in said(report, "keys")
    if content.strip(b"\0"):
        assert "does not begin with a tar header" in said(report, "tars")
        assert report["readers"].outcome == "left out"


def test_a_key_that_stands_twice(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    rewrite(root, lambda members: members + members[:3])
    report = validate(root)
    assert "train-rain-0000: the key stands 2 times" in said(report, "keys")


def test_a_key_in_two_shards(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, [make_pair(i) for i in range(2)], pairs_a_shard=1)
    first, second = sorted((root / "data/rain").iterdir())
    second.write_bytes(first.read_bytes())
    rehash(root, lambda rows: [rows[0], rows[0]])
    report = validate(root)
    assert "the key stands also in data/rain/train-00000-of-00002.tar" in said(report, "keys")
    assert "the key has more than one row" in said(report, "manifest")


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    size = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size)
    bomb += chunk(b"IDAT", zlib.compress(b"\0" * 1_000_000)) + chunk(b"IEND", b"")
    root = dataset(tmp_path)
    rewrite(root, lambda members: [(n, bomb if n.endswith("2.gt") else c) for n, c in members])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = validate(root)
    assert "decompression bomb" in said(report, "pixels")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "no usable JSON"),
        (b"[" * 100_000, "no usable JSON"),
        (b'{"category":"rain","category":"snow"}', "a field stands there twice"),
        (b'{"scores":NaN}', "NaN is no JSON value"),
        (b"[]", "the record is list, declared as named fields"),
        (b'{"category":"fog"}', "category is 'fog', none of the labels"),
        (b'{"category":["rain"]}', "category is ['rain'], none of the labels"),
        (b'{"category":"snow"}', "lies in the folder rain"),
        (b'{"category":"rain","prompt":7}', "prompt is int, declared as string"),
        (b'{"category":"rain","provenance":{"seed":1e3}}', "provenance.seed is float"),
        (b'{"category":"rain","scores":[{"metric":"psnr"}]}', "scores[0].value is missing"),
        (b'{"category":"rain","source":"\\u001b]0;mine\\u0007"}', "source"),
    ],
)
def test_a_broken_record(tmp_path: Path, content: bytes, cause: str) -> None:
    root = dataset(tmp_path)
    rewrite(root, lambda members: [(n, content if n.endswith("1.json") else c) for n, c in members])
    report = validate(root)
    assert "records" in failed(report)
    assert cause in said(report, "records")
    assert "train-rain-0001.json" in said(report, "records")


def test_names_cannot_speak_to_the_terminal(tmp_path: Path) -> None:
    report = with_blocks(dataset(tmp_path), stored("../\x1b]0;mine\x07" + "n" * 60, b""))
    assert "\x1b" not in said(report, "tars")
    assert "\\x1b]0;mine" in said(report, "tars")


def test_a_thousand_findings_stay_small(tmp_path: Path) -> None:
    report = with_blocks(dataset(tmp_path), stored("../x", b"") * 1000)
    assert report["tars"].num_findings > 1000
    assert len(report["tars"].findings) == SHOWN


def test_an_empty_dataset(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    empty = Manifest.from_rows([]).to_parquet()
    (tmp_path / MANIFEST_PATH).write_bytes(empty)
    write_info(tmp_path, dataset_info(empty, []))
    assert "the dataset is empty" in said(validate(tmp_path), "structure")


def test_a_folder_with_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no dataset"):
        validate(tmp_path)
    with pytest.raises(UsageError, match="no folder here"):
        validate(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet", b"PAR1" + b"\xff" * 64 + b"PAR1"])
def test_a_manifest_that_is_no_parquet(tmp_path: Path, content: bytes) -> None:
    root = dataset(tmp_path)
    (root / MANIFEST_PATH).write_bytes(content)
    report = validate(root)
    assert failed(report) == {"manifest"}
    assert "is no manifest of format v1" in said(report, "manifest")
    assert report["readers"].outcome == "left out"
    assert "the manifest" in (report["tars"].left_out or "")


def test_a_manifest_of_other_columns(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    root = dataset(tmp_path)
    pq.write_table(pa.table({"key": ["a"]}), root / MANIFEST_PATH)
    assert "is no manifest" in said(validate(root, level="quick"), "manifest")


def test_a_manifest_with_empty_cells(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    root = dataset(tmp_path)
    table = manifest(root).table
    none = pa.nulls(table.num_rows, pa.int64())
    at = table.column_names.index("lq_offset")
    pq.write_table(table.set_column(at, "lq_offset", none), root / MANIFEST_PATH)
    assert "empty cells in lq_offset" in said(validate(root), "manifest")


def test_a_newer_format(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    edit_info(root, lambda fields: fields.update(format_version=2, shards=[{"new": "fields"}]))
    report = validate(root)
    assert "is of format v2; this package reads v1" in said(report, "structure")
    assert "pip install -U ggt-hf" in report.findings[0].hint


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"{" * 99_999, b'{"a":' * 99_999, b"\xff"]
)
def test_an_unreadable_record_of_the_dataset(tmp_path: Path, content: bytes) -> None:
    root = dataset(tmp_path)
    (root / INFO_PATH).write_bytes(content)
    assert "cannot be read" in said(validate(root, level="quick"), "structure")


def test_values_of_other_types_in_the_record(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    info = DatasetInfo.from_json((root / INFO_PATH).read_bytes())

    def change(fields: dict[str, object]) -> None:
        fields["shards"][0]["num_pairs"] = "4"  # type: ignore[index]

    edit_info(root, change)
    assert "values of other types" in said(validate(root), "structure")
    assert json.loads((root / INFO_PATH).read_bytes())["root_hash"] == info.root_hash

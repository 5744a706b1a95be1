"""Manifests of pairs: JSON lines, CSV, Parquet; what in them is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ggt_hf.data.building.sources import Labels, Listing, read_source
from ggt_hf.errors import SourceError
from tests.data.building.sources_making import jpeg, pair_files, png, write_files

RAIN = Labels(category="rain")


def causes(listing: Listing) -> str:
    return "\n".join(str(problem) for problem in listing.problems)


ROWS = [
    {"lq": "in/1.jpg", "gt": "out/1.png", "category": "dehaze", "prompt": "Clear it."},
    {
        "lq": "in/2.jpg",
        "gt": "out/2.png",
        "category": "snow",
        "key": "Second One",
        "split": "val",
        "scores": {"psnr": 21.5},
        "license": "CC-BY-4.0",
        "credit": "A. Person",
        "origin": "generated",
        "source": "https://example.org/2",
        "provenance": {"editor": "an/editor", "seed": 7, "settings": {"steps": 4}},
    },
]


def write_manifest(root: Path, kind: str) -> Path:
    path = root / f"pairs.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif kind == "csv":
        import csv

        texts = [
            {k: json.dumps(v) if isinstance(v, dict) else v for k, v in row.items()} for row in ROWS
        ]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*ROWS[1], "prompt"])
            writer.writeheader()
            writer.writerows(texts)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist([dict.fromkeys(ROWS[1]) | ROWS[0], ROWS[1]]), path)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_manifests(tmp_path: Path, kind: str) -> None:
    files = {f"in/{i}.jpg": jpeg(i) for i in (1, 2)} | {f"out/{i}.png": png(i) for i in (1, 2)}
    write_files(tmp_path, files)
    listing = read_source(write_manifest(tmp_path, kind), Labels(license="CC0-1.0"))
    assert not listing.problems, causes(listing)
    by_key = {pair.info.key: pair for pair in listing.pairs}
    first, second = by_key["in-1"].info, by_key["second-one"].info
    assert (first.degradation, first.license, first.source) == ("haze", "CC0-1.0", "in/1.jpg")
    assert (second.split, second.scores, second.credit) == (
        "validation",
        {"psnr": 21.5},
        "A. Person",
    )
    assert (second.origin, second.license) == ("generated", "CC-BY-4.0")
    assert (second.provenance.editor, second.provenance.seed) == ("an/editor", 7)
    assert second.provenance.settings == '{"steps": 4}'
    assert by_key["second-one"].gt.read() == png(2)


def test_a_manifest_names_its_bad_rows_and_hides_the_machine(tmp_path: Path) -> None:
    outside = write_files(tmp_path / "private", pair_files("{}/1"))
    rows = [
        {"lq": str(outside / "LQ/1.jpg"), "gt": str(outside / "GT/1.png"), "category": "rain"},
        {"lq": "absent.png", "gt": "absent.png", "category": "rain"},
        {"lq": "https://example.org/1.png", "gt": "x", "category": "rain"},
        {"gt": "x"},
        {"lq": str(outside / "LQ/1.jpg"), "gt": str(outside / "GT/1.png"), "key": "b"},
    ]
    path = tmp_path / "data" / "pairs.jsonl"
    path.parent.mkdir()
    path.write_text("\n".join(json.dumps(row) for row in rows))
    listing = read_source(path, Labels())
    assert [pair.info.source for pair in listing.pairs] == ["1.jpg"]
    text = causes(listing)
    assert "row 2: absent.png cannot be read" in text and "row 4 has no lq" in text
    assert "a URL as its lq" in text and "No category" in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize("content", [b"{broken", b"[1]\n", b"\xff\xfe\x00"])
def test_an_unreadable_manifest(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pairs.jsonl").write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read as a manifest"):
        read_source(tmp_path / "pairs.jsonl", Labels())


@pytest.mark.parametrize(
    ("kind", "text", "cause"),
    [
        ("csv", "", "holds no row"),
        ("csv", "a.jpg,b.png\n", "holds no row"),
        ("csv", "lq;gt\na.jpg;b.png\n", r"no column lq and gt \(it has lq;gt\)"),
        ("jsonl", '{"lq": "a.jpg"}\n', "no column gt"),
        ("jsonl", '{"lq": 1, "gt": 2}\n{"lq"', "after row 1"),
        ("jsonl", "[" * 100_000, "cannot be read as a manifest"),
    ],
)
def test_a_manifest_that_cannot_be_meant(tmp_path: Path, kind: str, text: str, cause: str) -> None:
    (tmp_path / f"pairs.{kind}").write_text(text)
    with pytest.raises(SourceError, match=cause):
        read_source(tmp_path / f"pairs.{kind}", RAIN)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ({"provenance": {"seed": 2**63}}, "more than 64 bits"),
        ({"provenance": {"seed": float("inf")}}, "provenance that cannot be read"),
        ({"provenance": {"editor": 5}}, "editor is no text"),
        ({"scores": {"psnr": 10**400}}, "scores that cannot be read"),
        ({"prompt": "\ud800"}, "half a character"),
        ({"split": "all"}, "split 'all', which cannot name one"),
        ({"lq": [1]}, "no path as its lq, but list"),
    ],
)
def test_a_row_that_no_reader_could_give_back(
    tmp_path: Path, said: dict[str, object], cause: str
) -> None:
    write_files(tmp_path, pair_files("{}/1"))
    rows = [{"lq": "LQ/1.jpg", "gt": "GT/1.png"}, {"lq": "LQ/1.jpg", "gt": "GT/1.png", **said}]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    listing = read_source(tmp_path / "pairs.jsonl", RAIN)
    assert cause in causes(listing) and len(listing.problems) == len(listing.pairs) == 1


def test_a_row_with_more_cells_than_the_header(tmp_path: Path) -> None:
    write_files(tmp_path, pair_files("{}/1"))
    (tmp_path / "pairs.csv").write_text("lq,gt,credit\nLQ/1.jpg,GT/1.png,Doe, Jane\n")
    assert "row 1 has more cells" in causes(read_source(tmp_path / "pairs.csv", RAIN))

"""Each silent failure of stock readers, in a dataset whose hashes agree: validate names it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ggt_hf.data.format.schema import CARD_PATH
from ggt_hf.data.format.tarball import BLOCK, stored_size
from ggt_hf.data.validation import validate
from tests.data.validation.tampering import (
    SHARD,
    contents,
    dataset,
    failed,
    manifest,
    rehash,
    replace_bytes,
    rewrite,
    said,
)
from tests.making import encoded, make_dataset, make_pair, picture


def test_a_sound_dataset_passes_every_check(tmp_path: Path) -> None:
    pairs = [
        make_pair(i, d, s) for i in range(5) for d in ("rain", "snow") for s in ("train", "test")
    ]
    report = validate(make_dataset(tmp_path, pairs, pairs_a_shard=2), num_workers=2)
    assert [check.outcome for check in report.checks] == ["pass"] * 9
    assert not report.findings
    assert report.num_pairs == 20
    assert report["pixels"].looked_at == "40 pictures decoded"
    # 20 by webdataset; each pair by two configurations, streamed and copied.
    assert report["readers"].looked_at == "100 rows by webdataset and datasets"


def test_json_keys_that_appear_after_the_fifth_sample(tmp_path: Path) -> None:
    root = dataset(tmp_path, 7)

    def add_late_field(members: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        name, content = members[-1]
        late = json.loads(content) | {"rating": 5}
        return [*members[:-1], (name, json.dumps(late).encode())]

    rewrite(root, add_late_field)
    report = validate(root)
    assert failed(report) == {"records", "readers"}
    assert "train-rain-0006.json: the field rating is not declared" in said(report, "records")
    assert "another record of train-rain-0006" in said(report, "readers") or "stops" in said(
        report, "readers"
    )


def test_a_changed_extension(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    rewrite(
        root,
        lambda members: [(n.replace("0002.lq", "0002.jpg"), content) for n, content in members],
    )
    report = validate(root)
    assert "readers give None for lq" in said(report, "keys")
    assert "another lq of train-rain-0002" in said(report, "readers")


def test_a_dot_in_a_key_collapses_samples(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    rewrite(
        root, lambda members: [(n.replace("rain-", "rain."), content) for n, content in members]
    )
    report = validate(root)
    assert "a dot in the key" in said(report, "keys")
    assert "collapse" in said(report, "keys")
    assert "it gives 1 rows, the manifest has 4" in said(report, "readers")


def test_members_that_are_not_grouped(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    rewrite(root, lambda members: sorted(members, key=lambda member: member[0].split(".")[1]))
    report = validate(root)
    assert failed(report) == {"keys", "readers"}
    assert "not adjacent: they stand in 3 places" in said(report, "keys")
    assert "it gives 12 rows, the manifest has 4" in said(report, "readers")


@pytest.mark.parametrize("where", ["inside a member", "at a member's end"])
def test_a_truncated_shard(tmp_path: Path, where: str) -> None:
    root = dataset(tmp_path)
    row = manifest(root).row(2)
    end = row.lq.offset - BLOCK + (700 if where == "inside a member" else 0)
    replace_bytes(root, lambda data: data[:end])
    report = validate(root)
    assert "tars" in failed(report)
    wanted = "bytes, but only" if where == "inside a member" else "without its two empty blocks"
    assert wanted in said(report, "tars")
    assert "6 members that the manifest names could not be reached" in said(report, "tars")
    if where == "inside a member":
        assert "webdataset: it stops after 1 rows: ReadError" in said(report, "readers")
    else:
        assert "it gives 2 rows, the manifest has 4" in said(report, "readers")
        assert "webdataset: it loses train-rain-0002, train-rain-0003 without" in said(
            report, "readers"
        )


def test_a_short_shard_is_named_by_size_and_hash(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    shard = root / SHARD
    shard.write_bytes(shard.read_bytes()[:-3000])
    report = validate(root)
    assert "meta/info.json says" in said(report, "hashes")
    assert len(said(report, "hashes").splitlines()) == 2
    assert "hashes" in failed(validate(root, level="quick"))


def test_a_flipped_byte_in_a_header(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    at = manifest(root).row(2).lq.offset - BLOCK

    def flip(data: bytes) -> bytes:
        return data[: at + 105] + bytes([data[at + 105] ^ 1]) + data[at + 106 :]

    replace_bytes(root, flip)
    report = validate(root)
    assert "checksum is wrong; stock readers stop here" in said(report, "tars")
    # Neither stock reader says anything; only the counts tell.
    for reader in ("webdataset", "datasets, streaming"):
        assert f"{reader}: it gives 2 rows, the manifest has 4" in said(report, "readers")
        assert f"{reader}: it stops" not in said(report, "readers")


def test_a_flipped_byte_in_data(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    row = manifest(root).row(1)
    shard = root / SHARD
    data = bytearray(shard.read_bytes())
    data[row.json.offset + row.json.num_bytes - 3] ^= 1
    shard.write_bytes(data)
    report = validate(root)
    assert "SHA-256" in said(report, "hashes")
    assert "train-rain-0001.json: its content is not what the manifest's SHA-256" in said(
        report, "tars"
    )


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "is empty (0 bytes)"),
        (b"\x89PNG\r\n\x1a\nnothing", "is not a picture"),
        (encoded(picture(1))[:-60], "cannot be decoded"),
        (encoded(picture(1, 48, 33)), "lq is 48x33, gt 48x32: they are no pair"),
        (encoded(picture(1)), "it is png 48x32, the manifest says jpeg 48x32"),
        (encoded(picture(1), "BMP"), "it is BMP"),
    ],
)
def test_a_bad_picture(tmp_path: Path, content: bytes, cause: str) -> None:
    root = dataset(tmp_path)
    rewrite(
        root,
        lambda members: [(n, content if n == "train-rain-0001.lq" else c) for n, c in members],
    )
    report = validate(root)
    assert failed(report) == {"pixels"}
    assert cause in said(report, "pixels")
    assert "train-rain-0001" in said(report, "pixels")


@pytest.mark.parametrize("field", ["dataset_info", "configs"])
def test_undeclared_features_and_configs(tmp_path: Path, field: str) -> None:
    root = dataset(tmp_path, 7)
    text = (root / CARD_PATH).read_text()
    head = yaml.safe_load(text.split("---\n")[1])
    del head[field]
    (root / CARD_PATH).write_text(f"---\n{yaml.safe_dump(head)}---\n")
    report = validate(root)
    assert "card" in failed(report)
    wanted = "infers columns from five" if field == "dataset_info" else "declares no configs"
    assert wanted in said(report, "card")


def test_without_declared_features_a_late_field_is_lost(tmp_path: Path) -> None:
    """Only the comparison of records sees what inference drops."""
    root = dataset(tmp_path, 7)
    last = "train-rain-0006.json"

    def only_late(members: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        cut = {n: json.loads(c) for n, c in members if n.endswith(".json")}
        for name, record in cut.items():
            if name != last:
                del record["credit"]
        return [(n, json.dumps(cut[n]).encode() if n in cut else c) for n, c in members]

    rewrite(root, only_late)
    (root / CARD_PATH).write_text("# Nothing is declared\n")
    report = validate(root)
    assert {"card", "records", "readers"} <= failed(report)
    assert last.removesuffix(".json") in said(report, "readers") or "it stops" in said(
        report, "readers"
    )
    assert "the declared field credit is missing" in said(report, "records")


@pytest.mark.parametrize(("lq", "gt", "outcome"), [(6, 6, "pass"), (6, 1, "fail")])
def test_exif_orientation(tmp_path: Path, lq: int, gt: int, outcome: str) -> None:
    from PIL import Image

    def turned(orientation: int) -> bytes:
        exif = Image.Exif()
        exif[0x0112] = orientation
        size = (48, 32) if orientation == 1 else (32, 48)
        return encoded(picture(3, *size), "JPEG", exif=exif.tobytes())

    root = dataset(tmp_path)
    new = {"train-rain-0000.lq": turned(lq), "train-rain-0000.gt": turned(gt)}
    rewrite(root, lambda members: [(n, new.get(n, c)) for n, c in members])
    from dataclasses import replace

    rehash(root, lambda rows: [replace(rows[0], gt_format="jpeg"), *rows[1:]])
    report = validate(root)
    assert report["pixels"].outcome == outcome
    assert "EXIF orientation" in said(report, "pixels")
    assert "webdataset" in said(report, "pixels")


def test_a_key_that_stock_readers_skip(tmp_path: Path) -> None:
    """A leading '__' is a private name to both of them."""
    root = dataset(tmp_path)
    rewrite(
        root,
        lambda members: [
            (n.replace("train-rain-0001", "__rain__0001"), content) for n, content in members
        ],
    )
    report = validate(root)
    assert "does not begin with '__'" in said(report, "keys")
    assert "it gives 3 rows, the manifest has 4" in said(report, "readers")


def test_the_helper_rebuilds_what_it_read(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    before = (root / SHARD).read_bytes()
    rewrite(root, lambda members: members)
    assert (root / SHARD).read_bytes() == before
    assert stored_size(len(contents(root / SHARD)[0][1])) % BLOCK == 0
    assert validate(root).ok

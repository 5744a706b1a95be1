"""Reading a folder: every pair, every range, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ggt_hf.data.format.schema import INFO_PATH, MANIFEST_PATH
from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.errors import (
    FormatError,
    IncompleteError,
    IntegrityError,
    ReadError,
    UsageError,
)
from tests.data.reading.pushed import EXPECTED, PAIRS, SHARD, contents
from tests.making import make_dataset


def test_a_folder_gives_every_pair(folder: Path) -> None:
    with open_dataset(folder) as store:
        assert contents(store) == contents(store, verify=True) == EXPECTED
        assert store.revision is None
        assert store.read_file("README.md").startswith(b"---")


def test_a_folder_gives_every_range(folder: Path) -> None:
    whole = (folder / SHARD).read_bytes()
    with open_dataset(str(folder)) as store:
        assert store.read(SHARD, 0, len(whole)) == whole
        assert store.read(SHARD, 513, 7) == whole[513:520]
        assert store.read(SHARD, len(whole), 0) == b""
        read = store.reader_for_now(SHARD)
        assert read(0, len(whole)) == whole
        assert read(513, 520) == whole[513:520]
        assert read(len(whole), len(whole)) == b""


@pytest.mark.parametrize(("offset", "length"), [(-1, 4), (0, 1 << 40), (1 << 40, 1), (0, -1)])
def test_a_range_outside_the_shard_is_refused(folder: Path, offset: int, length: int) -> None:
    with open_dataset(folder) as store:
        with pytest.raises(UsageError, match="leave"):
            store.read(SHARD, offset, length)
        with pytest.raises(UsageError, match="leave"):
            store.reader_for_now(SHARD)(offset, offset + length)


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "meta/../../x"])
def test_no_path_leads_out_of_the_dataset(folder: Path, path: str) -> None:
    with open_dataset(folder) as store:
        with pytest.raises(UsageError, match="no path inside"):
            store.read_file(path)
        for read in (lambda: store.read(path, 0, 1), lambda: store.reader_for_now(path)):
            with pytest.raises(UsageError, match="no shard"):
                read()


def test_an_unfinished_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "x", PAIRS[:1])
    (root / INFO_PATH).unlink()
    with pytest.raises(IncompleteError, match="no finished dataset"):
        open_dataset(root)


def test_another_manifest_is_refused(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "x", PAIRS[:1])
    other = make_dataset(tmp_path / "y", PAIRS[1:2])
    (root / MANIFEST_PATH).write_bytes((other / MANIFEST_PATH).read_bytes())
    with pytest.raises(IntegrityError, match="sha256"):
        open_dataset(root)


def test_a_manifest_with_fewer_rows_than_recorded_is_refused(tmp_path: Path) -> None:
    from ggt_hf.data.format.manifest import DatasetInfo, Manifest, dataset_info

    root = make_dataset(tmp_path / "x", PAIRS[:4])
    info = DatasetInfo.from_json((root / INFO_PATH).read_bytes())
    rows = list(Manifest.from_parquet((root / MANIFEST_PATH).read_bytes()))[:-1]
    fewer = Manifest.from_rows(rows).to_parquet()
    (root / MANIFEST_PATH).write_bytes(fewer)
    (root / INFO_PATH).write_bytes(dataset_info(fewer, info.shards).to_json())
    with pytest.raises(FormatError, match="3 pairs in data/rain"):
        open_dataset(root)


def test_a_shard_path_of_a_stranger_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    from ggt_hf.data.format.manifest import DatasetInfo

    root = make_dataset(tmp_path / "x", PAIRS[:1])
    info = DatasetInfo.from_json((root / INFO_PATH).read_bytes())
    evil = replace(info, shards=(replace(info.shards[0], path="../../etc/passwd"),))
    (root / INFO_PATH).write_bytes(evil.to_json())
    with pytest.raises(FormatError, match="passwd is no shard path"):
        open_dataset(root)


def test_a_cut_an_absent_and_an_altered_shard_are_named(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "x", PAIRS[:6], pairs_a_shard=2)
    first, second, third = sorted((root / "data/rain").iterdir())
    os.truncate(first, 5000)
    second.unlink()
    data = bytearray(third.read_bytes())
    data[700] ^= 1
    third.write_bytes(data)
    with open_dataset(root) as store:
        rows = list(store.manifest)
        with pytest.raises(IntegrityError, match=first.name):
            store.pair(rows[0])
        with pytest.raises(IntegrityError, match=first.name):
            store.reader_for_now(rows[0].shard)
        with pytest.raises(ReadError, match=f"{second.name} is absent"):
            store.pair(rows[2])
        with pytest.raises(ReadError, match=f"{second.name} is absent"):
            store.reader_for_now(rows[2].shard)
        with pytest.raises(IntegrityError, match=r"0004\.lq has the sha256"):
            store.pair(rows[4], verify=True)


def test_a_shard_that_is_cut_while_it_is_open_is_named(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "x", PAIRS[:2])
    with open_dataset(root) as store:
        (shard,) = (shard.path for shard in store.info.shards)
        whole = store.read(shard, 0, 6000)
        read = store.reader_for_now(shard)
        os.truncate(root / shard, 5000)
        assert store.read(shard, 0, 5000) == read(0, 5000) == whole[:5000]
        for cut in (lambda: store.read(shard, 0, 6000), lambda: read(4000, 6000)):
            with pytest.raises(ReadError, match=r"ends before byte 6,000"):
                cut()


@pytest.mark.parametrize("where", ["nowhere", "./absent/folder", "a/b/c", "hf://models/x", ""])
def test_a_name_that_is_nothing_is_refused(where: str) -> None:
    with pytest.raises(UsageError, match="no folder here, and no dataset"):
        open_dataset(where)


def test_a_folder_has_no_revision(folder: Path) -> None:
    with pytest.raises(UsageError, match="has no revision"):
        open_dataset(folder, revision="main")

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from ggt_hf.data.format import schema, tarball
from ggt_hf.data.format.manifest import DatasetInfo, Manifest, dataset_info
from ggt_hf.data.reading.folder import DatasetFolder
from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.errors import FormatError, IntegrityError
from tests.making import make_dataset, make_pair


def test_features_in_the_card_are_the_features_in_code() -> None:
    import datasets

    assert datasets.Features._from_yaml_list(schema.FEATURES_YAML) == schema.features()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("IMG 0001", "img-0001"),
        ("Café/été.raw", "cafe-ete-raw"),
        ("__a--b__", "_a--b__"),
        ("..//x", "x"),
    ],
)
def test_any_name_becomes_a_key(name: str, key: str) -> None:
    assert schema.normalise_key(name) == key
    assert schema.is_key(key)


def test_a_name_with_nothing_left_is_refused() -> None:
    with pytest.raises(FormatError, match="日本"):
        schema.normalise_key("日本")


def test_a_long_name_becomes_a_key_that_a_tar_header_holds() -> None:
    names = ["long/" * 40 + end for end in ("a", "b")]
    keys = [schema.normalise_key(name) for name in names]
    assert len(set(keys)) == 2
    assert all(schema.is_key(key) and tarball.header(f"{key}.json", 1) for key in keys)
    assert not schema.is_key("k" * 96)


def test_splits_that_datasets_cannot_name() -> None:
    assert [schema.is_split(name) for name in ("train", "all", "s" * 65, "")] == [
        True,
        *[False] * 3,
    ]


def test_a_record_survives_its_json() -> None:
    info = make_pair(3, "old_photo", "test").info
    data = schema.encode_json(info)
    assert schema.decode_json(data, key=info.key, split="test") == info


def test_an_unknown_category_is_named() -> None:
    data = schema.encode_json(make_pair(1).info).replace(b'"rain"', b'"fog"')
    with pytest.raises(FormatError, match="fog"):
        schema.decode_json(data, key="k", split="train")


def test_the_manifest_points_at_the_very_bytes(tmp_path: Path) -> None:
    pairs = [make_pair(i, d) for i in range(5) for d in ("rain", "snow")]
    root = make_dataset(tmp_path, pairs)
    manifest = Manifest.from_parquet((root / schema.MANIFEST_PATH).read_bytes())
    by_key = {pair.info.key: pair for pair in pairs}
    assert len(manifest) == 10
    for row in manifest:
        shard = (root / row.shard).read_bytes()
        assert shard[row.lq.offset :][: row.lq.num_bytes] == by_key[row.key].lq
        assert shard[row.gt.offset :][: row.gt.num_bytes] == by_key[row.key].gt


def test_a_shard_is_an_ordinary_tar(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, [make_pair(0), make_pair(1)])
    with tarfile.open(root / "data/rain/train-00000-of-00001.tar") as tar:
        names = tar.getnames()
    assert names == [
        f"train-rain-{i:04d}.{suffix}" for i in (0, 1) for suffix in ("lq", "gt", "json")
    ]


def test_an_edited_record_is_caught_by_its_root_hash(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, [make_pair(0), make_pair(1)])
    data = (root / schema.INFO_PATH).read_bytes()
    info = DatasetInfo.from_json(data)
    with pytest.raises(FormatError, match="root hash"):
        DatasetInfo.from_json(data.replace(info.shards[0].sha256.encode(), b"0" * 64))


@pytest.mark.parametrize(
    ("field", "value"),
    [("num_bytes", "19456"), ("num_bytes", -5), ("num_pairs", True), ("category", 7)],
)
def test_a_record_with_values_of_other_types(tmp_path: Path, field: str, value: object) -> None:
    path = make_dataset(tmp_path, [make_pair(0)]) / "meta/info.json"
    fields = json.loads(path.read_bytes())
    fields["shards"][0][field] = value
    with pytest.raises(FormatError, match="values of other types"):
        DatasetInfo.from_json(json.dumps(fields).encode())


def test_a_dataset_without_shards_is_refused_by_every_reader(tmp_path: Path) -> None:
    make_dataset(tmp_path, [make_pair(0)])
    empty = Manifest.from_rows([]).to_parquet()
    (tmp_path / "meta/manifest.parquet").write_bytes(empty)
    (tmp_path / "meta/info.json").write_bytes(dataset_info(empty, []).to_json())
    for open_it in (open_dataset, DatasetFolder.open):
        with pytest.raises(FormatError, match="lists no shard"):
            open_it(tmp_path)


def test_a_pipe_in_place_of_a_shard_does_not_wait_for_ever(tmp_path: Path) -> None:
    make_dataset(tmp_path, [make_pair(0)])
    (shard,) = (tmp_path / "data").rglob("*.tar")
    shard.unlink()
    os.mkfifo(shard)
    with open_dataset(tmp_path) as store, pytest.raises(IntegrityError, match="has 0 bytes"):
        store.pair(store.manifest.row(0))


def test_the_same_pairs_give_the_same_bytes(tmp_path: Path) -> None:
    pairs = [make_pair(i) for i in range(6)]
    first = make_dataset(tmp_path / "a", pairs)
    second = make_dataset(tmp_path / "b", reversed(pairs))
    for file in first.rglob("*"):
        if file.is_file():
            assert file.read_bytes() == (second / file.relative_to(first)).read_bytes()


def test_reading_a_manifest_starts_no_thread(tmp_path: Path) -> None:
    # A process that ends while Arrow's threads still start is aborted now and then (exit code 134).
    make_dataset(tmp_path, [make_pair(index) for index in range(3)])
    code = (
        "import os, sys, pyarrow.parquet\n"
        "from ggt_hf.data.format.manifest import Manifest\n"
        "threads = lambda: len(os.listdir('/proc/self/task'))\n"
        "before, data = threads(), open(sys.argv[1], 'rb').read()\n"
        "rows = list(Manifest.from_parquet(data))\n"
        "print(len(rows), threads() - before)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "meta/manifest.parquet")]
    assert subprocess.run(command, capture_output=True, text=True).stdout.split() == ["3", "0"]

"""Croissant metadata, read by MLCommons' own library."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import mlcroissant
import pytest
from etils import epath
from PIL import Image
from typer.testing import CliRunner

from ggt_hf import push_dataset
from ggt_hf.cli.app import app
from ggt_hf.records import Pair
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair

REPO = "ggt/wet"
PAIRS = [make_pair(i, category) for category in ("rain", "snow") for i in range(3)]


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier run fetched must not answer for this one."""
    from mlcroissant._src.core import constants
    from mlcroissant._src.operation_graph.operations import extract

    monkeypatch.setattr(constants, "DOWNLOAD_PATH", epath.Path(tmp_path / "download"))
    monkeypatch.setattr(extract, "EXTRACT_PATH", epath.Path(tmp_path / "extract"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "wet", PAIRS, pairs_a_shard=2)


def card_croissant(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["card", "croissant", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def records(document: Path, name: str) -> list[dict[str, Any]]:
    dataset = mlcroissant.Dataset(jsonld=document)
    return [
        {field.partition("/")[2]: value for field, value in record.items()}
        for record in dataset.records(name)
    ]


def pixels(encoded: bytes | Image.Image) -> bytes:
    picture = Image.open(io.BytesIO(encoded)) if isinstance(encoded, bytes) else encoded
    return picture.convert("RGB").tobytes()


def holds_the_pairs(document: Path) -> None:
    rows = {row["key"].decode(): row for row in records(document, "rows")}
    assert {key: row["category"].decode() for key, row in rows.items()} == {
        pair.info.key: pair.info.degradation for pair in PAIRS
    }
    for side in ("lq", "gt"):
        found = {r["key"].decode(): pixels(r["image"]) for r in records(document, side)}
        assert found == {pair.info.key: pixels(encoded(pair, side)) for pair in PAIRS}


def encoded(pair: Pair, side: str) -> bytes:
    return pair.lq if side == "lq" else pair.gt


def test_beside_the_files_every_record_loads(root: Path) -> None:
    card_croissant(root, "--write")
    holds_the_pairs(root / "croissant.json")


def test_from_the_hub_every_record_loads(hub: Hub, root: Path, tmp_path: Path) -> None:
    push_dataset(root, REPO, quiet=True, private=False)
    document = tmp_path / "of_the_hub.json"
    document.write_text(card_croissant(root, "--repo", REPO))
    holds_the_pairs(document)


def test_the_licences_and_hashes_are_those_of_the_records(root: Path) -> None:
    document = json.loads(card_croissant(root))
    info = json.loads((root / "meta/info.json").read_text())
    assert document["license"] == sorted({pair.info.license for pair in PAIRS})
    listed = {file["contentUrl"]: file.get("sha256") for file in document["distribution"][:-2]}
    assert listed == {
        "meta/manifest.parquet": info["manifest_sha256"],
        **{shard["path"]: shard["sha256"] for shard in info["shards"]},
    }


def test_a_file_of_another_hash_is_refused_by_the_reader(
    hub: Hub, root: Path, tmp_path: Path
) -> None:
    push_dataset(root, REPO, quiet=True, private=False)
    document = json.loads(card_croissant(root, "--repo", REPO))
    for file in document["distribution"]:
        if "sha256" in file:
            file["sha256"] = "0" * 64
    tampered = tmp_path / "tampered.json"
    tampered.write_text(json.dumps(document))
    with pytest.raises(mlcroissant.GenerationError) as refused:
        records(tampered, "rows")
    assert "hash" in str(refused.value.__cause__).lower()

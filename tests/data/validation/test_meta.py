"""The checks that open no shard, foreign tars, and what is honestly left out."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ggt_hf.data.format.manifest import DatasetInfo, MemberSpan
from ggt_hf.data.format.schema import CARD_PATH, INFO_PATH, MANIFEST_PATH
from ggt_hf.data.format.tarball import END
from ggt_hf.data.validation import validate
from ggt_hf.data.validation.comparison import plan_reading
from ggt_hf.data.validation.holding import Folder, hold
from ggt_hf.data.validation.shard import ShardTask
from ggt_hf.data.validation.workers import examine_all
from tests.data.validation.tampering import (
    SHARD,
    dataset,
    edit_info,
    failed,
    rehash,
    said,
    stored,
    write_info,
)
from tests.making import encoded, make_dataset, make_pair, picture


def two_shards(root: Path) -> Path:
    return make_dataset(root, [make_pair(i) for i in range(4)], pairs_a_shard=2)


def test_an_unfinished_dataset(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    (root / INFO_PATH).unlink()
    report = validate(root)
    assert failed(report) == {"structure"}
    assert "was never finished" in said(report, "structure")
    assert report["hashes"].outcome == report["readers"].outcome == "left out"
    assert report["tars"].outcome == "pass"


def test_a_missing_shard(tmp_path: Path) -> None:
    root = two_shards(tmp_path)
    (root / "data/rain/train-00001-of-00002.tar").unlink()
    report = validate(root)
    assert "lists it, but it is missing" in said(report, "structure")
    assert "is missing" in said(report, "manifest")
    assert "leaves out data/rain/train-00001-of-00002.tar" in said(report, "card")
    assert report["readers"].outcome == "left out"


def test_a_stray_shard(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    stray = root / "data/rain/train-00009-of-00009.tar"
    stray.write_bytes((root / SHARD).read_bytes())
    (root / "data/rain/.train.tar.partial").write_bytes(b"half")
    report = validate(root)
    assert "does not list it, yet the card's globs can read it" in said(report, "structure")
    assert "an interrupted build" in said(report, "structure")
    assert "takes data/rain/train-00009-of-00009.tar" in said(report, "card")
    assert "readers" in failed(report)


def test_shards_that_are_not_numbered_through(tmp_path: Path) -> None:
    root = two_shards(tmp_path)
    info = DatasetInfo.from_json((root / INFO_PATH).read_bytes())
    write_info(root, replace(info, shards=info.shards[1:]))
    report = validate(root, level="quick")
    assert "not numbered 0 to N-1 of N: 00001-of-00002" in said(report, "structure")


def test_a_shard_given_to_another_category(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    info = DatasetInfo.from_json((root / INFO_PATH).read_bytes())
    write_info(root, replace(info, shards=(replace(info.shards[0], category="snow"),)))
    report = validate(root, level="quick")
    assert "gives it to snow/train, its path to rain/train" in said(report, "structure")
    assert "it says rain/train, its shard is" in said(report, "manifest")


def test_totals_that_do_not_follow(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    edit_info(root, lambda fields: fields.update(num_pairs=5))
    report = validate(root, level="quick")
    assert "num_pairs is 5, its shards give 4" in said(report, "structure")


def test_a_changed_manifest(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    info = DatasetInfo.from_json((root / INFO_PATH).read_bytes())
    write_info(root, replace(info, manifest_sha256="0" * 64))
    assert "its SHA-256 is not the one" in said(validate(root, level="quick"), "manifest")


@pytest.mark.parametrize("offset", [-1, 1 << 62])
def test_a_row_that_points_outside_of_its_shard(tmp_path: Path, offset: int) -> None:
    root = dataset(tmp_path)
    far = MemberSpan(offset=offset, num_bytes=10, sha256="0" * 64)
    rehash(root, lambda rows: [replace(rows[0], lq=far), *rows[1:]])
    report = validate(root)
    assert f"it points at 10 bytes from {offset:,}, outside of" in said(report, "manifest")
    assert "train-rain-0000.lq: the manifest says 10 bytes" in said(report, "tars")


def test_pairs_that_the_manifest_does_not_name(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    rehash(root, lambda rows: rows[1:])
    report = validate(root)
    assert "it has 3 rows of" in said(report, "manifest")
    assert "train-rain-0000.lq: the manifest does not name it" in said(report, "tars")


def test_a_row_that_differs_from_its_record(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    rehash(root, lambda rows: [replace(rows[0], license="CC0", scores={}), *rows[1:]])
    assert "license, scores differ from its row" in said(validate(root), "records")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("---\n[: no yaml\n---\n", "huggingface_hub cannot parse it"),
        ("---\n- a list\n---\n", "huggingface_hub cannot parse it"),
        ("# no head\n", "huggingface_hub warns"),
        ("---\nconfigs: 7\ndataset_info: [1]\n---\n", "it declares no configs"),
    ],
)
def test_a_card_that_cannot_be_used(tmp_path: Path, text: str, cause: str) -> None:
    root = dataset(tmp_path)
    (root / CARD_PATH).write_text(text)
    report = validate(root, level="quick")
    assert failed(report) == {"card"}
    assert cause in said(report, "card")


def test_a_card_with_other_features_counts_and_globs(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    head = yaml.safe_load((root / CARD_PATH).read_text().split("---\n")[1])
    head["dataset_info"][0]["features"][0]["dtype"] = "binary"
    head["dataset_info"][1]["splits"][0]["num_examples"] = 5
    head["configs"][1]["data_files"][0]["path"] = "data/rain/test-*.tar"
    head["configs"].append({"config_name": "fog", "data_files": "data/fog/*.tar"})
    (root / CARD_PATH).write_text(f"---\n{yaml.safe_dump(head)}---\n")
    text = said(validate(root, level="quick"), "card")
    assert "default: its features are not those of the format (see lq)" in text
    assert "rain: its splits have {'train': (5," in text
    assert f"rain: split train leaves out {SHARD}" in text
    assert "fog: the configuration has no listed shard" in text


def test_quick_says_what_it_left_out(tmp_path: Path) -> None:
    report = validate(dataset(tmp_path), level="quick")
    assert report.ok
    assert {c.name for c in report.checks if c.outcome == "left out"} == {
        "tars", "keys", "records", "pixels", "readers",
    }  # fmt: skip
    assert report["hashes"].left_out == "SHA-256: --quick opens no shard"


def test_a_limit_reads_whole_spread_shards_and_says_so(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, [make_pair(i) for i in range(10)], pairs_a_shard=2)
    report = validate(root, readers_limit=4)
    assert report.ok
    # Two of five shards: by webdataset, and streamed by two configurations.
    assert report["readers"].looked_at == "12 rows by webdataset and datasets"
    assert "3 of 5 shards (--readers-limit)" in (report["readers"].left_out or "")
    info = DatasetInfo.from_json((root / INFO_PATH).read_bytes())
    plan = plan_reading(info, "default", 5, free_bytes=0)
    assert [shard.path[-18:-13] for shard in plan.shards] == ["00000", "00002", "00004"]


def test_no_copy_is_made_where_there_is_no_room(tmp_path: Path) -> None:
    info = DatasetInfo.from_json((dataset(tmp_path) / INFO_PATH).read_bytes())
    plan = plan_reading(info, "full", None, free_bytes=info.num_bytes)
    assert not plan.copies
    assert plan.shards == info.shards
    assert "set TMPDIR" in (plan.left_out or "")


def test_a_foreign_folder_of_tars(tmp_path: Path) -> None:
    members = [
        (f"{i:04d}.{suffix}", content)
        for i in range(30)
        for suffix, content in (("jpg", encoded(picture(i), "JPEG")), ("txt", b"a caption"))
    ]
    data = b"".join(stored(name, content) for name, content in members)
    (tmp_path / "shard-000.tar").write_bytes(data + END)
    report = validate(tmp_path)
    assert failed(report) == {"structure", "manifest", "card", "keys"}
    assert report["tars"].looked_at == "60 members"
    assert report["records"].looked_at == "0 records"
    assert report["keys"].num_findings == 30
    assert "'jpg' is foreign (expected KEY.lq, KEY.gt, KEY.json)" in said(report, "keys")


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    (root / "data/rain/again").symlink_to(root, target_is_directory=True)
    held = hold(root, revision=None, token=None)
    assert set(held.sizes) == {SHARD, INFO_PATH, MANIFEST_PATH, CARD_PATH}


def test_a_dying_worker_is_a_finding_and_the_rest_is_examined(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, [make_pair(i) for i in range(9)], pairs_a_shard=1)
    paths = sorted(str(p.relative_to(root)) for p in root.rglob("*.tar"))
    tasks = [
        ShardTask(
            holding=Killer(root, {}) if i == 0 else Folder(root, {}),
            path=path,
            num_bytes=(root / path).stat().st_size,
            listed=None,
            rows=None,
        )
        for i, path in enumerate(paths)
    ]
    done: list[int] = []
    exams = list(examine_all(tasks, 2, lambda amount=1: done.append(amount)))
    assert sorted(exam.path for exam in exams) == paths
    dead = {exam.path for exam in exams if exam.ledger.count("hashes")}
    assert paths[0] in dead
    assert len(dead) <= 4  # What was under way; the rest went to new workers.
    assert sum(done) == sum(task.num_bytes for task in tasks)


class Killer(Folder):
    """A folder whose reading ends the process, as a crashing decoder or the OOM killer does."""

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        os._exit(9)

from __future__ import annotations

import errno
import json
import os
import shutil
import struct
import zlib
from pathlib import Path

import pytest

import ggt_hf
from ggt_hf import build_dataset
from ggt_hf.data.building import build as building
from ggt_hf.data.building import staging
from ggt_hf.data.building.planning import plan_shards
from ggt_hf.data.building.sources import Labels, read_source
from ggt_hf.data.format.manifest import DatasetInfo, Manifest
from ggt_hf.data.format.schema import INFO_PATH, MANIFEST_PATH
from ggt_hf.errors import IncompleteError, SourceError, UsageError, WriteError
from tests.data.building.sources_making import (
    jpeg,
    pair_files,
    png,
    tree_bytes,
    write_files,
    write_zip,
)
from tests.making import encoded, picture

STEMS = [
    f"{split}/{c}/{{}}/{i:02d}"
    for split in ("train", "test")
    for c in ("rain", "snow")
    for i in range(6)
]
SHARD = 30_000
"""Bytes: a few shards a category."""


@pytest.fixture(scope="module")
def src(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("given") / "src", pair_files(*STEMS))


@pytest.fixture(scope="module")
def built(src: Path) -> dict[str, bytes]:
    out = src.parent / "built"
    build_dataset(src, out, shard_size=SHARD, license="CC0-1.0")
    return tree_bytes(out)


def bad_source(tmp_path: Path) -> Path:
    """Every fault that only reading a picture shows, and two good pairs."""
    from PIL import Image

    turned = Image.Exif()
    turned[0x0112] = 6
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))
        for k, d in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b""))
    )
    bad = {
        "empty": b"",
        "cut": jpeg(1)[:-300],
        "cutpng": png(1)[:-300],
        "text": b"not a picture",
        "small": png(2, (20, 20)),
        "turned": encoded(picture(3), "JPEG", exif=turned),
        "bomb": b"\x89PNG\r\n\x1a\n" + bomb,
    }
    files = pair_files("rain/{}/good1", "rain/{}/good2")
    for seed, (stem, data) in enumerate(bad.items()):
        files[f"rain/LQ/{stem}.png"] = data
        files[f"rain/GT/{stem}.png"] = png(seed)
    return write_files(tmp_path / "src", files)


def test_every_pair_is_there_unchanged(src: Path, built: dict[str, bytes]) -> None:
    info = DatasetInfo.from_json(built[INFO_PATH])
    assert info.counts() == {s: {"rain": 6, "snow": 6} for s in ("train", "test")}
    for row in Manifest.from_parquet(built[MANIFEST_PATH]):
        shard = built[row.shard]
        split, category, stem = row.key.split("-")
        for span, path in ((row.lq, f"LQ/{stem}.jpg"), (row.gt, f"GT/{stem}.png")):
            stored = shard[span.offset : span.offset + span.num_bytes]
            assert stored == (src / split / category / path).read_bytes()
        assert (row.license, row.source) == ("CC0-1.0", f"{split}/{category}/LQ/{stem}.jpg")


def test_shards_are_balanced_and_known_in_advance(src: Path, built: dict[str, bytes]) -> None:
    listing = read_source(src, Labels(license="CC0-1.0"))
    plans = plan_shards(reversed(listing.pairs), SHARD)
    shards = {path: len(data) for path, data in built.items() if path.endswith(".tar")}
    assert shards == {plan.path: plan.num_bytes for plan in plans}
    assert len(shards) > 4
    assert min(shards.values()) > 0.5 * max(shards.values())
    assert max(shards.values()) < 1.3 * SHARD


@pytest.mark.parametrize("num_workers", [1, 5])
def test_the_number_of_workers_changes_nothing(
    src: Path, built: dict[str, bytes], tmp_path: Path, num_workers: int
) -> None:
    build_dataset(
        src, tmp_path / "out", shard_size=SHARD, license="CC0-1.0", num_workers=num_workers
    )
    assert tree_bytes(tmp_path / "out") == built


def test_zips_give_the_bytes_that_folders_give(
    src: Path, built: dict[str, bytes], tmp_path: Path
) -> None:
    files = tree_bytes(src)
    for split in ("train", "test"):
        members = {k.removeprefix(f"{split}/"): v for k, v in files.items() if k.startswith(split)}
        write_zip(tmp_path / "zips" / f"{split}.zip", members)
    build_dataset(tmp_path / "zips", tmp_path / "out", shard_size=SHARD, license="CC0-1.0")
    rows = Manifest.from_parquet((tmp_path / "out" / MANIFEST_PATH).read_bytes())
    there = Manifest.from_parquet(built[MANIFEST_PATH])
    assert [(r.key, r.lq.sha256, r.gt.sha256) for r in rows] == [
        (r.key, r.lq.sha256, r.gt.sha256) for r in there
    ]


def test_stock_datasets_reads_it(src: Path, built: dict[str, bytes], tmp_path: Path) -> None:
    from datasets import Image, load_dataset

    table = load_dataset(
        str(src.parent / "built"), "snow", split="test", cache_dir=str(tmp_path)
    ).cast_column("lq", Image(decode=False))
    assert [row["bytes"] for row in table["lq"]] == [
        (src / f"test/snow/LQ/{i:02d}.jpg").read_bytes() for i in range(6)
    ]


def test_every_bad_picture_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    src = bad_source(tmp_path)
    (src / "rain/LQ/lonely.png").write_bytes(png(0))
    with pytest.raises(SourceError) as caught:
        build_dataset(src, tmp_path / "out", license="CC0-1.0")
    text = str(caught.value)
    for part in (
        "8 problems",
        "rain/LQ/empty.png is empty",
        "rain/LQ/cut.png cannot be decoded",
        "rain/LQ/cutpng.png cannot be decoded",
        "rain/LQ/text.png is not a picture",
        "rain/LQ/small.png is 20 x 20, but its ground truth rain/GT/small.png is 48 x 32",
        "rain/LQ/turned.png is turned by an EXIF tag (6)",
        "jpegtran -rotate 90",
        "bomb",
        "rain/LQ/lonely.png has no ground truth",
        "--drop-bad",
    ):
        assert part in text
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["src"]


def test_many_problems_are_listed_in_a_file(tmp_path: Path) -> None:
    lonely = {f"rain/LQ/{i}.png": png(0) for i in range(30)}
    src = write_files(tmp_path / "src", lonely | pair_files("rain/{}/good"))
    with pytest.raises(SourceError, match=r"30 problems(?s:.*)and 10 more") as caught:
        build_dataset(src, tmp_path / "out")
    report = tmp_path / ".out.building/problems.jsonl"
    assert str(report) in str(caught.value)
    assert len(report.read_text().splitlines()) == 30


def test_dropping_gives_the_shards_of_a_clean_source(tmp_path: Path) -> None:
    src = bad_source(tmp_path)
    (src / "rain/LQ/lonely.png").write_bytes(png(0))
    info = build_dataset(src, tmp_path / "out", drop_bad=True, shard_size=4_000)
    clean = write_files(tmp_path / "clean", pair_files("rain/{}/good1", "rain/{}/good2"))
    assert info == build_dataset(clean, tmp_path / "expected", shard_size=4_000)
    lines = (tmp_path / "out/meta/dropped.jsonl").read_text().splitlines()
    dropped = [json.loads(line) for line in lines]
    assert len(dropped) == 8
    assert {"rain/LQ/empty.png", "rain/LQ/lonely.png"} <= {d["files"][0] for d in dropped}
    before = tree_bytes(tmp_path / "out")
    build_dataset(src, tmp_path / "out", drop_bad=True, shard_size=4_000)
    assert tree_bytes(tmp_path / "out") == before
    (src / "rain/LQ/empty.png").write_bytes(png(9))
    with pytest.raises(UsageError, match="differs"):
        build_dataset(src, tmp_path / "out", drop_bad=True, shard_size=4_000)


def test_nothing_left_to_build(tmp_path: Path) -> None:
    src = write_files(tmp_path / "src", {"rain/LQ/1.png": b"", "rain/GT/1.png": png(0)})
    with pytest.raises(SourceError, match="No pair is left"):
        build_dataset(src, tmp_path / "out", drop_bad=True)
    assert [path.name for path in tmp_path.iterdir()] == ["src"]


def test_the_same_again_is_left_alone(src: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build_dataset(src, out, shard_size=SHARD)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    build_dataset(src, out, shard_size=SHARD, overwrite=True)
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_another_is_refused_and_replaced_on_request(tmp_path: Path) -> None:
    src = write_files(tmp_path / "src", pair_files("rain/{}/1", "rain/{}/2"))
    out = tmp_path / "out"
    build_dataset(src, out)
    before = tree_bytes(out)
    changed = png(77)
    status = (src / "rain/GT/1.png").stat()
    (src / "rain/GT/1.png").write_bytes(changed)
    os.utime(src / "rain/GT/1.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(UsageError, match="differs"):
        build_dataset(src, out)
    assert tree_bytes(out) == before
    build_dataset(src, out, overwrite=True)
    assert changed in tree_bytes(out)["data/rain/train-00000-of-00001.tar"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "src"]


def test_a_folder_of_other_things_is_not_touched(src: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("years")
    with pytest.raises(IncompleteError, match="no complete dataset"):
        build_dataset(src, tmp_path / "out", overwrite=True)
    assert tree_bytes(tmp_path)["out/thesis.tex"] == b"years"


def test_source_and_target_must_lie_apart(src: Path) -> None:
    for out in (src, src / "out", src.parent):
        with pytest.raises(UsageError, match="inside each other"):
            build_dataset(src, out)


@pytest.mark.parametrize("out", ["", ".", ".."])
def test_the_working_directory_is_not_replaced(
    src: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UsageError, match="where this command runs"):
        build_dataset(src, out)
    assert Path.cwd().is_dir()


def test_two_builds_of_one_target(src: Path, tmp_path: Path) -> None:
    with staging.staging(tmp_path / "out"), pytest.raises(UsageError, match="Another build"):
        build_dataset(src, tmp_path / "out")


def test_a_link_in_place_of_the_staging_folder_is_not_followed(src: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / ".out.building").symlink_to(tmp_path / "victim")
    with pytest.raises(UsageError, match="is a link"):
        build_dataset(src, tmp_path / "out")
    assert not any((tmp_path / "victim").iterdir())


def test_a_full_disk_is_told_and_the_rest_is_kept(
    src: Path, built: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No small file system can be mounted in a test, so the third shard's fsync reports one.
    calls = iter(range(100))
    real = os.fsync

    def fsync(handle: int) -> None:
        if next(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    options = {"shard_size": SHARD, "license": "CC0-1.0"}
    with pytest.raises(WriteError, match="No space left"):
        build_dataset(src, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
    listing = read_source(src, Labels(license="CC0-1.0"))
    report = building.build(
        listing, tmp_path / "out", building.BuildOptions(shard_size=SHARD, quiet=True)
    )
    assert report.num_reused_shards == 2
    assert tree_bytes(tmp_path / "out") == built


def test_more_than_the_disk_holds_is_refused_at_once(
    src: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(WriteError, match="1,000 left"):
        build_dataset(src, tmp_path / "out")


def test_a_changed_source_is_noticed_on_resuming(tmp_path: Path) -> None:
    src = bad_source(tmp_path)
    files = [*src.glob("rain/LQ/*.png"), *src.glob("rain/GT/*.png")]
    with pytest.raises(SourceError):
        build_dataset(src, tmp_path / "out", shard_size=3_000)
    for file in files:
        file.write_bytes(png(int(file.stat().st_size) % 50))
    build_dataset(src, tmp_path / "out", shard_size=3_000)
    build_dataset(src, tmp_path / "fresh", shard_size=3_000)
    assert tree_bytes(tmp_path / "out") == tree_bytes(tmp_path / "fresh")


def test_it_is_a_public_name() -> None:
    assert ggt_hf.build_dataset is build_dataset

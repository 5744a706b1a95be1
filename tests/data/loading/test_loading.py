from __future__ import annotations

import itertools
import logging
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from ggt_hf import load_dataset
from ggt_hf.data.format.schema import features
from ggt_hf.data.loading import bare_name
from ggt_hf.data.loading.stub import stub_text, write_stub
from ggt_hf.data.loading.views import CAPTIONS, diffusers_features
from ggt_hf.errors import FormatError, UsageError
from ggt_hf.records import Pair
from tests.data.loading.loaded import assert_pairs, assert_picture
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair

SPLITS = ("train", "test")


def the_pairs() -> list[Pair]:
    """Five rain and five haze pairs a split; one has no prompt."""
    pairs = [make_pair(i, d, s) for d in ("haze", "rain") for s in SPLITS for i in range(5)]
    first = pairs[0]
    return [replace(first, info=replace(first.info, prompt=None)), *pairs[1:]]


PAIRS = the_pairs()


def of(split: str, category: str | None = None) -> list[Pair]:
    return [
        p
        for p in PAIRS
        if p.info.split == split and (category is None or p.info.degradation == category)
    ]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("made") / "ggt-100k", PAIRS, pairs_a_shard=2)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory with an empty cache, where the bare name means nothing yet."""
    monkeypatch.setenv("GGT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_plain_datasets_reads_every_configuration(root: Path) -> None:
    import datasets

    assert datasets.get_dataset_config_names(str(root)) == ["default", "haze", "rain"]
    for name, category in ((None, None), ("rain", "rain"), ("haze", "haze")):
        loaded = datasets.load_dataset(str(root), name, verification_mode="all_checks")
        assert set(loaded) == set(SPLITS)
        for split in SPLITS:
            assert loaded[split].features == features()
            assert_pairs(loaded[split], of(split, category))
            stream = datasets.load_dataset(str(root), name, split=split, streaming=True)
            assert stream.features == features()
            assert_pairs(stream, of(split, category))


def test_a_count_that_is_not_the_cards_is_refused(root: Path, tmp_path: Path) -> None:
    import datasets

    copy = make_dataset(tmp_path / "copy", PAIRS)
    (copy / "data/rain/train-00000-of-00002.tar").unlink()
    with pytest.raises(datasets.exceptions.NonMatchingSplitsSizesError):
        datasets.load_dataset(str(copy), "rain")


@pytest.mark.parametrize("streaming", [False, True])
def test_ours_gives_what_plain_datasets_gives(root: Path, streaming: bool) -> None:
    loaded = load_dataset(root, "rain", streaming=streaming)
    assert set(loaded) == set(SPLITS)
    for split in SPLITS:
        assert loaded[split].features == features()
        assert_pairs(loaded[split], of(split, "rain"))


@pytest.mark.parametrize("streaming", [False, True])
def test_the_diffusers_view(root: Path, streaming: bool) -> None:
    loaded = load_dataset(root, split="train", streaming=streaming, columns="diffusers")
    assert loaded.features == diffusers_features()
    rows = list(loaded)
    for row, pair in zip(rows, of("train"), strict=True):
        assert list(row) == ["cond_image", "image", "caption"]
        assert_picture(row["cond_image"], pair.lq)
        assert_picture(row["image"], pair.gt)
        assert row["caption"] == (pair.info.prompt or CAPTIONS["haze"])
    assert rows[0]["caption"] == CAPTIONS["haze"]


def test_a_view_moves_encoded_bytes_and_decodes_nothing(root: Path) -> None:
    stream = load_dataset(root, split="test", streaming=True, columns="diffusers").decode(False)
    table = load_dataset(root, split="test", columns="diffusers")
    arrow = table.with_format("arrow")[:].to_pylist()
    for row, stored, pair in zip(stream, arrow, of("test"), strict=True):
        assert row["image"]["bytes"] == stored["image"]["bytes"] == pair.gt
        assert row["cond_image"]["bytes"] == stored["cond_image"]["bytes"] == pair.lq
        assert row["image"]["path"] == f"{pair.info.key}.gt"
    pairs = load_dataset(root, split="test")
    assert table.cache_files == pairs.cache_files


def test_a_view_of_a_stream_can_be_pickled_divided_and_resumed(root: Path) -> None:
    stream = load_dataset(root, split="train", streaming=True, columns="diffusers")
    assert stream.num_shards == 6
    whole = [row["caption"] for row in pickle.loads(pickle.dumps(stream))]
    halves = [[row["caption"] for row in stream.shard(2, index)] for index in (0, 1)]
    assert sorted(whole) == sorted(itertools.chain(*halves))
    seen = [row["caption"] for row in itertools.islice(stream, 3)]
    again = load_dataset(root, split="train", streaming=True, columns="diffusers")
    iterator = iter(stream)
    for _ in seen:
        next(iterator)
    again.load_state_dict(stream.state_dict())
    assert seen + [row["caption"] for row in again] == whole


def test_split_expressions_and_options_pass_through(root: Path, tmp_path: Path) -> None:
    loaded = load_dataset(
        root, split=["train[:3]", "test[-1:]"], columns="diffusers", cache_dir=tmp_path / "c"
    )
    assert [len(part) for part in loaded] == [3, 1]
    assert_picture(loaded[1][0]["image"], of("test")[-1].gt)
    assert str(tmp_path / "c") in loaded[0].cache_files[0]["filename"]


def test_an_unknown_view_and_foreign_columns_are_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="clip"):
        load_dataset(root, columns="clip")  # type: ignore[arg-type]
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv/train.csv").write_text("a,b\n1,2\n")
    for streaming in (False, True):
        with pytest.raises(FormatError, match="lq, gt, json"):
            load_dataset(tmp_path / "csv", columns="diffusers", streaming=streaming)


def test_the_bare_name_means_the_folder_beside_first(root: Path, elsewhere: Path) -> None:
    write_stub(bare_name.everywhere_folder() / "ggt-100k", "not looked at")
    (elsewhere / "ggt-100k").symlink_to(root)
    assert_pairs(load_dataset("ggt-100k", "rain", split="test"), of("test", "rain"))
    with pytest.raises(UsageError, match="has no revisions"):
        load_dataset("ggt-100k", revision="v1.0")


@pytest.mark.parametrize("where", ["here", "everywhere"])
def test_the_bare_name_follows_a_stub(root: Path, elsewhere: Path, where: str) -> None:
    from ggt_hf.data.loading.location import Location

    folder = elsewhere if where == "here" else bare_name.everywhere_folder()
    stub = folder / "ggt-100k"
    write_stub(stub, stub_text(Location.parse(root), stub))
    stream = load_dataset("ggt-100k", "haze", split="train", streaming=True)
    assert_pairs(stream, of("train", "haze"))


def test_a_stub_whose_dataset_is_gone_says_so(root: Path, elsewhere: Path) -> None:
    from ggt_hf.data.loading.location import Location

    stub = elsewhere / "ggt-100k"
    text = stub_text(Location.parse(root), stub).replace(f"to: {root}", "to: /nowhere/at/all")
    write_stub(stub, text)
    with pytest.raises(FormatError, match="/nowhere/at/all"):
        load_dataset("ggt-100k")


def test_unconfigured_the_bare_name_is_the_sample_and_says_so_once(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # What the name resolves to is tested here; the sample itself has a test of its own.
    monkeypatch.setattr(bare_name, "sample_dataset", lambda: root)
    bare_name._remark_on_sample.cache_clear()
    with caplog.at_level(logging.WARNING, logger="ggt_hf"):
        for _ in range(2):
            assert_pairs(load_dataset(split="train", streaming=True), of("train"))
    assert [r.message.count("ggt link") for r in caplog.records if r.name.startswith("ggt")] == [1]


def test_the_real_sample_is_built_once_and_loads() -> None:
    from ggt_hf.data.loading.sample_shards import sample_dataset

    folder = sample_dataset()
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    loaded = load_dataset("ggt-100k")
    assert set(loaded) == set(SPLITS)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before
    assert [path.name for path in folder.parent.iterdir()] == ["ggt-100k"]
    for row in loaded["test"]:
        assert row["lq"].size == row["gt"].size


def test_a_private_repository_by_name_by_stub_and_by_revision(
    hub: Hub, root: Path, elsewhere: Path
) -> None:
    import datasets

    from ggt_hf.data.loading.location import Location

    hub.api().create_repo("alice/ggt-100k", repo_type="dataset", private=True)
    hub.api().upload_folder(repo_id="alice/ggt-100k", repo_type="dataset", folder_path=root)
    hub.api().create_tag("alice/ggt-100k", tag="v1.0", repo_type="dataset")
    stub = elsewhere / "ggt-100k"
    text = stub_text(Location.parse("alice/ggt-100k", "v1.0"), stub)
    write_stub(stub, text)
    commit = hub.api().list_repo_commits("alice/ggt-100k", repo_type="dataset")[0].commit_id
    assert f"hf://datasets/alice/ggt-100k@{commit}/data/rain/train-*.tar" in text

    stream = load_dataset("alice/ggt-100k", "rain", split="train", streaming=True)
    assert_pairs(stream, of("train", "rain"))
    assert_pairs(datasets.load_dataset("ggt-100k", "rain")["test"], of("test", "rain"))
    plain = datasets.load_dataset("ggt-100k", split="test", streaming=True)
    assert_pairs(plain, of("test"))
    assert_pairs(load_dataset(revision="v1.0", split="test", streaming=True), of("test"))


def test_an_overlay_fits_a_repository_by_its_commit(hub: Hub, root: Path) -> None:
    from ggt_hf.data.reading.overlays import Overlay
    from ggt_hf.data.reading.reader import open_dataset

    hub.api().create_repo("alice/ggt-100k", repo_type="dataset")
    hub.api().upload_folder(repo_id="alice/ggt-100k", repo_type="dataset", folder_path=root)
    first, *kept = of("train")
    root_hash = open_dataset(root).info.root_hash
    overlay = Overlay(name="o", of=root_hash, dropped=frozenset({first.info.key}))
    for streaming in (False, True):
        loaded = load_dataset(
            "hf://datasets/alice/ggt-100k", split="train", overlay=overlay, streaming=streaming
        )
        assert_pairs(loaded, kept)

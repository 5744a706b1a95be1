from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ggt_hf.data.format.schema import features
from ggt_hf.data.loading.location import Location
from ggt_hf.data.loading.stub import read_link, stub_text
from ggt_hf.errors import FormatError, UsageError
from ggt_hf.records import DEGRADATIONS
from tests.data.loading.loaded import assert_pairs
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair

SCRIPTS = Path(__file__).parents[2] / "loading_scripts"
PAIRS = [
    make_pair(i, d, s) for d in sorted(DEGRADATIONS) for s in ("train", "test") for i in (0, 1)
]
RAIN = [pair for pair in PAIRS if pair.info.degradation == "rain" and pair.info.split == "train"]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository after `make demo`: loading_scripts/ beside the dataset that it built."""
    shutil.copytree(SCRIPTS, tmp_path / "loading_scripts")
    make_dataset(tmp_path / "ggt-demo/ggt-100k", PAIRS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ggt_100k(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(checkout / "loading_scripts")
    monkeypatch.delitem(sys.modules, "ggt_100k", raising=False)
    import ggt_100k

    return ggt_100k


def test_the_stub_is_what_ggt_link_writes(checkout: Path) -> None:
    stub = Path("loading_scripts/ggt-100k")
    text = stub_text(Location.parse("ggt-demo/ggt-100k"), stub)
    assert (SCRIPTS / "ggt-100k/README.md").read_text() == text
    assert read_link(stub) == Location(path="ggt-demo/ggt-100k", on_hub=False)


def test_plain_datasets_loads_where_the_stub_lies(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.chdir(checkout / "loading_scripts")
    assert_pairs(datasets.load_dataset("ggt-100k", "rain", split="train"), RAIN)
    assert datasets.get_dataset_config_names("ggt-100k") == ["default", *sorted(DEGRADATIONS)]


def test_the_builder_streams_and_prepares(ggt_100k: ModuleType) -> None:
    builder = ggt_100k.GGT100K(config_name="rain", data_dir="ggt-demo/ggt-100k")
    assert builder.info.features == features()
    assert_pairs(builder.as_streaming_dataset(split="train"), RAIN)
    builder.download_and_prepare(verification_mode="all_checks")
    assert_pairs(builder.as_dataset(split="train"), RAIN)
    whole = ggt_100k.GGT100K(data_dir="ggt-demo/ggt-100k")
    assert {s: i.num_examples for s, i in whole.info.splits.items()} == {"train": 12, "test": 12}
    assert {config.name for config in whole.builder_configs.values()} == {"default", *DEGRADATIONS}


def test_the_builder_reads_a_rebuilt_folder_anew(ggt_100k: ModuleType, tmp_path: Path) -> None:
    for index in (1, 2):
        shutil.rmtree(tmp_path / "d", ignore_errors=True)
        pairs = [make_pair(index)]
        builder = ggt_100k.GGT100K(data_dir=make_dataset(tmp_path / "d", pairs))
        builder.download_and_prepare()
        assert_pairs(builder.as_dataset(split="train"), pairs)


def test_the_builder_reads_a_repository(hub: Hub, ggt_100k: ModuleType, checkout: Path) -> None:
    hub.api().create_repo("alice/ggt-100k", repo_type="dataset", private=True)
    folder = checkout / "ggt-demo/ggt-100k"
    hub.api().upload_folder(repo_id="alice/ggt-100k", repo_type="dataset", folder_path=folder)
    builder = ggt_100k.GGT100K(config_name="rain", repo_id="alice/ggt-100k")
    assert_pairs(builder.as_streaming_dataset(split="train"), RAIN)


def test_the_builder_names_what_is_not_there(ggt_100k: ModuleType, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", [make_pair(0)])
    with pytest.raises(UsageError, match="'snow'"):
        ggt_100k.GGT100K(config_name="snow", data_dir=folder)
    with pytest.raises(FormatError, match=r"meta/info\.json"):
        ggt_100k.GGT100K(data_dir=tmp_path)

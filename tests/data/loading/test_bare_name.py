from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ggt_hf
from ggt_hf.errors import UsageError
from tests.data.loading.loaded import assert_pairs
from tests.making import make_dataset, make_pair

PAIRS = [make_pair(i, "rain", s) for s in ("train", "test") for i in range(4)]
TRAIN = PAIRS[:4]

SPAWNING = """
import json, multiprocessing, sys

def first(split):
    import datasets
    stream = datasets.load_dataset("ggt-100k", "rain", split=split, streaming=True)
    return next(iter(stream))["json"]["source"]

def grandchild(split):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(first, [split])[0]

def sources(rows):
    return [row["json"]["source"] for row in rows]

def main():
    import datasets, ggt_hf
    from concurrent.futures import ProcessPoolExecutor
    from torch.utils.data import DataLoader
    ggt_hf.enable_bare_name(sys.argv[1])
    seen = {}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        seen["child"] = pool.submit(first, "train").result()
        seen["grandchild"] = pool.submit(grandchild, "test").result()
    pairs = datasets.load_dataset("ggt-100k", split="train", num_proc=2)
    seen["mapped"] = pairs.map(lambda row: {"n": row["lq"].width}, num_proc=2)["n"][:]
    stream = datasets.load_dataset("ggt-100k", split="train", streaming=True)
    ggt_hf.disable_bare_name()  # what is built needs the name no more
    loader = DataLoader(
        stream, 2, num_workers=1, collate_fn=sources, multiprocessing_context="spawn"
    )
    seen["loader"] = sum(loader, [])
    print(json.dumps(seen))

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("made") / "pairs", PAIRS, pairs_a_shard=2)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GGT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield
    ggt_hf.disable_bare_name()


def run(code: str, argument: Path, folder: Path) -> str:
    (folder / "script.py").write_text(code)
    env = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(folder / "hf"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "script.py", str(argument)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_plain_datasets_learns_the_name_and_forgets_it(root: Path) -> None:
    import datasets

    original = datasets.load.dataset_module_factory
    for _ in range(2):
        ggt_hf.enable_bare_name(root)
    loaded = datasets.load_dataset("ggt-100k", "rain", split="train")
    assert_pairs(loaded, TRAIN)
    assert datasets.get_dataset_config_names("ggt-100k") == ["default", "rain"]
    assert datasets.get_dataset_split_names("ggt-100k", "rain") == ["train", "test"]
    assert datasets.get_dataset_default_config_name("ggt-100k") == "default"
    assert set(datasets.get_dataset_infos("ggt-100k")) == {"default", "rain"}
    assert datasets.load_dataset_builder("ggt-100k").info.features == loaded.features
    for _ in range(2):
        ggt_hf.disable_bare_name()
    assert datasets.load.dataset_module_factory is original
    assert datasets.inspect.dataset_module_factory is original
    assert_pairs(loaded, TRAIN)


def test_other_names_are_left_alone(root: Path) -> None:
    import datasets

    ggt_hf.enable_bare_name(root)
    assert_pairs(datasets.load_dataset(str(root), split="train", streaming=True), TRAIN)
    with pytest.raises(datasets.exceptions.DatasetNotFoundError):
        datasets.load_dataset("ggt-101k")


def test_without_a_place_it_means_what_our_loader_means(root: Path, tmp_path: Path) -> None:
    import datasets

    (tmp_path / "cache/link").mkdir(parents=True)
    (tmp_path / "cache/link/ggt-100k").symlink_to(root)
    ggt_hf.enable_bare_name()
    assert_pairs(datasets.load_dataset("ggt-100k", split="train", streaming=True), TRAIN)


def test_a_relative_place_holds_in_other_directories(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.chdir(root.parent)
    ggt_hf.enable_bare_name(root.name)
    monkeypatch.chdir(tmp_path)
    assert_pairs(datasets.load_dataset("ggt-100k", split="train", streaming=True), TRAIN)


def test_no_place_and_other_internals_are_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    with pytest.raises(UsageError, match="nowhere"):
        ggt_hf.enable_bare_name("nowhere")
    with monkeypatch.context() as changed:
        changed.delattr(datasets.inspect, "dataset_module_factory")
        with pytest.raises(UsageError, match=f"datasets {datasets.__version__}"):
            ggt_hf.enable_bare_name(root)


def test_spawned_processes_and_their_children_know_the_name(root: Path, tmp_path: Path) -> None:
    seen = json.loads(run(SPAWNING, root, tmp_path))
    assert seen == {
        "child": "made/0.png",
        "grandchild": "made/0.png",
        "mapped": [48] * 4,
        "loader": [f"made/{i}.png" for i in range(4)],
    }

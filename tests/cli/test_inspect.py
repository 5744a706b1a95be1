from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ggt_hf.cli.app import app
from ggt_hf.data.format.manifest import DatasetInfo, Manifest
from ggt_hf.data.format.schema import INFO_PATH, MANIFEST_PATH
from ggt_hf.errors import FormatError, HubError, UsageError
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair

REPO = "ggt/pairs"
PAIRS = [
    *(make_pair(i, d) for d in ("rain", "low_light") for i in range(3)),
    make_pair(0, "rain", "test"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "pairs", PAIRS)


@pytest.fixture
def pushed(hub: Hub, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """`root` as the dataset REPO, tagged v1; an empty cache."""
    hub.api().create_repo(REPO, repo_type="dataset")
    hub.api().upload_folder(repo_id=REPO, repo_type="dataset", folder_path=root)
    hub.api().create_tag(REPO, tag="v1", repo_type="dataset")
    hub.log.clear()
    monkeypatch.setenv("GGT_CACHE", str(tmp_path / "cache"))
    return hub


def ggt(*arguments: object, code: int = 0) -> Result:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done


def test_info_counts_by_split_and_category(root: Path) -> None:
    lines = ggt("info", root).stdout.splitlines()
    assert "7 pairs in 3 shards" in lines[1]
    assert [line.split() for line in lines[3:6]] == [
        ["split", "low_light", "rain", "all"],
        ["train", "3", "3", "6"],
        ["test", "0", "1", "1"],
    ]
    fields = json.loads(ggt("info", root, "--json").stdout)
    info = DatasetInfo.from_json((root / INFO_PATH).read_bytes())
    assert fields["root_hash"] == info.root_hash
    assert fields["root_hash"] in lines[-1]
    assert fields["formats"] == {"lq": {"jpeg": 7}, "gt": {"png": 7}}
    assert fields["sizes"] == {"width": [48, 48], "height": [32, 32]}
    assert fields["licenses"] == {"CC0-1.0": 7}
    assert fields["origins"] == {"synthetic": 7}
    assert fields["revision"] is None


def test_info_of_a_repository_names_the_commit(pushed: Hub) -> None:
    fields = json.loads(ggt("info", f"{REPO}@v1", "--json").stdout)
    assert fields["revision"] == pushed.api().dataset_info(REPO).sha
    assert fields["num_pairs"] == 7
    assert not pushed.log.select(r"\.tar")


def test_ls_lists_what_is_asked_for(root: Path) -> None:
    rows = json.loads(ggt("ls", root, "--json").stdout)
    assert {row["key"] for row in rows} == {pair.info.key for pair in PAIRS}
    assert len(rows) == 7
    few = json.loads(ggt("ls", root, "--split", "train", "--category", "rain", "--json").stdout)
    assert [row["key"] for row in few] == [f"train-rain-{i:04d}" for i in range(3)]
    assert len(json.loads(ggt("ls", root, "--limit", 2, "--json").stdout)) == 2
    table = ggt("ls", root, "--split", "test").stdout.splitlines()
    assert table[0].split()[:3] == ["key", "split", "category"]
    assert table[1].split()[:3] == ["test-rain-0000", "test", "rain"]


def test_ls_refuses_a_split_that_is_not_there(root: Path) -> None:
    error = ggt("ls", root, "--split", "val", code=1).exception
    assert isinstance(error, UsageError)
    assert error.hint == "It has: test, train."


def test_ls_says_when_nothing_matches(root: Path) -> None:
    done = ggt("ls", root, "--split", "test", "--category", "low_light")
    assert done.stdout == ""
    assert "No pair" in done.stderr


def test_show_fetches_the_bytes_of_one_pair(pushed: Hub, root: Path, tmp_path: Path) -> None:
    key, out = "train-low_light-0001", tmp_path / "out"
    done = ggt("show", REPO, key, "--out", out)
    (fetched,) = pushed.log.select("low_light", server="hub")
    ranges = [entry for entry in pushed.log.select(server="cdn") if entry.range]
    row = Manifest.from_parquet((root / MANIFEST_PATH).read_bytes()).find(key)
    assert row is not None
    stop = row.json.offset + row.json.num_bytes - 1
    assert ranges[-1].range == f"bytes={row.lq.offset}-{stop}"
    assert fetched.method == "HEAD"
    pair = next(pair for pair in PAIRS if pair.info.key == key)
    assert (out / f"{key}.lq.jpg").read_bytes() == pair.lq
    assert (out / f"{key}.gt.png").read_bytes() == pair.gt
    record = json.loads((out / f"{key}.json").read_text())
    assert record["prompt"] == pair.info.prompt
    assert record["scores"] == {"psnr": 20.125}
    assert "Restore picture 1." in done.stdout
    assert f"{key}.gt.png" in done.stderr


def test_show_prints_the_record_as_json(root: Path) -> None:
    fields = json.loads(ggt("show", root, "test-rain-0000", "--json").stdout)
    assert fields["category"] == "rain"
    assert fields["lq"]["format"] == "jpeg"
    assert fields["shard"] == "data/rain/test-00000-of-00001.tar"
    assert "files" not in fields


def test_show_prints_no_control_character(tmp_path: Path) -> None:
    from dataclasses import replace

    pair = replace(PAIRS[0], info=replace(PAIRS[0].info, prompt="\x1b[2Jgone\nnext"))
    root = make_dataset(tmp_path / "pairs", [pair])
    assert r"\x1b[2Jgone\nnext" in ggt("show", root, pair.info.key).stdout


def test_show_names_an_unknown_key(root: Path) -> None:
    error = ggt("show", root, "absent", code=1).exception
    assert isinstance(error, UsageError)
    assert "no pair 'absent'" in error.message


def test_show_writes_nothing_outside_the_folder(root: Path, tmp_path: Path) -> None:
    """A stranger's manifest whose key climbs out of the folder."""
    from dataclasses import replace

    from ggt_hf.data.format.manifest import dataset_info

    rows = list(Manifest.from_parquet((root / MANIFEST_PATH).read_bytes()))
    evil = Manifest.from_rows([replace(rows[0], key="../../evil"), *rows[1:]]).to_parquet()
    info = DatasetInfo.from_json((root / INFO_PATH).read_bytes())
    (root / MANIFEST_PATH).write_bytes(evil)
    (root / INFO_PATH).write_bytes(dataset_info(evil, info.shards).to_json())
    error = ggt("show", root, "../../evil", "--out", tmp_path / "a/b/c", code=1).exception
    assert isinstance(error, FormatError)
    assert not list(tmp_path.rglob("*evil*"))


def test_diff_of_equal_datasets_is_silent_success(pushed: Hub, root: Path) -> None:
    assert ggt("diff", root, REPO).stdout == "The same pairs.\n"
    assert not pushed.log.select(r"\.tar")


def test_diff_names_what_changed(root: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    worse = replace(PAIRS[1], lq=PAIRS[2].lq)
    told = replace(PAIRS[2], info=replace(PAIRS[2].info, prompt="Other."))
    other = make_dataset(tmp_path / "new", [worse, told, *PAIRS[3:], make_pair(9)])
    found = json.loads(ggt("diff", root, other, "--json", code=1).stdout)
    assert found == {
        "added": ["train-rain-0009"],
        "removed": ["train-rain-0000"],
        "changed": {"train-rain-0001": ["lq"], "train-rain-0002": ["record"]},
    }
    text = ggt("diff", root, other, code=1).stdout
    assert "- train-rain-0000\n~ train-rain-0001  lq\n" in text
    assert text.endswith("1 added, 1 removed, 2 changed\n")


def test_diff_tells_trouble_from_difference(root: Path, tmp_path: Path) -> None:
    done = ggt("diff", root, tmp_path / "absent", code=2)
    assert "absent" in done.stderr and "next: " in done.stderr


def test_a_folder_that_cannot_be_written_is_an_error_not_a_traceback(root: Path) -> None:
    key = json.loads(ggt("ls", root, "--limit", "1", "--json").stdout)[0]["key"]
    words = "show", str(root), key, "--out", "/proc/no-such-place"
    done = subprocess.run(
        [sys.executable, "-m", "ggt_hf", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert "/proc/no-such-place" in done.stderr and "Traceback" not in done.stderr


def test_diff_of_two_revisions(pushed: Hub, tmp_path: Path) -> None:
    other = make_dataset(tmp_path / "new", PAIRS[1:])
    pushed.api().upload_folder(
        repo_id=REPO, repo_type="dataset", folder_path=other, delete_patterns="*"
    )
    done = ggt("diff", f"{REPO}@v1", REPO, code=1)
    assert done.stdout.splitlines()[0] == "- train-rain-0000"


def test_a_missing_repository_is_two_lines_and_exit_1(pushed: Hub) -> None:
    assert isinstance(ggt("info", "ggt/absent", code=1).exception, HubError)
    done = pushed.run_python("-m", "ggt_hf", "info", "ggt/absent")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("error: ggt/absent@main: no such dataset")
    assert second.startswith("  next: ")


@pytest.mark.parametrize("verb", ["info", "ls", "show", "diff"])
def test_help_shows_examples_and_loads_nothing_heavy(verb: str) -> None:
    heavy = ["pyarrow", "huggingface_hub", "numpy", "PIL", "datasets", "torch", "httpx2"]
    code = (
        "import sys, contextlib\nfrom ggt_hf.cli.app import main\n"
        f"sys.argv = ['ggt', '{verb}', '--help']\n"
        "with contextlib.suppress(SystemExit): main()\n"
        f"sys.exit(','.join(m for m in {heavy} if m in sys.modules) or 0)"
    )
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"ggt {verb} " in done.stdout


def test_a_folder_that_is_gone_is_no_dataset(root: Path) -> None:
    shutil.rmtree(root)
    assert isinstance(ggt("info", root, code=1).exception, UsageError)

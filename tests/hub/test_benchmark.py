"""A dataset as a benchmark of the Hub: its eval.yaml, and results that fit it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from huggingface_hub import eval_result_entries_to_yaml
from huggingface_hub._eval_results import parse_eval_result_entries
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from ggt_hf.data.reading.folder import DatasetFolder
from ggt_hf.data.validation import validate
from ggt_hf.errors import FormatError, UsageError
from ggt_hf.evaluation.benchmark import run_benchmark
from ggt_hf.evaluation.claims import Claim
from ggt_hf.evaluation.run import Settings
from ggt_hf.evaluation.task import named_task, task_of
from ggt_hf.hub.benchmark import EVAL_PATH, benchmark_of, parse_benchmark, write_benchmark
from ggt_hf.hub.push import push_dataset
from ggt_hf.hub.results import leaderboard_entries, write_results
from tests.evaluation.folders import Brighter, make_pairs
from tests.hub.datasets_here import REPO, tree
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    root = make_dataset(tmp_path, [make_pair(i, split="test") for i in range(3)])
    return DatasetFolder.open(root)


def test_it_says_what_the_hub_asks_for(folder):
    said = yaml.safe_load(benchmark_of(folder, named_task("ggt-test")).to_yaml())
    assert list(said) == ["name", "description", "evaluation_framework", "tasks"]
    assert said["name"] == "GGT-test" and said["evaluation_framework"] == "ggt-hf"
    assert "3 pairs" in said["description"] and "LPIPS (lower is better)" in said["description"]
    assert said["tasks"][0] == {"id": "psnr_y", "config": "default", "split": "test"}
    assert len(said["tasks"]) == 9


def test_what_is_written_is_read_back(folder):
    made = benchmark_of(folder, metrics=["psnr-y", "ssim"], name="Régén: #1")
    path = write_benchmark(folder.root, made)
    assert parse_benchmark(path.read_text(encoding="utf-8")) == made
    assert [task[0] for task in made.tasks] == ["psnr_y", "ssim"]


def test_results_of_models_name_the_benchmark_s_tasks(folder):
    """The entries of ggt card results, through huggingface_hub's own parser."""
    made = benchmark_of(folder, metrics=["psnr_y", "ssim_y"])
    claim = Claim(
        task="x", title="X", data=None, multiple=1, simulate=False, reference=True,
        dataset_id=REPO, fingerprint={}, pictures={},
        means={name: {"mean": 1.0, "low": 0.0, "high": 2.0, "count": 3}
               for name, _, _ in made.tasks},
    )  # fmt: skip
    written = yaml.safe_dump(eval_result_entries_to_yaml(leaderboard_entries(claim)))
    entries = parse_eval_result_entries(yaml.safe_load(written))
    assert [entry.task_id for entry in entries] == [task[0] for task in made.tasks]
    assert {entry.dataset_id for entry in entries} == {REPO}


def test_a_run_on_one_s_own_benchmark_feeds_its_leaderboard(tmp_path):
    pairs = make_pairs(tmp_path / "pairs", 2)
    settings = Settings(metrics=("psnr_y",), quiet=True, num_workers=1)
    run_benchmark([Brighter()], [task_of(str(pairs))], tmp_path / "run", settings)
    (tmp_path / "model").mkdir()
    write_results(tmp_path / "run", "brighter", tmp_path / "model", benchmark=REPO)
    [path] = (tmp_path / "model/.eval_results").iterdir()
    [entry] = parse_eval_result_entries(yaml.safe_load(path.read_text()))
    assert (entry.dataset_id, entry.task_id) == (REPO, "psnr_y")
    twice = [task_of(f"{name}={pairs}") for name in "ab"]
    run_benchmark([Brighter()], twice, tmp_path / "two", settings)
    with pytest.raises(UsageError, match="one benchmark"):
        write_results(tmp_path / "two", "brighter", tmp_path / "model", benchmark=REPO)


def test_it_goes_to_the_hub_with_its_dataset(folder, hub: Hub):
    write_benchmark(folder.root, benchmark_of(folder))
    report = push_dataset(folder.root, REPO)
    assert EVAL_PATH in tree(hub) and report.num_proven == len(tree(hub))
    there = Path(hub.api().hf_hub_download(REPO, EVAL_PATH, repo_type="dataset"))
    assert parse_benchmark(there.read_text()) == benchmark_of(folder)
    assert validate(str(folder.root)).ok


def test_a_broken_one_is_not_pushed(folder, hub: Hub):
    for broken in (b"name: x\n", "name: Längs".encode("latin-1")):
        (folder.root / EVAL_PATH).write_bytes(broken)
        with pytest.raises(FormatError, match=r"no eval\.yaml"):
            push_dataset(folder.root, REPO)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "name: a", ": :", "name: a\ndescription: b\nevaluation_framework: c\ntasks: []",
     "name: 1\ndescription: b\nevaluation_framework: c\ntasks: [{id: psnr, config: d, split: t}]",
     "name: a\ndescription: b\nevaluation_framework: c\ntasks: [{id: beauty, config: d, split: t}]",
     "name: a\ndescription: b\nevaluation_framework: c\ntasks: [{id: psnr}]"],
)  # fmt: skip
def test_what_is_no_benchmark(text):
    with pytest.raises(FormatError, match=r"no eval\.yaml"):
        parse_benchmark(text)


def test_the_command(folder):
    def ggt(*words):
        return CliRunner().invoke(app, ["card", "benchmark", str(folder.root), *words])

    shown = ggt("--metrics", "psnr_y")
    assert shown.exit_code == 0 and parse_benchmark(shown.stdout).tasks[0][0] == "psnr_y"
    assert not (folder.root / EVAL_PATH).exists()
    assert ggt("--task", "ggt-test", "--title", "Mine", "--write").exit_code == 0
    assert parse_benchmark((folder.root / EVAL_PATH).read_text()).name == "Mine"
    assert isinstance(ggt("--task", "nonsense").exception, UsageError)
    assert isinstance(ggt("--metrics", "vlm_r").exception, UsageError)

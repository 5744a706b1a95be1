"""``ggt eval`` as a user runs it, also when it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from ggt_hf.evaluation.scores import FILE, read_scores
from tests.evaluation.folders import make_pairs
from tests.restoration.restorers import tiny_pipeline


def ggt(*words: object):
    return CliRunner().invoke(app, [*map(str, words)])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for number, name in enumerate(("a", "b")):
        for suffix, change in (("without", 0.0), ("with", 0.01)):
            tiny_pipeline(change, number).save_pretrained(root / f"{name}-{suffix}")
    return root


def test_two_restorers_with_and_without_on_two_tasks_by_one_recipe(models, tmp_path):
    make_pairs(tmp_path / "first", 4)
    make_pairs(tmp_path / "second", 2)
    for model in models.iterdir():
        (tmp_path / model.name).symlink_to(model)
    (tmp_path / "table.yaml").write_text(
        "restorers: {a-without: a-without, a-with: a-with, b-without: b-without, b-with: b-with}\n"
        "tasks: [first, second]\n"
        "against: {a-with: a-without, b-with: b-without}\n"
        "metrics: [psnr_y]\n"
    )
    out = tmp_path / "out"
    done = ggt("eval", "--recipe", tmp_path / "table.yaml", "--out", out, "--num-workers", 1)
    assert done.exit_code == 0, done.output
    table = read_scores(out / FILE)
    assert len(table.rows) == 4 * (4 + 2)
    text = (out / "summary.md").read_text()
    assert text == done.stdout or text.rstrip() == done.stdout.rstrip()
    for row in ("### first (4 pictures)", "### second (2 pictures)", "a-with \u2212 a-without"):
        assert row in text
    assert r"\begin{tabular}{lc}" in (out / "summary.tex").read_text()
    identity = table.fingerprints[table.rows[0].fingerprint]["restorer"]
    assert list(identity["weights"]) == ["restorer/diffusion_pytorch_model.safetensors"]


def test_the_result_as_json_has_means_and_differences(tmp_path):
    pairs = make_pairs(tmp_path / "pairs")
    done = ggt(
        "eval", "input", "classical", "--task", pairs, "--against", "input", "--out",
        tmp_path / "out", "--json", "--quiet", "--num-workers", 1, "--no-report",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["num_scored"] == 12 and said["failures"] == []
    assert {row["restorer"] for row in said["means"]} == {"input", "classical"}
    assert {row["says"] for row in said["differences"]} <= {"better", "worse", "open"}


def test_a_failure_is_told_and_the_exit_code_says_so(tmp_path):
    pairs = make_pairs(tmp_path / "pairs")
    (pairs / "rain/LQ/p0.png").write_bytes(b"no picture")
    done = ggt("eval", "input", "--task", pairs, "--out", tmp_path / "out", "--num-workers", 1)
    assert done.exit_code == 1
    assert "input on pairs, rain-p0: rain/LQ/p0.png is not a picture" in done.stderr
    assert "1 picture without scores" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "nothing to evaluate"),
        (["nonsense"], "There is no restorer 'nonsense'"),
        (["input", "--task", "nonsense"], "There is no task and no folder 'nonsense'"),
        (["input", "--metrics", "x"], "There is no metric 'x'"),
        (["input", "--recipe", "r.yaml"], "A recipe names its restorers"),
    ],
)
def test_what_cannot_be_meant_is_refused(words, says, tmp_path):
    done = ggt("eval", *words, "--out", tmp_path / "out")
    assert done.exit_code == 1 and says in str(done.exception)


def test_killed_at_any_moment_it_goes_on_and_gives_the_same_scores(tmp_path):
    pairs = make_pairs(tmp_path / "pairs", 12)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = ["eval", "input", "classical", "--task", str(pairs), "--no-report", "--num-workers"]
    assert ggt(*words, 1, "--out", whole).exit_code == 0
    command = [sys.executable, "-m", "ggt_hf", *words, "2", "--out", str(killed)]
    for _ in range(3):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 200
        seen = done_lines(killed)
        while process.poll() is None and done_lines(killed) <= seen:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    again = ggt(*words, 1, "--out", killed, "--json")
    assert again.exit_code == 0 and json.loads(again.stdout)["num_reused"] > 0
    first, second = (read_scores(out / FILE) for out in (whole, killed))
    assert [(r.key, r.restorer, r.scores, r.seed, r.output_sha256) for r in first.rows] == [
        (r.key, r.restorer, r.scores, r.seed, r.output_sha256) for r in second.rows
    ]


def done_lines(out: Path) -> int:
    """Lines that workers have written so far."""
    files = [*out.glob("pairs/*/scores.jsonl"), *out.glob("pairs/*/.scores.jsonl.parts/*.jsonl")]
    total = 0
    for path in files:
        try:
            total += path.read_bytes().count(b"\n")
        except OSError:  # just merged
            continue
    return total

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from ggt_hf.errors import UsageError
from tests.hub.datasets_here import REPO, commits, dataset_at
from tests.hub_server.loopback import Hub


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GGT_CACHE", str(tmp_path / "cache"))
    return dataset_at(tmp_path / "dataset")


def test_a_dry_run_shows_the_plan_and_sends_nothing(hub: Hub, root: Path) -> None:
    done = CliRunner().invoke(app, ["push", "dataset", str(root), REPO, "--dry-run"])
    assert done.exit_code == 0
    assert "to be created, private" in done.stdout
    assert "4 shards, README.md, meta/manifest.parquet, meta/info.json" in done.stdout
    assert "one commit to main, a check of what arrived, then the tag format-v1" in done.stdout
    assert done.stdout.endswith("Nothing was sent.\n")
    assert not hub.log.select(method="POST")


def test_with_yes_it_shows_the_plan_first_and_pushes(hub: Hub, root: Path) -> None:
    done = CliRunner().invoke(app, ["push", "dataset", str(root), REPO, "--yes"])
    assert done.exit_code == 0
    assert "to be created, private" in done.stderr
    assert f"commit {commits(hub)[0][:12]}, tag format-v1" in done.stdout
    again = CliRunner().invoke(app, ["push", "dataset", str(root), REPO])
    assert "already holds all of it" in again.stdout


def test_json_is_one_document_on_stdout(hub: Hub, root: Path) -> None:
    done = CliRunner().invoke(app, ["push", "dataset", str(root), REPO, "--yes", "--json"])
    report = json.loads(done.stdout)
    assert report["commit"] == commits(hub)[0]
    assert report["proven_files"] == len(report["upload"]) == 7


def test_with_nobody_to_answer_it_stops_after_the_plan(hub: Hub, root: Path) -> None:
    done = CliRunner().invoke(app, ["push", "dataset", str(root), REPO])
    assert isinstance(done.exception, UsageError)
    assert "--yes" in done.exception.hint
    assert "to be created" in done.stderr
    assert not hub.log.select(method="POST")


def test_no_means_no(hub: Hub, root: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ggt_hf", "push", "dataset", str(root), REPO]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=hub.env()
    ) as process:
        os.write(ours, b"n\n")
        told, asked = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"Push?" in asked
    assert told.endswith(b"Nothing was sent.\n")
    assert not hub.api().repo_exists(REPO, repo_type="dataset")


def test_an_error_is_two_lines_and_never_the_token(hub: Hub, root: Path) -> None:
    secret = "hf_secret_of_somebody"
    done = hub.run_python(
        "-m", "ggt_hf", "push", "dataset", str(root), REPO, "--yes", "--token", secret
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 2
    assert "status 401" in done.stderr
    assert secret not in done.stderr + done.stdout

"""`ggt` in a shell: completion, and as a command of `hf`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub_server.loopback import REPOSITORY


def completed(shell: str, words: str, tmp_path: Path) -> str:
    """What a shell would offer after `words`, asked as its completion script asks."""
    env = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "_GGT_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "HOME": str(tmp_path),
    }
    code = "import sys; sys.argv[0] = 'ggt'; from ggt_hf.cli.app import app; app(prog_name='ggt')"
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert ran.stderr == ""
    return ran.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_verbs_and_options_are_completed(shell: str, tmp_path: Path) -> None:
    assert "validate" in completed(shell, "ggt va", tmp_path)
    assert "space" in completed(shell, "ggt push s", tmp_path)
    assert "--dry-run" in completed(shell, "ggt build --dry", tmp_path)


def test_bash_loads_what_show_completion_prints(tmp_path: Path) -> None:
    env = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    code = (
        "import sys; sys.argv = ['ggt', '--show-completion', 'bash']; "
        "from ggt_hf.cli.app import app; app(prog_name='ggt')"
    )
    script = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout
    asked = f"{script}\ncomplete -p ggt"
    ran = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert "complete" in ran.stdout


def test_hf_runs_ggt_as_an_extension(tmp_path: Path) -> None:
    """As `hf extensions install OWNER/hf-ggt` leaves it: a manifest that names the script."""
    home = tmp_path / "home"
    folder = home / ".local/share/hf/extensions/hf-ggt"
    folder.mkdir(parents=True)
    script = folder / "hf-ggt"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m ggt_hf "$@"\n')
    script.chmod(0o755)
    manifest = {
        "owner": "ggt-hf",
        "repo": "hf-ggt",
        "repo_id": "ggt-hf/hf-ggt",
        "short_name": "ggt",
        "executable_path": str(script),
        "type": "python",
        "installed_at": "2026-01-01T00:00:00+00:00",
        "description": "GGT pairs",
        "commit_sha": None,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    env = os.environ | {
        "HOME": str(home),
        "PYTHONPATH": str(REPOSITORY),
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    }
    hf = [sys.executable, "-m", "huggingface_hub.cli.hf", "ggt", "--version"]
    ran = subprocess.run(hf, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("ggt-hf ")

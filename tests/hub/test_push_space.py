"""The Space is pushed whole, proven, and not pushed twice."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from ggt_hf.errors import HubError
from ggt_hf.space.files import NAMES
from tests.hub_server.loopback import Hub, Mode

REPO = "ggt/see"


def push(*words: str) -> dict[str, object]:
    ran = CliRunner().invoke(app, ["push", "space", REPO, "--json", *words])
    assert ran.exit_code == 0, ran.output
    found: dict[str, object] = json.loads(ran.stdout)
    return found


def test_a_dry_run_sends_nothing(hub: Hub) -> None:
    planned = push("--dry-run")
    assert planned["upload"] == list(NAMES)
    assert planned["commit"] is None
    assert not hub.api().repo_exists(REPO, repo_type="space")


def test_a_dry_run_needs_no_token(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    planned = push("--dry-run")
    assert planned["upload"] == list(NAMES)
    ran = CliRunner().invoke(app, ["push", "space", REPO, "--dry-run"])
    assert "There is no Hub token" in ran.output
    assert {entry.authorization for entry in hub.log} == {None}
    with pytest.raises(HubError, match="there is none"):
        CliRunner().invoke(app, ["push", "space", REPO, "--yes"], catch_exceptions=False)


def test_it_is_pushed_and_then_it_is_there(hub: Hub, hub_mode: Mode) -> None:
    first = push("--yes", "--restorer", "org/model")
    assert first["proven_files"] == len(NAMES)
    assert first["url"] == f"{hub.endpoint}/spaces/{REPO}"
    info = hub.api().space_info(REPO)
    assert info.private
    assert {"README.md", "app.py", "requirements.txt"} <= {
        sibling.rfilename for sibling in info.siblings or ()
    }
    assert push("--yes", "--restorer", "org/model")["commit"] == first["commit"]
    changed = push("--yes")
    assert changed["upload"] == ["README.md", "app.py"]

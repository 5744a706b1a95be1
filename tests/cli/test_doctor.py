from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ggt_hf import __version__
from tests.hub_server.loopback import Hub


def doctor(env: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ggt_hf", "doctor", *flags], env=env, capture_output=True, text=True
    )


def findings(ran: subprocess.CompletedProcess[str]) -> dict[tuple[str, str], dict[str, str]]:
    return {(f["area"], f["name"]): f for f in json.loads(ran.stdout)["findings"]}


def test_all_is_well_beside_a_hub_that_answers(hub: Hub) -> None:
    ran = doctor(hub.env(), "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = findings(ran)
    assert found["system", "ggt-hf"]["text"] == __version__
    assert found["packages", "pyarrow"]["state"] == "ok"
    assert found["hub", "reach"]["text"].endswith("answers with 200")
    assert hub.log.select("/api/models", server="hub")


def test_the_token_is_said_to_be_there_and_not_shown(hub: Hub) -> None:
    ran = doctor(hub.env() | {"HF_TOKEN": "hf_a_secret_of_mine"})
    assert "present (not shown)" in ran.stdout
    assert "hf_a_secret_of_mine" not in ran.stdout + ran.stderr


def test_a_silent_hub_is_to_be_mended() -> None:
    env = dict(os.environ) | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"}
    ran = doctor(env, "--json")
    assert ran.returncode == 1
    assert "does not answer (ConnectError)" in findings(ran)["hub", "reach"]["text"]


def test_a_folder_in_which_nothing_can_be_cached_is_named(tmp_path: Path) -> None:
    env = dict(os.environ) | {"GGT_CACHE": "/proc/ggt", "HOME": str(tmp_path)}
    ran = doctor(env, "--offline", "--json")
    assert ran.returncode == 1
    assert findings(ran)["disk", "cache"]["state"] == "bad"
    assert ("hub", "reach") not in findings(ran)


def test_a_missing_extra_is_no_fault_and_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ggt_hf import doctor as room

    def version(name: str) -> str | None:  # a machine that lacks one package
        return None if name == "simplejpeg" else "99"

    monkeypatch.setattr(room, "_version", version)
    stream = next(f for f in room.examine(hub=False) if f.name == "stream")
    assert stream.state == "off"
    assert "simplejpeg" in stream.text
    assert "pip install 'ggt-hf[stream]'" in stream.text

"""Ctrl-C, as a terminal sends it: to the whole group of processes, at a moment of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from ggt_hf import sample
from tests.hub_server.loopback import REPOSITORY

ENVIRONMENT = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(REPOSITORY)}
VERBS = {
    "restore": (
        ["restore", str(sample.ROOT / "real"), "out", "--device", "cpu"],
        "goes on from here.",
    ),
    "demo": (["demo", "out"], "begins anew."),
}


@pytest.mark.parametrize("verb", VERBS)
def test_ctrl_c_says_what_the_same_command_does_next(verb: str, tmp_path: Path) -> None:
    words, next_time = VERBS[verb]
    process = subprocess.Popen(
        [sys.executable, "-m", "ggt_hf", *words], cwd=tmp_path, env=ENVIRONMENT,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
        # A shell that runs the tests in the background has them ignore Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    while not (tmp_path / "out").exists() and process.poll() is None:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=200)
    # A signal that finds Python in the middle of an import ends it by that signal.
    assert process.returncode in (130, -signal.SIGINT), said
    assert said.splitlines()[-1] == f"Stopped. The same command {next_time}"
    assert "Traceback" not in said

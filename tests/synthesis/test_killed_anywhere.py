from __future__ import annotations

import subprocess
import sys

import pytest

from tests.hub_server.loopback import REPOSITORY


@pytest.mark.slow
def test_in_a_process_of_its_own() -> None:
    """Its tests fork, and a fork of a process that has threads, such as torch's, may never wake."""
    words = ["-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    file = REPOSITORY / "tests" / "synthesis" / "killed_anywhere.py"
    ran = subprocess.run(
        [sys.executable, *words, file], cwd=REPOSITORY, capture_output=True, text=True, timeout=280
    )
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-1000:]
    assert " passed" in ran.stdout

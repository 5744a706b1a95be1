"""`ggt` in this process, errors told as its own: what a process of its own would do, in no time."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from ggt_hf.cli.app import main


def ggt(*words: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command with more environment; what it says stands in the answer."""
    said, remarks, code = io.StringIO(), io.StringIO(), 0
    arguments = ["ggt", *map(str, words)]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", arguments)
        with redirect_stdout(said), redirect_stderr(remarks):
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
    return subprocess.CompletedProcess(arguments, code, said.getvalue(), remarks.getvalue())

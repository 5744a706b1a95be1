"""Processes that stop themselves at a moment which a test names, to be killed just there.

Whoever watches files for such a moment comes too late on a busy machine: the process has gone on by
then, or ended. What it does at that moment in its other threads is left to chance all the same.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.hub_server.loopback import REPOSITORY


def killed_after(
    moment: str, times: int, *words: str | Path, env: Mapping[str, str] | None = None
) -> None:
    """Run `ggt` with `words` until `moment` has come `times` times, and kill -9 it there.

    Args:
        moment: ``MODULE:FUNCTION`` or ``MODULE:CLASS.METHOD``: each return of it counts.
        times: how often it has to return.
        words: arguments of `ggt`, or a script's path and its arguments.
        env: more of its environment.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.halting", moment, str(times), *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"} | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    finally:  # a test that is interrupted leaves nothing behind either
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, f"it ended before {moment}: {said.decode()}"


def _halting(function: Callable[..., Any], times: int) -> Callable[..., Any]:
    left, lock = times, threading.Lock()

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal left
        result = function(*arguments, **named)
        with lock:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
        return result

    return counted


def _main(moment: str, times: str, first: str, *words: str) -> None:
    module, _, path = moment.partition(":")
    *owners, name = path.split(".")
    owner: Any = import_module(module)  # before those that import names from it
    for part in owners:
        owner = getattr(owner, part)
    setattr(owner, name, _halting(getattr(owner, name), int(times)))
    sys.argv = [first, *words]
    if first.endswith(".py"):
        sys.path.insert(0, str(Path(first).parent))
        runpy.run_path(first, run_name="__main__")
        return
    from ggt_hf.cli.app import main

    sys.argv = ["ggt", first, *words]
    main()


if __name__ == "__main__":
    _main(*sys.argv[1:])

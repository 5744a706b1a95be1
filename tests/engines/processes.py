"""Who is at work, as /proc tells it; a process may end while one looks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """A process and all that its threads started, as far as they are there."""
    children: list[str] = []
    try:
        for thread in list(Path(f"/proc/{pid}/task").iterdir()):
            children += (thread / "children").read_text().split()
    except OSError:
        return [] if not Path(f"/proc/{pid}").exists() else [pid]
    return [pid, *(found for child in children for found in descendants(int(child)))]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def await_end(processes: Sequence[int], seconds: float = 200) -> None:
    """Wait until none of `processes` is at work any more."""
    deadline = time.monotonic() + seconds
    while left := [pid for pid in processes if is_alive(pid)]:
        assert time.monotonic() < deadline, f"{left} went on without the run that started them"
        time.sleep(0.05)

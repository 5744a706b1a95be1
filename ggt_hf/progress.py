"""Progress of long work, on stderr; silent where the user or the Hub's variable says so."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    """Called with how much more is done, in the units of the bar."""

    def __call__(self, amount: int = 1) -> None:
        """Move the bar."""
        ...


def wanted() -> bool:
    """Say whether progress is to be shown: a terminal, and no HF_HUB_DISABLE_PROGRESS_BARS."""
    disabled = os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS", "").upper() in {
        "1",
        "ON",
        "YES",
        "TRUE",
    }
    return sys.stderr.isatty() and not disabled


@contextmanager
def bar(description: str, total: int, *, quiet: bool = False) -> Iterator[Advance]:
    """Show a bar of `total` units while the block runs; yields what advances it."""
    if quiet or not wanted():
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(description, total=total)

        def advance(amount: int = 1) -> None:
            progress.advance(task, amount)

        yield advance


def _ignore(amount: int = 1) -> None:
    """Advance nothing."""

"""What a demo did, and how long each step took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.records import Candidate, Prompt, Verdict

if TYPE_CHECKING:
    from ggt_hf.sample import RealPhotograph


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A target made of a really degraded photograph, and what quality control said of it."""

    prompt: Prompt
    """What was asked for, with the observation that it was written from."""
    candidate: Candidate
    """What was made; its paths are relative to the candidates' folder."""
    verdict: Verdict
    """Every check with its reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """How the judge did with one kind of planted fault, before it judged anything."""

    fault: str
    """The kind."""
    right: int
    """Cases that it ranked right."""
    total: int
    """Cases in all."""
    seen: bool
    """Whether it was shown to see this kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """A really degraded photograph, and what restorers made of it."""

    photograph: RealPhotograph
    """The photograph."""
    results: dict[str, Path]
    """Restorer -> the file that it wrote."""


@dataclass(kw_only=True, slots=True)
class DemoReport:
    """What a demo did."""

    out: Path
    """The folder it wrote to."""
    dataset: Path
    """The dataset of the sample's pairs."""
    page: Path
    """The page."""
    num_pairs: int = 0
    """Pairs built, and then validated, loaded and streamed."""
    targets: list[Target] = field(default_factory=list)
    """Targets made of the sample's really degraded photographs; empty where that was left out."""
    trials: list[Trial] = field(default_factory=list)
    """How the judge was tried."""
    num_generated: int = 0
    """Pairs in the dataset of the accepted targets."""
    generated: Path | None = None
    """The dataset of the targets that were accepted; ``None`` where none was."""
    left_out: str | None = None
    """Why no targets were made; ``None`` where they were."""
    restored: dict[str, Restored] = field(default_factory=dict)
    """Key -> the photograph, restored; empty where that was left out."""
    comparison: Path | None = None
    """The page on which restorers are compared; ``None`` where that was left out."""
    restoring_left_out: str | None = None
    """Why nothing was restored; ``None`` where something was."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Step -> wall time."""

    @property
    def candidates(self) -> Path:
        """Folder of the targets that were made."""
        return self.out / "candidates"


class Steps:
    """Times steps, and tells of each in one line."""

    def __init__(self, report: DemoReport, tell: Callable[[str], None]) -> None:
        self._report = report
        self._tell = tell

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time the block; it calls what is yielded with what came out."""
        lines: list[str] = []
        started = time.perf_counter()
        yield lines.append
        seconds = self._report.seconds[name] = time.perf_counter() - started
        self._tell(f"{name:9}{seconds:5.1f} s  {' '.join(lines)}")

"""Who examines, as a user says it: words only, so that a choice travels to any process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.examiners import Examiner
from ggt_hf.quality.opening import CALIBRATIONS, RULES, open_examiners, open_judge
from ggt_hf.quality.thresholds import Thresholds
from ggt_hf.records import Stage


@dataclass(frozen=True, kw_only=True, slots=True)
class ExaminerChoice:
    """The stages, their limits and their judge."""

    stages: tuple[Stage, ...]
    """In the order of `STAGES`."""
    candidates: Path
    """The folder of candidates, or the file that lists them."""
    out: Path
    """Folder of the verdicts, and of what judges were shown to see."""
    thresholds: Thresholds
    """Limits of stages 1 and 2."""
    read_text: bool = True
    """Whether stage 1 compares text."""
    judge: str = RULES
    """As for `open_judge`."""
    revision: str | None = None
    """Commit, tag or branch of the judge."""
    endpoint: str | None = None
    """Base URL of an OpenAI-compatible server."""

    @property
    def has_model(self) -> bool:
        """Whether the judge needs weights, of which one copy at a time is enough."""
        return "vlm" in self.stages and self.judge != RULES and not self.endpoint

    @property
    def fingerprint(self) -> str:
        """All that a verdict depends on beside the pictures."""
        asked = (self.judge, self.revision, self.endpoint, self.thresholds.judge)
        judge = asked if "vlm" in self.stages else None
        return f"{self.stages} {self.thresholds.name} {self.read_text} {judge}"

    def open(self, tell: Callable[[str], None] = lambda line: None) -> Sequence[Examiner]:
        """Load what is needed, and try the judge on planted faults where nobody has yet.

        Args:
            tell: called with a line about what takes long.

        Raises:
            ModelError: the judge cannot be used.
        """
        from ggt_hf.vlm.cache import default_folder

        return open_examiners(
            self.stages,
            CandidateFolder(self.candidates),
            thresholds=self.thresholds,
            read_text=self.read_text,
            judge=lambda: open_judge(
                self.judge,
                revision=self.revision,
                endpoint=self.endpoint,
                cache=default_folder(),
                max_gap=self.thresholds.judge.max_gap,
            ),
            in_processes=self.judge == RULES and not self.endpoint,
            calibrations=self.out / CALIBRATIONS,
            tell=tell,
        )

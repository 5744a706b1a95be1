"""How candidates are to be made, and what a run made of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ggt_hf.errors import GgtError
from ggt_hf.synthesis.asking import Failure, Patience


@dataclass(frozen=True, kw_only=True, slots=True)
class SynthOptions:
    """How candidates are made."""

    max_cost: float | None = None
    """US dollars that all calls in the ledger together may cost; ``None`` = no paid call at all."""
    ledger: Path | None = None
    """Folder of the ledger; ``None`` = ``OUT/ledger``. Runs may share one, one at a time."""
    num_candidates: int = 1
    """Candidates a source, each with a seed of its own."""
    num_attempts: int = 2
    """Answers to ask for, at most, until one is usable; each may cost."""
    seed: int = 0
    """Seed of the first candidate's first attempt; all others follow from it."""
    retry_unknown: bool = False
    """Make calls of unknown end again, and pay again."""
    num_workers: int | None = None
    """Calls at a time; ``None`` = what the editor takes."""
    patience: Patience = field(default_factory=Patience)
    """How services are waited for."""
    quiet: bool = False
    """Show no progress."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SynthReport:
    """What a run did, and what stands now."""

    num_units: int
    """Candidates wanted."""
    num_made: int
    """Candidates made by this run."""
    num_reused: int
    """Candidates that lay there already."""
    failures: tuple[Failure, ...]
    """Candidates that could not be made."""
    stopped: GgtError | None
    """What ended the run early: the cap, or an editor that refuses everything."""
    spent: float
    """US dollars in the ledger, calls of unknown end included."""
    num_unknown: int
    """Calls of unknown end."""
    num_accepted: int | None
    """Candidates that quality control has accepted; ``None`` = it has not looked yet."""

    @property
    def num_left(self) -> int:
        """Candidates that were not reached."""
        return self.num_units - self.num_made - self.num_reused - len(self.failures)

    @property
    def complete(self) -> bool:
        """Whether every wanted candidate is there."""
        return self.num_made + self.num_reused == self.num_units

    @property
    def counts(self) -> dict[str, int]:
        """Outcome -> number of failures."""
        return dict(sorted(Counter(failure.outcome for failure in self.failures).items()))

    @property
    def cost_per_accepted(self) -> float | None:
        """US dollars a pair that quality control accepted; ``None`` where there is none yet."""
        return self.spent / self.num_accepted if self.num_accepted else None

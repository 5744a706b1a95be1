"""Raters who do not exist: a study is tried out before people's time goes into it.

A careful rater follows Bradley and Terry with strengths that are given; the others do what bad
raters do. Their votes go the way of all votes, into files, and are read back from there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ggt_hf.evaluation.ranking.ballot import NUM_COMPARISONS, Comparison, Versions, draw_ballot
from ggt_hf.evaluation.ranking.votes import Choice, VoteLog

Manner = Literal["careful", "random", "left"]
"""``careful``: looks; ``random``: clicks anything; ``left``: clicks the same always."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedRater:
    """One rater of a panel."""

    name: str
    """Names the file of votes."""
    strengths: Mapping[str, float]
    """Contestant -> how much it is liked, in log odds."""
    manner: Manner = "careful"
    """How it votes."""
    ties: float = 0.15
    """Chance that a careful rater sees no difference."""
    lapses: float = 0.01
    """Chance that a careful rater misses an attention check."""

    def vote(self, comparison: Comparison, generator: np.random.Generator) -> Choice:
        """Return what this rater says."""
        if self.manner == "left":
            return "left"
        if self.manner == "random":
            return "left" if generator.random() < 0.5 else "right"
        expected = comparison.expected
        if expected is not None:
            wrong: Choice = "left" if expected == "right" else "right"
            return wrong if generator.random() < self.lapses else expected
        if generator.random() < self.ties:
            return "same"
        apart = (
            self.strengths[comparison.left.contestant] - self.strengths[comparison.right.contestant]
        )
        return "left" if generator.random() < 1 / (1 + math.exp(-apart)) else "right"


def simulate_panel(
    raters: list[SimulatedRater],
    versions: Versions,
    out: Path,
    *,
    seed: int = 0,
    num_comparisons: int = NUM_COMPARISONS,
) -> None:
    """Let every rater vote on a ballot of their own; votes lie in ``OUT/votes`` then."""
    for number, rater in enumerate(raters):
        generator = np.random.default_rng([seed, number])
        log = VoteLog(out, rater.name)
        try:
            for comparison in draw_ballot(
                versions, rater.name, seed=seed, num_comparisons=num_comparisons
            ):
                log.add(comparison, rater.vote(comparison, generator))
        finally:
            log.close()

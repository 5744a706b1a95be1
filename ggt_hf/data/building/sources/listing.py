"""What a source was found to hold."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ggt_hf.data.building.sources.labels import PairSource
from ggt_hf.data.building.sources.problems import Problem


@dataclass(kw_only=True, slots=True)
class Listing:
    """The pairs of a source, and what stands between it and more of them."""

    pairs: list[PairSource] = field(default_factory=list)
    """Complete pairs, not yet read."""
    problems: list[Problem] = field(default_factory=list)
    """What cannot become a pair."""
    remarks: list[str] = field(default_factory=list)
    """What the user should know, though nothing is wrong."""

    def settled(self) -> Listing:
        """Return it with keys made sure to be unique, pairs by key, and like problems joined."""
        by_key: dict[str, list[PairSource]] = defaultdict(list)
        for pair in self.pairs:
            by_key[pair.info.key].append(pair)
        problems = [*self.problems]
        problems.extend(_collision(same) for same in by_key.values() if len(same) > 1)
        return Listing(
            pairs=[same[0] for _, same in sorted(by_key.items()) if len(same) == 1],
            problems=_joined(problems),
            remarks=self.remarks,
        )


def _collision(pairs: list[PairSource]) -> Problem:
    names = tuple(pair.lq.name for pair in pairs)
    return Problem(
        files=names,
        cause=f"{' and '.join(names)} get the same key, {pairs[0].info.key}.",
        fix="Rename one of them, or give keys of your own in a manifest.",
    )


def _joined(problems: list[Problem]) -> list[Problem]:
    files: dict[tuple[str, str], set[str]] = defaultdict(set)
    for problem in problems:
        files[problem.cause, problem.fix].update(problem.files)
    return sorted(
        Problem(files=tuple(sorted(names)), cause=cause, fix=fix)
        for (cause, fix), names in files.items()
    )

"""What raters compare: two contestants' versions of one picture, blind, in an order of their own.

Every rater has a ballot drawn by seed and name. Each two contestants come equally often, and a
picture comes again only when all were shown; sides are drawn too. About one comparison in six is an
attention check: a version against itself in coarse blocks, which nobody who looks prefers.
Versions that are the same file are never compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

from ggt_hf.data.streaming.order import salt
from ggt_hf.errors import UsageError

Place = Literal["left", "right"]

CHECK = "check"
"""Stands for the name of a contestant where a version was ruined on purpose."""

NUM_COMPARISONS = 60
"""Comparisons of a rater, checks not counted, unless another number is asked for."""

_ONE_IN = 6
_MIN_CHECKS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One contestant's version of one picture."""

    contestant: str
    """Its name; `CHECK` for one that was ruined."""
    path: Path
    """The picture (of a ruined one, before it was)."""
    sha256: str
    """Of the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two versions of one picture, as a rater sees them."""

    key: str
    """Opaque: says nothing of picture or contestants."""
    picture: str
    """The picture's key."""
    left: Version
    """What lies on the left."""
    right: Version
    """What lies on the right."""

    @property
    def expected(self) -> Place | None:
        """The answer of an attention check; ``None``: it is none."""
        if CHECK not in (self.left.contestant, self.right.contestant):
            return None
        return "right" if self.left.contestant == CHECK else "left"


Versions = Mapping[str, Mapping[str, Version]]
"""Picture's key -> contestant -> its version."""


def draw_ballot(
    versions: Versions, rater: str, *, seed: int = 0, num_comparisons: int = NUM_COMPARISONS
) -> list[Comparison]:
    """Draw the comparisons of one rater; the same arguments, the same ballot.

    Args:
        versions: all versions of all pictures.
        rater: whose ballot.
        seed: of the study.
        num_comparisons: how many, checks not counted; fewer where there are no more.

    Raises:
        UsageError: no two versions of any picture differ.
    """
    drawn = _pairs(versions, rater, seed)[:num_comparisons]
    if not drawn:
        raise UsageError(
            "There is nothing to compare: no picture has two versions that differ.",
            hint="Rank at least two editors that make different pictures.",
        )
    compared = [
        _comparison(picture, versions[picture][one], versions[picture][other], rater, seed)
        for picture, one, other in drawn
    ]
    num_checks = max(_MIN_CHECKS, round(len(compared) / (_ONE_IN - 1)))
    checks = _checks(compared, rater, seed, num_checks)
    return sorted([*compared, *checks], key=lambda one: salt("order", seed, rater, one.key))


def _pairs(versions: Versions, rater: str, seed: int) -> list[tuple[str, str, str]]:
    """Return (picture, one, other), so that any beginning of the list is balanced."""
    names = sorted({name for made in versions.values() for name in made})
    found: list[tuple[int, int, tuple[str, str, str]]] = []
    for one, other in combinations(names, 2):
        differing = [
            picture
            for picture, made in versions.items()
            if one in made and other in made and made[one].sha256 != made[other].sha256
        ]
        ranks = {key: salt("picture", seed, rater, one, other, key) for key in differing}
        for turn, picture in enumerate(sorted(differing, key=ranks.__getitem__)):
            found.append((turn, salt("turn", seed, rater, turn, one, other), (picture, one, other)))
    return [triple for _, _, triple in sorted(found)]


def _comparison(picture: str, one: Version, other: Version, rater: str, seed: int) -> Comparison:
    swapped = salt("side", seed, rater, picture, one.contestant, other.contestant) % 2
    left, right = (other, one) if swapped else (one, other)
    words = f"{seed} {rater} {picture} {one.contestant} {other.contestant}"
    key = hashlib.sha256(words.encode()).hexdigest()[:16]
    return Comparison(key=key, picture=picture, left=left, right=right)


def _checks(compared: Sequence[Comparison], rater: str, seed: int, count: int) -> list[Comparison]:
    """Return checks of versions that are on the ballot, so that nothing sets them apart."""
    by_picture = {one.picture: one.left for one in compared}
    pictures = sorted(by_picture, key=lambda key: salt("check", seed, rater, key))
    found = []
    for number in range(count):
        sound = by_picture[pictures[number % len(pictures)]]
        picture = pictures[number % len(pictures)]
        ruined = Version(contestant=CHECK, path=sound.path, sha256=f"{number}-{sound.sha256}")
        words = f"{rater} {number // len(pictures)}"
        found.append(_comparison(picture, sound, ruined, words, seed))
    return found

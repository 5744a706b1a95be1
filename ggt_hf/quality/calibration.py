"""Whether a judge is to be believed: faults are planted into good targets, and it must rank them.

For each planted fault the judge sees the good target and the faulty one of the same input. It is
right where the number that the fault concerns is higher for the good one by `MARGIN` points: D
for an input that was given back, F for everything else. A kind of fault counts as seen where the
judge has been shown to do better than a coin: where the 95 % interval (Wilson, 1927) of the share
that it ranks right lies above one half.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from ggt_hf.errors import FormatError
from ggt_hf.quality.vlm_judge import Encoded, Judge, Judgement

if TYPE_CHECKING:
    from ggt_hf.quality.planes import Picture
    from ggt_hf.quality.planting import FaultKind

MARGIN = 5.0
"""Points by which the good target must be ahead: less cannot be told apart by a limit. Ours."""

UNTOUCHED: Final = "unchanged"
"""The fault that D must see; every other kind is for F."""

KINDS: tuple[FaultKind, ...] = (
    "shift",
    "hue_drift",
    "text_altered",
    "over_sharpened",
    UNTOUCHED,
)
"""What a judge is tried with: shifted, recoloured, rewritten, over-sharpened, untouched."""

NUM_SCENES = 12
"""Photographs that each kind is planted into, of two for each category."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantedCase:
    """One input with a good and a faulty target, encoded."""

    kind: str
    """What is wrong with the faulty one."""
    good: Encoded
    """The input and its good target."""
    faulty: Encoded
    """The same input and the faulty target."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KindRanking:
    """How a judge ranked one kind of fault."""

    kind: str
    """The fault."""
    right: int
    """Cases in which the good target was put higher; less than `MARGIN` is not right."""
    unsaid: int
    """Cases in which the judge could not say of one of the two; they are not right either."""
    total: int
    """Cases in all."""

    @property
    def accuracy(self) -> float:
        """Share of cases ranked right, 0 to 1."""
        return self.right / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy."""
        return wilson_interval(self.right, self.total)

    @property
    def seen(self) -> bool:
        """Whether the judge has been shown to see this kind."""
        return self.interval[0] > 0.5

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.kind} {self.right} of {self.total} right (95 %: {low:.0%} to {high:.0%})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What a judge has been shown to see."""

    judge: str
    """Name of the judge."""
    kinds: tuple[KindRanking, ...]
    """How it did, a kind each; empty: it was never tried, and decides nothing."""

    @property
    def blind_to(self) -> tuple[KindRanking, ...]:
        """Kinds that it has not been shown to see."""
        return tuple(ranking for ranking in self.kinds if not ranking.seen)

    @property
    def usable(self) -> bool:
        """Whether both of its numbers mean something: it sees an untouched input, and a change."""
        seen = {ranking.kind for ranking in self.kinds if ranking.seen}
        return UNTOUCHED in seen and len(seen) > 1

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reason must say of the judge; empty where it sees everything."""
        if not self.kinds:
            return ("uncalibrated: this judge was never tried on planted faults",)
        if not self.usable:
            worst = "; ".join(map(str, self.blind_to))
            return (f"uncalibrated: this judge does not rank planted faults right: {worst}",)
        return tuple(f"not shown to see {ranking}" for ranking in self.blind_to)

    @property
    def digest(self) -> str:
        """The start of a hash of all of it: other results are another judge."""
        data = json.dumps(self.to_dict(), sort_keys=True).encode()
        return f"calibration@{hashlib.sha256(data).hexdigest()[:8]}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it; the inverse of `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> Calibration:
        """Read what `to_dict` wrote.

        Raises:
            FormatError: it is something else.
        """
        try:
            kinds = tuple(KindRanking(**ranking) for ranking in data["kinds"])
            if any(not 0 <= k.right <= k.total or k.total < 1 for k in kinds):
                raise ValueError("counts that cannot be")
            return cls(judge=str(data["judge"]), kinds=kinds)
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"A calibration cannot be read: {error}.", hint="Delete it; it is made again."
            ) from error


def calibrate(judge: Judge, cases: Iterable[PlantedCase], *, batch_size: int = 8) -> Calibration:
    """Let a judge rank planted faults.

    Args:
        judge: any; it does not learn which target is the good one.
        cases: from `planted_cases`, or made of your own photographs.
        batch_size: pairs that are asked about at once.
    """
    ordered = sorted(cases, key=lambda case: case.kind)
    judged = _judged(judge, ordered, batch_size)
    by_kind = groupby(ordered, key=lambda case: case.kind)
    kinds = tuple(_ranking(kind, list(group), judged) for kind, group in by_kind)
    return Calibration(judge=judge.name, kinds=kinds)


def planted_cases(
    num_scenes: int = NUM_SCENES, *, kinds: Sequence[FaultKind] = KINDS, seed: int = 0
) -> list[PlantedCase]:
    """Plant every kind of fault into pairs of the embedded sample; the same seed, the same cases.

    Args:
        num_scenes: pairs to plant into; they are taken from all categories in turn.
        kinds: faults to plant.
        seed: of place and strength of the faults.

    Raises:
        UsageError: an unknown kind.
        MissingExtraError: OpenCV is not installed.
    """
    from ggt_hf.quality.planted_scenes import plant_case, sample_scenes

    scenes = sample_scenes(num_scenes)
    return [
        plant_case(kind, *scene, _other(scenes, index), seed=seed + index)
        for kind in kinds
        for index, scene in enumerate(scenes)
    ]


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson, 1927)."""
    z = 1.959964
    share = right / total
    middle = share + z * z / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (
        max(0.0, (middle - half) / (1 + z * z / total)),
        min(1.0, (middle + half) / (1 + z * z / total)),
    )


def _other(scenes: Sequence[tuple[Picture, Picture]], index: int) -> Picture:
    return scenes[(index + 1) % len(scenes)][1]


def _judged(
    judge: Judge, cases: Sequence[PlantedCase], batch_size: int
) -> dict[Encoded, Judgement]:
    """Judge every pair once: most kinds share their good targets."""
    pairs = list(dict.fromkeys(pair for case in cases for pair in (case.good, case.faulty)))
    found: list[Judgement] = []
    for start in range(0, len(pairs), batch_size):
        found += judge.judge_many(pairs[start : start + batch_size])
    return dict(zip(pairs, found, strict=True))


def _ranking(
    kind: str, cases: Sequence[PlantedCase], judged: Mapping[Encoded, Judgement]
) -> KindRanking:
    def number(pair: Encoded) -> float | None:
        judgement = judged[pair]
        return judgement.removed if kind == UNTOUCHED else judgement.kept

    scores = [(number(case.good), number(case.faulty)) for case in cases]
    said = [(good, bad) for good, bad in scores if good is not None and bad is not None]
    return KindRanking(
        kind=kind,
        right=sum(good - bad >= MARGIN for good, bad in said),
        unsaid=len(scores) - len(said),
        total=len(scores),
    )

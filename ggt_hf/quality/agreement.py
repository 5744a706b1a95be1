"""How far reviewers agree beyond chance: kappa of Cohen and of Fleiss, alpha of Krippendorff.

Labels are nominal. A value is None where it is undefined: nothing was judged by two, or everyone
said the same of everything, so that no disagreement could be expected by chance.

- Cohen (1960), A coefficient of agreement for nominal scales, Educ. Psychol. Meas. 20.
- Fleiss (1971), Measuring nominal scale agreement among many raters, Psychol. Bull. 76.
- Krippendorff (2011), Computing Krippendorff's alpha-reliability, section C (nominal, missing).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

Labels = Mapping[str, Mapping[str, str]]
"""Reviewer -> item -> label; not everyone needs to have judged everything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How far two or more reviewers agree."""

    num_shared: int
    """Items that at least two of them judged."""
    observed: float | None
    """Share of pairs of judgements of one item that are the same, mean over items; 0 to 1."""
    cohen: Mapping[tuple[str, str], float | None]
    """For each two reviewers, over what both judged; 1 = always the same, 0 = as by chance."""
    fleiss: float | None
    """Over what everyone judged; same scale."""
    krippendorff: float | None
    """Over everything that at least two judged; same scale."""


def measure_agreement(labels: Labels) -> Agreement:
    """Measure how far the reviewers agree."""
    units = _units(labels)
    complete = [unit for unit in units if len(unit) == len(labels)]
    return Agreement(
        num_shared=len(units),
        observed=sum(map(_same, units)) / len(units) if units else None,
        cohen={two: cohen_kappa(labels[two[0]], labels[two[1]]) for two in _twos(labels)},
        fleiss=fleiss_kappa(complete),
        krippendorff=krippendorff_alpha(units),
    )


def cohen_kappa(one: Mapping[str, str], other: Mapping[str, str]) -> float | None:
    """Return Cohen's kappa over the items that both judged."""
    shared = [(one[key], other[key]) for key in one if key in other]
    if not shared:
        return None
    total = len(shared)
    observed = sum(a == b for a, b in shared) / total
    left, right = Counter(a for a, _ in shared), Counter(b for _, b in shared)
    return _beyond_chance(observed, sum(left[k] * right[k] for k in left) / total**2)


def fleiss_kappa(units: Sequence[Sequence[str]]) -> float | None:
    """Return Fleiss' kappa; every unit holds the labels of the same number of reviewers."""
    if not units or len(units[0]) < 2:
        return None
    totals = Counter(label for unit in units for label in unit)
    num_labels = sum(totals.values())
    expected = sum((count / num_labels) ** 2 for count in totals.values())
    return _beyond_chance(sum(map(_same, units)) / len(units), expected)


def krippendorff_alpha(units: Sequence[Sequence[str]]) -> float | None:
    """Return Krippendorff's nominal alpha; a unit holds the labels of those who judged it."""
    pairable = [unit for unit in units if len(unit) >= 2]
    totals = Counter(label for unit in pairable for label in unit)
    n = sum(totals.values())
    if n < 2:
        return None
    # The diagonal of the coincidence matrix: each unit counts by how many judged it.
    observed = sum(_same(unit) * len(unit) for unit in pairable) / n
    return _beyond_chance(observed, sum(c * (c - 1) for c in totals.values()) / (n * (n - 1)))


def _units(labels: Labels) -> list[list[str]]:
    keys = dict.fromkeys(key for found in labels.values() for key in found)
    units = [[found[key] for found in labels.values() if key in found] for key in keys]
    return [unit for unit in units if len(unit) >= 2]


def _twos(labels: Labels) -> list[tuple[str, str]]:
    return list(combinations(sorted(labels), 2))


def _same(unit: Sequence[str]) -> float:
    """Return the share of pairs of different reviewers that said the same."""
    size = len(unit)
    return sum(c * (c - 1) for c in Counter(unit).values()) / (size * (size - 1))


def _beyond_chance(observed: float, expected: float) -> float | None:
    return None if expected >= 1 else (observed - expected) / (1 - expected)

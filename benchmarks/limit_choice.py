"""How the default limits of stage 1 are chosen from measured rows.

A limit lies a number of robust deviations outside the median of good targets. Limits of several
widths are offered for each score, side and category, and taken up one by one, the one that finds
the most further faults for its further alarms first. Alarms are counted over folds of
photographs: a good target has no say in the place of a limit that it is tried on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ggt_hf.quality.planting import GEOMETRIC, TONAL
from ggt_hf.records import DEGRADATIONS

Row = dict[str, Any]
Marks = NDArray[np.bool_]

WIDTHS = (2.8, 3.5, 4.5, 6.0, 8.0)
"""Robust deviations from the median at which a limit is offered."""
ALARMS = 0.02
"""Share of good targets that may be refused over the folds; 0.02 is the goal on others."""
FOLDS = 6
CAUTION = 0.8
"""Share of its width at which a limit's alarms are counted: so many limits are offered that some
look better on these photographs than they are."""
LEAST_GAIN = 4.0
"""Faults, counted by weight, that a limit must add to be taken up."""
HEAVY = 3.0
"""Weight of a geometric or tonal fault: stage 1 is there for them first; others weigh 1."""
PRICE = 4.0
"""Faults, counted by weight, that one alarm must be worth."""

OF_CANDIDATE = {
    "darkest": "max",
    "crushed": "max",
    "blown": "max",
    "detail_kept": "max",
    "fine": "min max",
    "middle": "min max",
}
"""Scores of the candidate alone, or with one meaning in every category -> their sides."""

OF_PAIR = {
    "psnr_to_input": "max",
    "shift": "max",
    "scale": "max",
    "rotation": "max",
    "warp": "max",
    "least_lost": "min",
    "least_gained": "min",
    "vanished": "min",
    "appeared": "max",
    "gain": "min max",
    "at_black": "min max",
    "at_white": "min max",
    "curve": "min max",
    "cast": "max",
    "tint": "max",
    "hue": "max",
    "chroma": "min max",
    "unexplained": "max",
    "sharpness_gain": "max",
}
"""Scores whose good values depend on the category -> their sides."""

GUARDS = {"contrast": 4.0, "brightness": 5.0, "structure": 0.15, "text_kept": 0.85}
"""Least values that are set by hand: far from any good target, and reached by plain failures."""

UNSEEN = {
    ("shift", "max"): 0.5,
    ("scale", "max"): 0.2,
    ("rotation", "max"): 0.1,
    ("warp", "max"): 0.5,
    ("gain", "min"): 0.85,
    ("gain", "max"): 1.18,
    ("at_black", "min"): -3.0,
    ("at_black", "max"): 3.0,
    ("at_white", "min"): -8.0,
    ("at_white", "max"): 8.0,
    ("cast", "max"): 8.0,
    ("tint", "max"): 0.15,
    ("hue", "max"): 8.0,
    ("chroma", "min"): 0.85,
    ("chroma", "max"): 1.2,
}
"""What nobody sees is no fault: no limit is tighter, however still the simulator keeps."""


class Limit(NamedTuple):
    """A limit that may be taken up."""

    score: str
    side: str
    category: str
    """Or ``all``."""
    width: float

    @property
    def place(self) -> tuple[str, str, str]:
        """What only one limit may be taken up for."""
        return self[:3]


def offered() -> list[Limit]:
    """Return every limit to choose from."""
    categories = {"all": OF_CANDIDATE, **dict.fromkeys(DEGRADATIONS, OF_PAIR)}
    return [
        Limit(score, side, category, width)
        for category, table in categories.items()
        for score, sides in table.items()
        for side in sides.split()
        for width in WIDTHS
    ]


def chosen_limits(rows: Sequence[Row]) -> str:
    """Return the limits as the lines of a thresholds file."""
    good = [row for row in rows if row["kind"] in ("good", "good, regenerated")]
    bad = [row for row in rows if not row["kind"].startswith("good")]
    weights = np.array([HEAVY if row["kind"] in GEOMETRIC + TONAL else 1.0 for row in bad])
    limits = offered()
    alarms = {limit: alarms_of(limit, good) for limit in limits}
    found = {limit: refused_by(limit, placed(limit, good), bad) for limit in limits}
    taken: dict[tuple[str, str, str], Limit] = {}
    refused, caught = guarded(good), guarded(bad)

    def worth(limit: Limit, refused: Marks, caught: Marks) -> float:
        gain = float(weights[found[limit] & ~caught].sum())
        cost = int((alarms[limit] & ~refused).sum())
        if gain < LEAST_GAIN or gain < PRICE * cost or limit.place in taken:
            return 0.0
        within = (refused | alarms[limit]).mean() <= ALARMS
        return gain / (cost + 0.5) if within else 0.0

    while True:
        best = max(limits, key=partial(worth, refused=refused, caught=caught))
        if worth(best, refused, caught) == 0:
            break
        taken[best.place] = best
        refused, caught = refused | alarms[best], caught | found[best]
    head = f"# over folds, {refused.mean():.2%} of good targets refused, {caught.mean():.1%} found"
    return "\n".join([head, *lines_of(list(taken.values()), good)])


def guarded(rows: Sequence[Row]) -> Marks:
    """Say which rows the limits set by hand refuse."""
    return np.array(
        [
            any(row["scores"].get(name, least) < least for name, least in GUARDS.items())
            for row in rows
        ]
    )


def alarms_of(limit: Limit, good: Sequence[Row]) -> Marks:
    """Say which good targets are refused by a limit placed without their photographs."""
    fold = np.array([(row["photo"] // 2) % FOLDS for row in good])
    narrow = limit._replace(width=CAUTION * limit.width)
    refused = np.zeros(len(good), bool)
    for number in range(FOLDS):
        others = [row for row, f in zip(good, fold, strict=True) if f != number]
        refused |= refused_by(limit, placed(narrow, others), good) & (fold == number)
    return refused


def placed(limit: Limit, good: Sequence[Row]) -> float:
    """Place a limit by the good targets of its category."""
    sign = 1 if limit.side == "max" else -1
    values = sign * np.array([row["scores"][limit.score] for row in good if covers(limit, row)])
    middle, high = np.quantile(values, [0.5, 0.95])
    reach = middle + limit.width * (high - middle) / 1.645
    unseen = UNSEEN.get((limit.score, limit.side), -math.inf * sign)
    return sign * outward(max(float(reach), sign * unseen))


def covers(limit: Limit, row: Row) -> bool:
    """Say whether a row has the score, in the limit's category."""
    return limit.score in row["scores"] and limit.category in ("all", row["category"])


def outward(value: float) -> float:
    """Round up to two significant digits."""
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return round(math.ceil(value / step) * step, 6)


def refused_by(limit: Limit, bound: float, rows: Sequence[Row]) -> Marks:
    """Say which rows lie outside."""
    sign = 1 if limit.side == "max" else -1
    return np.array(
        [covers(limit, row) and sign * row["scores"][limit.score] > sign * bound for row in rows]
    )


def lines_of(taken: Sequence[Limit], good: Sequence[Row]) -> list[str]:
    """Write the limits as YAML, in the order of the tables."""
    lines = [f"  {score}:\n    min: {least:g}" for score, least in GUARDS.items()]
    for score in (*OF_CANDIDATE, *OF_PAIR):
        of_score = [limit for limit in taken if limit.score == score]
        if of_score:
            lines.append(f"  {score}:")
        for side in sorted({limit.side for limit in of_score}):
            bounds = {x.category: placed(x, good) for x in of_score if x.side == side}
            if "all" in bounds:
                lines.append(f"    {side}: {bounds['all']:g}")
                continue
            ordered = [name for name in DEGRADATIONS if name in bounds]
            words = ", ".join(f"{name}: {bounds[name]:g}" for name in ordered)
            lines.append(f"    {side}: {{{words}}}")
    return lines

"""The tables of `benchmarks.planted_faults`: what each stage finds, and what it wrongly refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from ggt_hf.quality.calibration import wilson_interval
from ggt_hf.quality.metric_gate import broken
from ggt_hf.quality.planting import FAULT_KINDS, GEOMETRIC, TONAL
from ggt_hf.quality.thresholds import Thresholds, default_thresholds
from ggt_hf.records import DEGRADATIONS

Row = dict[str, Any]

HIDDEN = {
    "tone_drift": ("old_photo",),
    "hue_drift": ("old_photo",),
    "color_cast": ("low_light", "old_photo"),
}
"""Fault -> the categories that do as much to a tone themselves: the input does not show it."""

STRENGTHS = {
    "shift": (1, 1.5, 3, 8),
    "scale": (0.5, 1, 2, 3),
    "rotation": (0.3, 0.6, 1.2, 2),
    "local_warp": (2, 3, 4.5, 6),
    "tone_drift": (0.2, 0.3, 0.4, 0.5),
    "hue_drift": (15, 30, 45, 60),
    "color_cast": (0.12, 0.18, 0.24, 0.3),
}
"""Fault -> the ends of its parts by strength: pixels, percent, degrees or a share."""


def print_tables(rows: list[Row], thresholds: Thresholds | None = None) -> None:
    """Print the faults found per kind, and the good targets refused per category."""
    limits = thresholds or default_thresholds()
    for row in rows:
        row["refused"] = bool(broken(row["scores"], row["category"], limits))
    squares, photos = ({row[name] for row in rows} for name in ("photo", "name"))
    print(f"{len(squares)} squares of {len(photos)} photographs, limits {limits.name}")
    print("\n| planted | found | of | where the input shows it | 95 % | of |")
    print("|---|---|---|---|---|---|")
    for name, part in fault_parts(rows):
        seen = [row for row in part if shows(row)]
        cells = f"{share(part)} | {len(part)} | {share(seen)} | {interval(seen)} | {len(seen)}"
        print(f"| {name} | {cells} |")
    print("\n| good targets | refused | 95 % | of |\n|---|---|---|---|")
    for name, part in good_parts([row for row in rows if row["kind"].startswith("good")]):
        print(f"| {name} | {share(part)} | {interval(part)} | {len(part)} |")
    print_categories(rows)
    print_strengths(rows)
    print_stages([row for row in rows if "judged" in row], limits)


def fault_parts(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Yield the faulty rows by kind, and the kinds that stage 1 is there for."""
    for kind in FAULT_KINDS:
        yield kind, [row for row in rows if row["kind"] == kind]
    for name, kinds in (("geometric", GEOMETRIC), ("tonal", TONAL)):
        yield f"**{name}, all**", [row for row in rows if row["kind"] in kinds]


def good_parts(good: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Yield the good targets by category, by making, and all of them."""
    for category in DEGRADATIONS:
        yield category, [row for row in good if row["category"] == category]
    for kind in ("good", "good, redrawn", "good, with a sign"):
        yield kind, [row for row in good if row["kind"] == kind]
    yield "**all**", list(good)


def print_categories(rows: Sequence[Row]) -> None:
    """Print what is found of the geometric and tonal kinds in each category."""
    print(f"\n| found in | {' | '.join(DEGRADATIONS)} |\n|---{'|---' * len(DEGRADATIONS)}|")
    for kind in (*GEOMETRIC, *TONAL):
        of_kind = [row for row in rows if row["kind"] == kind]
        cells = [share([row for row in of_kind if row["category"] == c]) for c in DEGRADATIONS]
        print(f"| {kind} | {' | '.join(cells)} |")


def print_strengths(rows: Sequence[Row]) -> None:
    """Print what is found of each third of the strengths, where the input shows it."""
    print("\n| found by strength | weak | middle | strong |\n|---|---|---|---|")
    for kind, ends in STRENGTHS.items():
        of_kind = [row for row in rows if row["kind"] == kind and shows(row)]
        cells = []
        for low, high in pairwise(ends):
            part = [row for row in of_kind if low <= abs(row["size"]) < high]
            cells.append(f"{low:g} to {high:g}: {share(part)}")
        print(f"| {kind} | {' | '.join(cells)} |")


def shows(row: Row) -> bool:
    """Say whether a row's input shows what its fault changes."""
    return row["category"] not in HIDDEN.get(row["kind"], ())


def print_stages(rows: Sequence[Row], limits: Thresholds) -> None:
    """Print what the rule-based judge refuses by itself, and both stages together."""
    if not rows:
        return
    print(f"\n{len({row['photo'] for row in rows})} squares that stage 2 saw too\n")
    print("| | stage 1 | stage 2 alone | either | of |\n|---|---|---|---|---|")
    named = [*fault_parts(rows), *good_parts([r for r in rows if r["kind"].startswith("good")])]
    for name, part in named:
        if part:
            judged = share(part, lambda row: refused_by_judge(row, limits))
            either = share(part, lambda row: row["refused"] or refused_by_judge(row, limits))
            print(f"| {name} | {share(part)} | {judged} | {either} | {len(part)} |")


def refused_by_judge(row: Row, limits: Thresholds) -> bool:
    """Say whether the judge's numbers break the limits; what it cannot say breaks none."""
    removed, kept = row["judged"]["removed"], row["judged"]["kept"]
    if removed is None or kept is None:
        return False
    return bool(removed < limits.judge.min_removed or kept < limits.judge.min_kept)


def share(
    rows: Sequence[Row], says: Callable[[Row], bool] = lambda row: bool(row["refused"])
) -> str:
    """Format the share of the rows that were refused."""
    return f"{100 * sum(map(says, rows)) / len(rows):.1f} %" if rows else "-"


def interval(rows: Sequence[Row]) -> str:
    """Format the 95 % interval of that share."""
    if not rows:
        return "-"
    low, high = wilson_interval(sum(row["refused"] for row in rows), len(rows))
    return f"{100 * low:.0f}-{100 * high:.0f}"

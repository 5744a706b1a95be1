"""The tables of `benchmarks.planted_faults`: what each stage finds, and what it wrongly refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ggt_hf.quality.calibration import wilson_interval
from ggt_hf.quality.metric_gate import broken
from ggt_hf.quality.planting import FAULT_KINDS, GEOMETRIC, TONAL
from ggt_hf.quality.thresholds import Thresholds, default_thresholds
from ggt_hf.records import DEGRADATIONS

Row = dict[str, Any]

TONE_KEPT = ("mixed", "rain", "snow")
"""Categories whose input shows about the tone that the target should have."""


def print_tables(rows: list[Row], thresholds: Thresholds | None = None) -> None:
    """Print the faults found per kind, and the good targets refused per category."""
    limits = thresholds or default_thresholds()
    for row in rows:
        row["refused"] = bool(broken(row["scores"], row["category"], limits))
    squares, photos = ({row[name] for row in rows} for name in ("photo", "name"))
    print(f"{len(squares)} squares of {len(photos)} photographs, limits {limits.name}")
    print("\n| planted | found | 95 % | mixed, rain, snow | haze, low light, old photo | of |")
    print("|---|---|---|---|---|---|")
    for name, part in fault_parts(rows):
        kept = [row for row in part if row["category"] in TONE_KEPT]
        rest = [row for row in part if row["category"] not in TONE_KEPT]
        cells = f"{share(part)} | {interval(part)} | {share(kept)} | {share(rest)} | {len(part)}"
        print(f"| {name} | {cells} |")
    print("\n| good targets | refused | 95 % | of |\n|---|---|---|---|")
    for name, part in good_parts([row for row in rows if row["kind"].startswith("good")]):
        print(f"| {name} | {share(part)} | {interval(part)} | {len(part)} |")
    print_categories(rows)
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

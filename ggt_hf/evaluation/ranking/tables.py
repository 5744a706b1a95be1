"""A ranking as a table: for a terminal and Markdown, for LaTeX, as JSON and parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ggt_hf.evaluation.ranking.axes import AXES, EQUAL, Standing
from ggt_hf.evaluation.ranking.rank import Ranking
from ggt_hf.evaluation.tables import escaped, latex_text, shown
from ggt_hf.metrics import metric

FORMULA = (
    "Average: mean of the axes, each brought to 0 to 1 over the contestants by min-max; with 95 % "
    "bootstrap intervals over pictures and votes. First: share of the draws in which it is first."
)
"""What stands below every table."""


def measured_axes(standings: Sequence[Standing]) -> list[str]:
    """Return the axes that were measured, in order."""
    return [axis for axis in AXES if any(axis in row.axes for row in standings)]


def measured_metrics(standings: Sequence[Standing]) -> list[str]:
    """Return the metrics that were measured, in order."""
    return list(dict.fromkeys(name for row in standings for name in row.metrics))


def heads_of(standings: Sequence[Standing]) -> list[str]:
    """Return the heads of the columns."""
    metrics = [f"{metric(name).title} {metric(name).arrow}" for name in measured_metrics(standings)]
    voted = ["win share ↑", "chosen"] if any(row.preferred for row in standings) else []
    axes = [f"{axis}, 0 to 1" for axis in measured_axes(standings)]
    return ["contestant", "average ↑", "first", *axes, *metrics, *voted]


def cells_of(row: Standing, standings: Sequence[Standing]) -> list[str]:
    """Return one row's cells, as many as there are heads."""
    average = f"{row.average.mean:.2f} ({row.average.low:.2f} to {row.average.high:.2f})"
    axes = [f"{row.axes[axis]:.2f}" for axis in measured_axes(standings)]
    metrics = [shown(row.metrics[name], name) for name in measured_metrics(standings)]
    voted = []
    if any(one.preferred for one in standings):
        share = row.preferred
        voted = [
            "" if share is None else f"{share.mean:.0%} ({share.low:.0%} to {share.high:.0%})",
            "" if row.chosen is None else f"{row.chosen:.1%}",
        ]
    return [row.contestant, average, f"{row.first:.0%}", *axes, *metrics, *voted]


def to_markdown(ranking: Ranking) -> str:
    """Return the table as Markdown, with its notes."""
    rows = ranking.standings
    heads = heads_of(rows)
    lines = [heads, ["---"] * len(heads), *([escaped(c) for c in cells_of(r, rows)] for r in rows)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return "\n\n".join([table, " ".join([FORMULA, *map(escaped, ranking.notes)])]) + "\n"


def place_of(standing: Standing, rows: Sequence[Standing]) -> int:
    """Return how many of `rows` have a better average; equals share a place, 0 = the best."""
    return sum(row.average.mean > standing.average.mean + EQUAL for row in rows)


def to_latex(ranking: Ranking) -> str:
    """Return the table as LaTeX for ``booktabs``; the best of each axis is bold."""
    rows = ranking.standings
    axes = measured_axes(rows)
    best = {axis: max(row.axes[axis] for row in rows) for axis in axes}
    lines = [
        r"\begin{tabular}{l" + "c" * (len(axes) + 1) + "}",
        r"\toprule",
        " & ".join(["Editor and prompts", *(axis.capitalize() for axis in axes), "Average"])
        + r" \\",
        r"\midrule",
    ]
    for row in rows:
        cells = [_bold(f"{row.axes[axis]:.2f}", row.axes[axis] == best[axis]) for axis in axes]
        average = _bold(f"{row.average.mean:.2f}", place_of(row, rows) == 0)
        half = (row.average.high - row.average.low) / 2
        spread = rf" {{\scriptsize$\pm${half:.2f}}}"
        lines.append(" & ".join([latex_text(row.contestant), *cells, average + spread]) + r" \\")
    notes = [f"% {note}" for note in (FORMULA, *ranking.notes)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", *notes]) + "\n"


def to_dict(ranking: Ranking) -> dict[str, Any]:
    """Return all of it as JSON holds it."""
    return {
        "out": str(ranking.out),
        "axes": measured_axes(ranking.standings),
        "standings": [asdict(row) for row in ranking.standings],
        "raters": [
            asdict(rater) | {"counts": rater.counts, "says": rater.says}
            for rater in ranking.poll.raters
        ],
        "num_votes": len(ranking.poll.votes),
        "num_stale_votes": ranking.poll.num_stale,
        "formula": FORMULA,
        "notes": list(ranking.notes),
    }


def write_tables(ranking: Ranking) -> list[Path]:
    """Write ``ranking.json``, ``.parquet``, ``.md`` and ``.tex``; return the files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = ranking.out
    texts = {
        "ranking.md": to_markdown(ranking),
        "ranking.tex": to_latex(ranking),
        "ranking.json": json.dumps(to_dict(ranking), indent=1, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        _whole(out / name, text)
    path = out / "ranking.parquet"
    partial = path.with_name(f".{path.name}.partial")
    pq.write_table(pa.Table.from_pylist([_flat(row) for row in ranking.standings]), partial)
    partial.replace(path)
    return [*(out / name for name in texts), path]


def _flat(row: Standing) -> Mapping[str, Any]:
    share = row.preferred
    return {
        "contestant": row.contestant,
        "average": row.average.mean,
        "average_low": row.average.low,
        "average_high": row.average.high,
        "first": row.first,
        **{
            f"axis_{axis.lower().replace(' ', '_').replace('-', '_')}": row.axes.get(axis)
            for axis in AXES
        },
        **row.metrics,
        "win_share": share.mean if share else None,
        "win_share_low": share.low if share else None,
        "win_share_high": share.high if share else None,
        "chosen": row.chosen,
        "num_missing": row.num_missing,
        "twin_of": row.twin_of,
    }


def _whole(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _bold(text: str, wanted: bool) -> str:
    return rf"\textbf{{{text}}}" if wanted else text

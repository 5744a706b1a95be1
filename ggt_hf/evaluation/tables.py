"""A summary as a Markdown table and as a LaTeX table.

One row a restorer; the best of each column is bold, and the second best is italic (underlined in
LaTeX). Under each mean stand the ends of its interval.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ggt_hf.evaluation.scores import ALL
from ggt_hf.evaluation.statistics import COVERAGE
from ggt_hf.evaluation.summary import Difference, Summary
from ggt_hf.metrics import metric

MINUS = "\u2212"
"""The true minus sign, as wide as a plus."""


def to_markdown(summary: Summary) -> str:
    """Return every task's means over all pictures, and the differences, as Markdown."""
    parts = []
    for task in dict.fromkeys(row.task for row in summary.means):
        names = columns(summary, task)
        heads = [f"{metric(name).title} {metric(name).arrow}" for name in names]
        lines = [_line(["restorer", *heads]), _line(["---"] * (len(heads) + 1))]
        for restorer in rows_of(summary, task):
            cells = [_mean_cell(summary, task, restorer, name) for name in names]
            lines.append(_line([escaped(restorer), *cells]))
        count = max(row.value.count for row in summary.means if row.task == task)
        parts.append(f"### {task} ({count} pictures)\n\n" + "\n".join(lines))
    if summary.differences:
        parts.append("### Differences\n\n" + "\n".join(_difference_lines(summary.differences)))
    note = f"Means, with {COVERAGE:.0f} % bootstrap intervals over the pictures."
    return "\n\n".join([*parts, " ".join([note, *summary.notes])]) + "\n"


def to_latex(summary: Summary) -> str:
    """Return the same means as LaTeX tables for ``booktabs``, one a task."""
    parts = []
    for task in dict.fromkeys(row.task for row in summary.means):
        names = columns(summary, task)
        arrows = {"↑": r"$\uparrow$", "↓": r"$\downarrow$"}
        heads = [f"{metric(name).title} {arrows[metric(name).arrow]}" for name in names]
        lines = [
            r"\begin{tabular}{l" + "c" * len(names) + "}",
            r"\toprule",
            " & ".join(["Method", *heads]) + r" \\",
            r"\midrule",
        ]
        for restorer in rows_of(summary, task):
            cells = [_latex_cell(summary, task, restorer, name) for name in names]
            lines.append(" & ".join([latex_text(restorer), *cells]) + r" \\")
        parts.append("\n".join([f"% {task}", *lines, r"\bottomrule", r"\end{tabular}"]))
    parts.extend(f"% {note}" for note in summary.notes)
    return "\n\n".join(parts) + "\n"


def columns(summary: Summary, task: str) -> list[str]:
    """Return the metrics of a task, in order."""
    return list(dict.fromkeys(row.metric for row in summary.means if row.task == task))


def rows_of(summary: Summary, task: str) -> list[str]:
    """Return the restorers of a task, in order."""
    return list(dict.fromkeys(row.restorer for row in summary.means if row.task == task))


def rank(summary: Summary, task: str, restorer: str, name: str) -> int:
    """Return how many restorers have a better mean over all pictures; 0 = it is the best."""
    means = [
        row.value.mean
        for row in summary.means
        if (row.task, row.category, row.metric) == (task, ALL, name)
    ]
    mine = summary.mean(task, restorer, ALL, name)
    if mine is None or len(means) < 2:
        return len(means)
    sign = 1 if metric(name).higher_is_better else -1
    return sum(sign * other > sign * mine.value.mean for other in means)


def shown(value: float, name: str) -> str:
    """Return a score with as many digits as mean something: decibels two, others three or four."""
    row = metric(name)
    digits = 2 if row.unit or row.high > 1.5 else 4
    return f"{value:.{digits}f}"


def signed(value: float, name: str) -> str:
    """Return a difference with its sign, a true minus."""
    text = shown(abs(value), name)
    return f"{MINUS if value < 0 else '+'}{text}"


def _mean_cell(summary: Summary, task: str, restorer: str, name: str) -> str:
    row = summary.mean(task, restorer, ALL, name)
    if row is None:
        return ""
    text = shown(row.value.mean, name)
    mark = {0: "**", 1: "*"}.get(rank(summary, task, restorer, name), "")
    low, high = (shown(end, name) for end in (row.value.low, row.value.high))
    return f"{mark}{text}{mark} ({low} to {high})"


def _latex_cell(summary: Summary, task: str, restorer: str, name: str) -> str:
    row = summary.mean(task, restorer, ALL, name)
    if row is None:
        return "--"
    wraps = {0: r"\textbf{%s}", 1: r"\underline{%s}"}
    wrap = wraps.get(rank(summary, task, restorer, name), "%s")
    half = (row.value.high - row.value.low) / 2
    spread = rf" {{\scriptsize$\pm${shown(half, name)}}}"
    return wrap % shown(row.value.mean, name) + spread


def _difference_lines(differences: Sequence[Difference]) -> list[str]:
    heads = ["task", "restorer minus other", "metric", "difference", "better on", "says"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    for row in differences:
        if row.category != ALL:
            continue
        low, high = (signed(end, row.metric) for end in (row.value.low, row.value.high))
        lines.append(
            _line(
                [
                    row.task,
                    escaped(f"{row.restorer} {MINUS} {row.against}"),
                    metric(row.metric).title,
                    f"{signed(row.value.mean, row.metric)} ({low} to {high})",
                    f"{row.better:.0%}",
                    row.says,
                ]
            )
        )
    return lines


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """Return text as a cell of a Markdown table holds it."""
    return text.replace("|", r"\|").replace("_", r"\_").replace("*", r"\*")


def latex_text(text: str) -> str:
    """Return text as LaTeX sets it."""
    return re.sub(r"([&%$#_{}])", r"\\\1", text).replace("~", r"\textasciitilde{}")

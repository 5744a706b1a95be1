"""What the user sees: data on stdout, everything else on stderr."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from ggt_hf.errors import GgtError, UsageError


class Output:
    """Prints one command's results as text or, with ``--json``, as one JSON document."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet

    def result(self, fields: Mapping[str, Any], text: str) -> None:
        """Print the one result of a command: `fields` as JSON, or `text`."""
        typer.echo(json.dumps(fields, indent=2, ensure_ascii=False) if self.as_json else text)

    def table(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Print rows of the same fields: as a JSON list, or in aligned columns."""
        if self.as_json:
            typer.echo(json.dumps(list(rows), indent=2, ensure_ascii=False))
            return
        if not rows:
            return
        typer.echo(in_columns(rows))

    def remark(self, text: str) -> None:
        """Tell the user something on stderr that is no data; silent with ``--quiet``."""
        if not self.quiet:
            typer.echo(plain_lines(text), err=True)


def in_columns(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows of the same fields as a table in aligned columns."""
    heads = list(rows[0])
    lines = [heads, *([_cell(row[head]) for head in heads] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "\n".join(line.rstrip() for line in padded)


def tell_error(error: GgtError) -> None:
    """Print what went wrong and the next step, in two lines or more, on stderr."""
    # A file's name may hold what a terminal would obey.
    typer.echo(plain_lines(f"error: {error.message}\n  next: {error.hint}"), err=True)


def agree_to_pay(most: float) -> None:
    """Go on only if whoever sits here agrees to spend up to `most` US dollars.

    Raises:
        UsageError: nobody sits here.
        typer.Exit: they do not agree.
    """
    import sys

    if not sys.stdin.isatty():
        raise UsageError(
            f"This costs up to {most:.2f} USD, and nobody is here to agree.",
            hint="Add --yes to agree, or --dry-run to look.",
        )
    if not typer.confirm(f"Spend up to {most:.2f} USD?", err=True):
        raise typer.Exit(1)


def _cell(value: Any) -> str:
    return "" if value is None else plain(value)


def plain(value: Any) -> str:
    """Return `value` as one line without control characters: a stranger's prompt may hold them."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))


def plain_lines(text: str) -> str:
    """Return `text` as `plain` does, its lines kept apart."""
    return "\n".join(plain(line) for line in text.split("\n"))


def counted(count: int, noun: str) -> str:
    """Return ``1 pair``, ``2 pairs``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def num_bytes(count: int) -> str:
    """Return a number of bytes as people read it: ``1.2 GB`` is 1.2 times 10^9 bytes."""
    size = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.0f} bytes" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"

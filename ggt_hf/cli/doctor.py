"""``ggt doctor``: what this machine has, for issue reports."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from ggt_hf.cli.options import Json
from ggt_hf.cli.output import Output

if TYPE_CHECKING:
    from ggt_hf.doctor import Finding

MARKS = {"ok": "+", "off": "-", "bad": "!"}


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the Hub.")] = False,
    json: Json = False,
) -> None:
    """Say what this machine has: versions, extras, tools, GPU, disk, token, the Hub.

    Nothing secret is printed: paste it into an issue report. The exit code is 1 when something is
    to be mended (!); what is merely not installed (-) is no fault.

    Examples:

      ggt doctor

      ggt doctor --offline --json
    """
    from ggt_hf.doctor import examine

    found = list(examine(hub=not offline))
    Output(as_json=json).result({"findings": [asdict(f) for f in found]}, _text(found))
    if any(finding.state == "bad" for finding in found):
        raise typer.Exit(1)


def _text(found: list[Finding]) -> str:
    width = max(len(finding.name) for finding in found)
    lines: list[str] = []
    for area, findings in groupby(found, key=lambda finding: finding.area):
        lines += ["", area] if lines else [area]
        lines += [f"  {MARKS[f.state]} {f.name:{width}}  {f.text}" for f in findings]
    return "\n".join(lines)

"""``ggt demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ggt_hf.cli.options import Json, Quiet
from ggt_hf.cli.output import Output


def demo(
    out: Annotated[Path, typer.Argument(help="Folder to write to.")] = Path("ggt-demo"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the whole way of the data on the embedded sample, offline, and show it on a page.

    Examples:

      ggt demo

      ggt demo /tmp/somewhere --json
    """
    from ggt_hf.demo import next_commands, run_demo

    output = Output(as_json=as_json, quiet=quiet)
    report = run_demo(out, tell=output.remark)
    commands = next_commands(report)
    fields = {
        "dataset": str(report.dataset),
        "page": str(report.page),
        "comparison": None if report.comparison is None else str(report.comparison),
        "num_pairs": report.num_pairs,
        "seconds": report.seconds,
        "next": list(commands),
    }
    tried = "\n".join(f"  {command}\n      {purpose}" for command, purpose in commands.items())
    output.result(fields, f"Open {report.page.resolve()} in a browser. Then try:\n{tried}")

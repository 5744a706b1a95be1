"""Every shared option, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ggt_hf.errors import UsageError

Where = Annotated[
    str,
    typer.Argument(
        metavar="WHERE", help="Folder, ORG/NAME or ORG/NAME@REVISION.", show_default=False
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and touch nothing.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no remarks.")]
Revision = Annotated[str | None, typer.Option(help="Commit, tag or branch of the Hub repository.")]
Token = Annotated[
    str | None,
    typer.Option(
        help="Hub token; better kept in HF_TOKEN or by `hf auth login`.", show_default=False
    ),
]
NumWorkers = Annotated[int | None, typer.Option(min=1, help="Workers; default: one a core.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after this many.")]
Seed = Annotated[int, typer.Option(help="Seed of everything drawn at random.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
RefuseOverlap = Annotated[
    Path | None,
    typer.Option(
        "--refuse-overlap",
        metavar="INDEX",
        help="Refuse when pictures of this test set are in it (ggt contamination index).",
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A parameter of the model, as guidance_scale=3. Repeatable.",
        show_default=False,
    ),
]


def setting(word: str) -> tuple[str, Any]:
    """Return NAME and VALUE: a number, a list, true; or else the words themselves.

    Raises:
        UsageError: `word` is no NAME=VALUE.
    """
    import json

    name, equals, value = word.partition("=")
    if not name or not equals:
        raise UsageError(
            f"--set {word} is no NAME=VALUE.", hint="Write --set num_inference_steps=20."
        )
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value

"""``ggt diff``: what changed from one dataset to another."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ggt_hf.cli.options import Json, Token
from ggt_hf.cli.output import Output

if TYPE_CHECKING:
    from ggt_hf.data.reading.inspection import Difference

_PLACE = "Folder, ORG/NAME or ORG/NAME@REVISION."


def diff(
    old: Annotated[str, typer.Argument(metavar="A", help=_PLACE, show_default=False)],
    new: Annotated[str, typer.Argument(metavar="B", help=_PLACE, show_default=False)],
    json: Json = False,
    token: Token = None,
) -> None:
    """Say which pairs B adds to A, removes and changes; exit with 1 when there are any.

    Only the manifests are compared: no picture is fetched.

    Examples:

      ggt diff ORG/ggt-100k@v1 ORG/ggt-100k

      ggt diff out/ ORG/ggt-100k --json
    """
    from ggt_hf.data.reading.inspection import difference
    from ggt_hf.data.reading.reader import open_dataset

    with open_dataset(old, token=token) as before, open_dataset(new, token=token) as after:
        found = difference(before.manifest, after.manifest)
    Output(as_json=json).result(asdict(found), _text(found))
    if found:
        raise typer.Exit(1)


def _text(found: Difference) -> str:
    if not found:
        return "The same pairs."
    counts = (
        f"{len(found.added):,} added, {len(found.removed):,} removed, "
        f"{len(found.changed):,} changed"
    )
    return "\n".join(
        [
            *(f"+ {key}" for key in found.added),
            *(f"- {key}" for key in found.removed),
            *(f"~ {key}  {', '.join(parts)}" for key, parts in found.changed.items()),
            counts,
        ]
    )

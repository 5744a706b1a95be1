"""``ggt diff``: what changed from one dataset to another."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ggt_hf.cli.options import Json, Token
from ggt_hf.cli.output import Output, plain, tell_error
from ggt_hf.errors import GgtError

if TYPE_CHECKING:
    from ggt_hf.data.reading.inspection import Difference

_PLACE = "Folder, ORG/NAME or ORG/NAME@REVISION."


def diff(
    old: Annotated[str, typer.Argument(metavar="A", help=_PLACE, show_default=False)],
    new: Annotated[str, typer.Argument(metavar="B", help=_PLACE, show_default=False)],
    json: Json = False,
    token: Token = None,
) -> None:
    """Say which pairs B adds to A, removes and changes.

    Exits like diff(1): 0 the same pairs, 1 other pairs, 2 trouble.

    Only the manifests are compared: no picture is fetched.

    Examples:

      ggt diff ORG/ggt-100k@v1 ORG/ggt-100k

      ggt diff out/ ORG/ggt-100k --json
    """
    from ggt_hf.data.reading.inspection import difference
    from ggt_hf.data.reading.reader import open_dataset

    try:
        with open_dataset(old, token=token) as before, open_dataset(new, token=token) as after:
            found = difference(before.manifest, after.manifest)
    except GgtError as error:
        tell_error(error)
        raise typer.Exit(2) from error
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
            *(f"+ {plain(key)}" for key in found.added),
            *(f"- {plain(key)}" for key in found.removed),
            *(f"~ {plain(key)}  {', '.join(parts)}" for key, parts in found.changed.items()),
            counts,
        ]
    )

"""``ggt show``: one pair."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ggt_hf.cli.options import Json, Revision, Token, Where
from ggt_hf.cli.output import Output, plain


def show(
    where: Where,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of the pair.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write both pictures and the record to.")
    ] = None,
    json: Json = False,
    revision: Revision = None,
    token: Token = None,
) -> None:
    """Show one pair, proven by its hashes. From the Hub, only its own bytes are fetched.

    Examples:

      ggt show ORG/ggt-100k KEY

      ggt show ORG/ggt-100k KEY --out pair/
    """
    from ggt_hf.data.reading.inspection import describe, find, save
    from ggt_hf.data.reading.reader import open_dataset

    output = Output(as_json=json)
    with open_dataset(where, revision=revision, token=token) as store:
        row = find(store, key)
        pair = store.pair(row, verify=True)
    fields = describe(row, pair)
    files = [str(file) for file in save(row, pair, out)] if out else []
    output.result(fields | ({"files": files} if files else {}), _text(fields))
    if files:
        output.remark(f"Wrote {', '.join(files)}.")


def _text(fields: dict[str, Any]) -> str:
    lines = [(fields["key"], f"{fields['split']}, {fields['category']}")]
    for side in ("lq", "gt"):
        picture = fields[side]
        size = f"{fields['width']:,} x {fields['height']:,}"
        lines.append((side, f"{picture['format']}, {size}, {picture['num_bytes']:,} bytes"))
    lines += [(name, fields[name]) for name in ("prompt", "license", "credit", "origin", "source")]
    lines += [(metric, value) for metric, value in fields["scores"].items()]
    lines += list(fields["provenance"].items())
    place = f"{fields['shard']}, bytes {fields['offset']:,} + {fields['num_bytes']:,}"
    lines.append(("shard", place))
    known = [(name, value) for name, value in lines if value is not None]
    width = max(len(name) for name, _ in known)
    return "\n".join(f"{name.ljust(width)}  {plain(value)}" for name, value in known)

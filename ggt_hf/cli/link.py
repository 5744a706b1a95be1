"""``ggt link``: give the bare name a meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ggt_hf.cli.options import DryRun, Json, Quiet, Revision, Token
from ggt_hf.cli.output import Output
from ggt_hf.errors import UsageError


def link(
    directory: Annotated[
        Path | None, typer.Argument(help="Where the name is to work; this one if left out.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="ORG/NAME on the Hub, or a folder; the embedded sample if left out."),
    ] = None,
    everywhere: Annotated[
        bool,
        typer.Option(
            "--everywhere",
            help="In any directory, for ggt_hf.load_dataset and ggt_hf.enable_bare_name.",
        ),
    ] = False,
    revision: Revision = None,
    token: Token = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make load_dataset("ggt-100k") work in a directory, with plain datasets.

    Writes DIRECTORY/ggt-100k/README.md, a small stub that points at the data.

    A repository is pinned to its present commit: link again to move on.

    Delete the folder ggt-100k to unlink.

    Examples:

      ggt link --to ORG/ggt-100k

      ggt link experiments --to data/ggt-100k

      ggt link --everywhere --to ORG/ggt-100k --revision v1.0
    """
    from ggt_hf.data.loading.bare_name import BARE_NAME, everywhere_folder
    from ggt_hf.data.loading.location import Location
    from ggt_hf.data.loading.sample_shards import sample_dataset, sample_folder
    from ggt_hf.data.loading.stub import check_replaceable, stub_text, write_stub

    if everywhere and directory is not None:
        raise UsageError(
            f"--everywhere and the directory {directory} exclude each other.",
            hint="Leave one of them out.",
        )
    folder = (everywhere_folder() if everywhere else directory or Path()) / BARE_NAME
    check_replaceable(folder)
    out = Output(as_json=as_json, quiet=quiet)
    sample = sample_folder()
    if dry_run and to is None and not sample.exists():
        out.remark(f"{folder}/README.md would name the embedded sample, built into {sample} first.")
        out.result({"stub": str(folder), "to": str(sample), "text": None}, str(folder))
        return
    place = Location.parse(sample_dataset() if to is None else to, revision)
    text = stub_text(place, folder, token)
    changed = not dry_run and write_stub(folder, text)

    if dry_run:
        out.remark(f"{folder}/README.md would hold:")
        out.result({"stub": str(folder), "to": place.path, "text": text}, text.rstrip())
        return
    out.result({"stub": str(folder), "to": place.path, "changed": changed}, str(folder))
    out.remark(f"{'Linked' if changed else 'Already linked'} to {place.path}.")
    if to is None:
        out.remark(f"That is the small embedded sample; name the data with --to ORG/{BARE_NAME}.")

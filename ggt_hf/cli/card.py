"""``ggt card``: write or show the card of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ggt_hf.cli.options import Quiet
from ggt_hf.cli.output import Output

card = typer.Typer(help="Make a card from records: what the Hub shows first.", no_args_is_help=True)


@card.command("dataset")
def dataset(
    folder: Annotated[Path, typer.Argument(help="A complete dataset.", show_default=False)],
    repo: Annotated[
        str | None, typer.Option(help="The Hub repository that the examples are to load.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Replace DIR/README.md.")] = False,
    title: Annotated[str | None, typer.Option(help="Default: the repository's name.")] = None,
    description: Annotated[
        str | None, typer.Option(help="The first paragraph, in Markdown.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Print the README.md of a dataset, made from its records; with --write, store it.

    Examples:

      ggt card dataset out/

      ggt card dataset out/ --repo ORG/NAME --write
    """
    from ggt_hf.data.reading.folder import DatasetFolder

    local = DatasetFolder.open(folder)
    text = local.card(repo_id=repo, pretty_name=title, description=description)
    if not write:
        typer.echo(text, nl=False)
        return
    local.write_card(text)
    Output(quiet=quiet).remark(f"Wrote {local.root / 'README.md'}.")


@card.command("croissant")
def croissant(
    folder: Annotated[Path, typer.Argument(help="A complete dataset.", show_default=False)],
    repo: Annotated[
        str | None, typer.Option(help="The Hub repository whose files the document names.")
    ] = None,
    revision: Annotated[str, typer.Option(help="Its tag or commit.")] = "main",
    write: Annotated[bool, typer.Option("--write", help="Store it as DIR/croissant.json.")] = False,
    quiet: Quiet = False,
) -> None:
    """Print the Croissant metadata of a dataset, made from its records; with --write, store it.

    Without --repo the document names the files beside it.

    Examples:

      ggt card croissant out/ --write

      ggt card croissant out/ --repo ORG/NAME --revision v1
    """
    from ggt_hf.data.reading.folder import DatasetFolder

    local = DatasetFolder.open(folder)
    text = local.croissant(repo_id=repo, revision=revision)
    if not write:
        typer.echo(text, nl=False)
        return
    local.write_croissant(text)
    Output(quiet=quiet).remark(f"Wrote {local.root / 'croissant.json'}.")

"""``ggt card``: make the card of a dataset or benchmark; write scores into that of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ggt_hf.cli.options import Quiet, Token
from ggt_hf.cli.output import Output
from ggt_hf.errors import UsageError

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


@card.command("benchmark")
def benchmark_file(
    folder: Annotated[Path, typer.Argument(help="A complete dataset.", show_default=False)],
    task: Annotated[
        str | None, typer.Option(help="A task of ggt eval, for its title, words and metrics.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(help="What it is ranked by; default: what the task says.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="How the leaderboard is called.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Store it as DIR/eval.yaml.")] = False,
    quiet: Quiet = False,
) -> None:
    """Print the eval.yaml that makes a dataset a benchmark on the Hub; with --write, store it.

    ggt push dataset sends it along. Models' results for it are written by
    ggt card results; every metric is a task of the leaderboard.

    Examples:

      ggt card benchmark out/ --task ggt-test --write

      ggt card benchmark out/ --metrics psnr_y,ssim_y --title "Rain at night"
    """
    from ggt_hf.data.reading.folder import DatasetFolder
    from ggt_hf.evaluation.task import named_task
    from ggt_hf.hub.benchmark import benchmark_of, write_benchmark

    local = DatasetFolder.open(folder)
    names = [name.strip() for name in (metrics or "").split(",") if name.strip()]
    made = benchmark_of(local, named_task(task) if task else None, metrics=names, name=title)
    if not write:
        typer.echo(made.to_yaml(), nl=False)
        return
    Output(quiet=quiet).remark(f"Wrote {write_benchmark(local.root, made)}.")


@card.command("results")
def results(
    run: Annotated[Path, typer.Argument(help="Folder of a ggt eval run.", show_default=False)],
    restorer: Annotated[
        str, typer.Argument(help="The restorer's name in that run.", show_default=False)
    ],
    model: Annotated[
        str, typer.Argument(help="The model's folder, or ORG/NAME.", show_default=False)
    ],
    benchmark: Annotated[
        str | None,
        typer.Option(help="ORG/NAME of the dataset whose leaderboard the run's task is for."),
    ] = None,
    create_pr: Annotated[
        bool, typer.Option("--create-pr", help="Open a pull request instead of committing.")
    ] = False,
    token: Token = None,
    quiet: Quiet = False,
) -> None:
    """Write the scores of a model into its card, where ggt verify can check them.

    Written are the metadata of README.md (model-index), evaluation/claims.json
    with the scores of every picture, and .eval_results/ for benchmarks that
    have a leaderboard on the Hub. What else the card says stays. Push the
    weights first: ggt push model writes the card anew.

    Examples:

      ggt card results ggt-eval mine runs/a/model

      ggt card results ggt-eval mine ORG/NAME --create-pr
    """
    from ggt_hf.hub.results import publish_results, write_results

    output = Output(quiet=quiet)
    if Path(model).is_dir():
        for path in write_results(run, restorer, Path(model), benchmark=benchmark):
            output.remark(f"Wrote {path}.")
    elif model.count("/") == 1 and not model.startswith((".", "/", "~")):
        url = publish_results(
            run, restorer, model, benchmark=benchmark, token=token, create_pr=create_pr
        )
        output.result({"url": url}, url)
    else:
        raise UsageError(f"There is no folder {model}.", hint="Give a model's folder or ORG/NAME.")

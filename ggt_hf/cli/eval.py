"""``ggt eval``: restorers on tasks, with scores, intervals and comparisons."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ggt_hf.cli.options import Json, Limit, NumWorkers, Quiet, Seed, Token
from ggt_hf.cli.output import Output, counted, plain
from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from ggt_hf.evaluation.recipe import Recipe
    from ggt_hf.evaluation.run import BenchmarkReport

REPORT = "report.html"
"""The page, in the run's folder."""


class Where(StrEnum):
    """Where workers are."""

    local = "local"
    slurm = "slurm"
    ray = "ray"


def evaluate(  # noqa: PLR0913 - one parameter a flag
    restorers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=]RESTORER...",
            help="input, classical, embedded, a model's folder, ORG/NAME, or a folder of outputs.",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="A task, NAME=WHERE, or a folder of pairs or pictures.", show_default="sample"
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("ggt-eval"),
    metrics: Annotated[
        str | None, typer.Option(help="As psnr,ssim,lpips; default: what the task says.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Compare every other restorer with this one.")
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            help="Who says VLM-R: rules, a Hub id, a folder, or an endpoint's name of a model.",
            show_default="nobody",
        ),
    ] = None,
    judge_endpoint: Annotated[
        str | None,
        typer.Option(help="Base URL of an OpenAI-compatible server; its key is OPENAI_API_KEY."),
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="YAML of restorers, tasks and comparisons.")
    ] = None,
    report: Annotated[bool, typer.Option(help=f"Write OUT/{REPORT} and OUT/figures.")] = True,
    keep_pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Keep what was restored.")
    ] = True,
    limit: Limit = None,
    seed: Seed = 0,
    engine: Annotated[Where, typer.Option(help="Where the workers are.")] = Where.local,
    num_workers: NumWorkers = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, ...; default: a GPU where there is one.")
    ] = None,
    token: Token = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Restore and score every picture of a task, and sum up with intervals.

    Scores of each picture go to OUT/scores.parquet, tables to OUT/summary.md
    and .tex. Done is not done again: stopped at any moment, the same command
    goes on. Exits with 1 when a picture could not be scored.

    Tasks: sample, and with pictures of yours ggt-test, realdeg, openreal80k,
    div2k-val, real-lq-200.

    Examples:

      ggt eval input classical embedded --against input

      ggt eval without=runs/a with=runs/b --task ggt-test=data/ --against without

      ggt eval theirs=outputs/ mine=ORG/NAME --task pairs/ --metrics psnr_y,lpips

      ggt eval mine=ORG/NAME --task photos/ --judge Qwen/Qwen3-VL-8B-Instruct

      ggt eval --recipe table.yaml --out table
    """
    from ggt_hf.evaluation.benchmark import run_benchmark
    from ggt_hf.evaluation.judging import judge_choice
    from ggt_hf.evaluation.restorers import restorer_of
    from ggt_hf.evaluation.run import Settings, ShareDoneError
    from ggt_hf.evaluation.task import task_of
    from ggt_hf.restoration.methods import method_of

    asked = _asked(restorers, task, metrics, against, recipe, limit, seed)
    others = partial(method_of, device=device, token=token)
    output = Output(as_json=as_json, quiet=quiet)
    settings = Settings(
        metrics=asked.metrics,
        limit=asked.limit,
        seed=asked.seed,
        judge=judge_choice(asked.judge if judge is None else judge, judge_endpoint),
        keep_pictures=keep_pictures,
        engine=engine.value,
        num_workers=num_workers,
        device=device,
        quiet=quiet,
    )
    everyone = [restorer_of(text, others) for text in asked.restorers]
    tests = [task_of(text) for text in asked.tasks]
    try:
        made = run_benchmark(everyone, tests, out, settings, against=asked.against)
    except ShareDoneError as share:
        output.remark(f"{share.message}\nnext: {share.hint}")
        raise typer.Exit(1 if share.num_failed else 0) from None
    _tell(made, output)
    if report:
        from ggt_hf.evaluation.report import write_report

        output.remark(f"Open {write_report(made).resolve()} in a browser.")
    if made.failures:
        raise typer.Exit(1)


def _asked(
    restorers: list[str] | None,
    tasks: list[str] | None,
    metrics: str | None,
    against: str | None,
    recipe: Path | None,
    limit: int | None,
    seed: int,
) -> Recipe:
    from dataclasses import replace

    from ggt_hf.evaluation.recipe import Recipe, read_recipe

    names = tuple(name.strip() for name in (metrics or "").split(",") if name.strip())
    if recipe is None:
        if not restorers:
            raise UsageError("There is nothing to evaluate.", hint="Try: ggt eval input classical")
        return Recipe(
            restorers=tuple(restorers),
            tasks=tuple(tasks or ["sample"]),
            against=against,
            metrics=names,
            limit=limit,
            seed=seed,
        )
    if restorers or tasks:
        raise UsageError(
            "A recipe names its restorers and tasks itself.", hint="Leave the others out."
        )
    read = read_recipe(recipe)
    return replace(
        read,
        metrics=names or read.metrics,
        against=against or read.against,
        limit=limit or read.limit,
        seed=seed or read.seed,
    )


def _tell(made: BenchmarkReport, output: Output) -> None:
    from ggt_hf.evaluation.tables import to_markdown

    output.result(
        {
            "out": str(made.out),
            "num_scored": len(made.scores.rows),
            "num_reused": made.num_reused,
            "failures": [
                {"task": f.task, "restorer": f.restorer, "key": f.key, "error": f.error}
                for f in made.failures
            ],
            **made.summary.to_dict(),
        },
        to_markdown(made.summary).rstrip(),
    )
    for failure in made.failures:
        where = f"{failure.restorer} on {failure.task}, {failure.key}"
        typer.echo(f"error: {plain(where)}: {plain(failure.error)}", err=True)
    if made.failures:
        output.remark(
            f"{counted(len(made.failures), 'picture')} without scores: the means leave them out."
        )
    for line in made.calibration.remarks if made.calibration else ():
        output.remark(f"The judge: {line}.")
    if unsaid := made.num_unsaid:
        output.remark(f"The judge could not say of {counted(unsaid, 'picture')}.")
    output.remark(f"Scores of {counted(len(made.scores.rows), 'picture')} in {made.out}.")

"""``ggt prompt``: what to ask of an editor, for each picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ggt_hf.cli.engine import (
    Engine,
    EngineFlags,
    Merge,
    NumTasks,
    SbatchOption,
    WorkerGpus,
    WriteSbatch,
    tell_task,
)
from ggt_hf.cli.options import Json, Limit, Quiet, Revision
from ggt_hf.cli.output import Output
from ggt_hf.errors import UsageError
from ggt_hf.records import DEGRADATIONS, PromptStrategy

if TYPE_CHECKING:
    from ggt_hf.engines import StageReport
    from ggt_hf.synthesis.prompters import PrompterChoice

Pictures = Annotated[
    list[Path], typer.Argument(metavar="IMAGES|DIR...", help="Pictures, or folders of them.")
]
Model = Annotated[
    str | None,
    typer.Option(
        help="The observer: embedded, rules, a Hub id, a folder, or an endpoint's name.",
        show_default="embedded; rules where that cannot run",
    ),
]
HowChosen = Annotated[
    PromptStrategy, typer.Option("--strategy", help="Look at each picture, or say the same to all.")
]
Category = Annotated[
    str | None, typer.Option(help=f"With --strategy fixed: {', '.join(DEGRADATIONS)}.")
]
Endpoint = Annotated[
    str | None,
    typer.Option(help="Base URL of an OpenAI-compatible server; its key is in OPENAI_API_KEY."),
]
Template = Annotated[
    Path | None, typer.Option(help="Jinja template of yours for adaptive prompts.")
]
Out = Annotated[
    Path | None, typer.Option(help="JSONL file to write; pictures that it holds are skipped.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--num-workers", min=1, help="Processes, with --out; default: one a core, one for a model."
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Pictures that the model sees at once.")]


def prompt(  # noqa: PLR0913 - one parameter a flag
    pictures: Pictures,
    model: Model = None,
    strategy: HowChosen = "adaptive",
    category: Category = None,
    endpoint: Endpoint = None,
    template: Template = None,
    out: Out = None,
    batch_size: BatchSize = 4,
    revision: Revision = None,
    limit: Limit = None,
    num_workers: Workers = None,
    engine: Engine = "local",
    worker_gpus: WorkerGpus = 0.0,
    write_sbatch: WriteSbatch = None,
    num_tasks: NumTasks = 16,
    sbatch: SbatchOption = None,
    merge: Merge = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the prompt of each picture: from what a model sees in it, or fixed.

    With --out the same command goes on where it was stopped.

    A picture that cannot be read is reported and left out; the exit code then says so.

    Examples:

      ggt prompt photo.jpg

      ggt prompt photos/ --out prompts.jsonl --model Qwen/Qwen3-VL-8B-Instruct

      ggt prompt photos/ --endpoint http://localhost:11434/v1 --model qwen3-vl

      ggt prompt photos/ --strategy fixed --category rain --json
    """
    from ggt_hf.synthesis.prompt_file import find_pictures
    from ggt_hf.synthesis.prompters import PrompterChoice
    from ggt_hf.vlm import RULES

    screen = Output(as_json=as_json, quiet=quiet)
    flags = EngineFlags(
        engine=engine,
        num_workers=num_workers,
        worker_gpus=worker_gpus,
        write_sbatch=write_sbatch,
        num_tasks=num_tasks,
        sbatch=sbatch or (),
        merge=merge,
    )
    choice = PrompterChoice(
        strategy=strategy,
        category=category,
        model=model or (RULES if strategy == "fixed" else _default_model(screen, endpoint)),
        revision=revision,
        endpoint=endpoint,
        template=template.absolute() if template else None,
        batch_size=batch_size,
    )
    found = find_pictures(pictures)[:limit]
    if out is None:
        if engine != "local":
            raise UsageError(f"--engine {engine} needs a file to write.", hint="Add --out FILE.")
        _print(found, choice, screen)
    elif not flags.batch_written("ggt-prompt", screen):
        _write(found, choice, out, flags, screen)


def _print(found: Sequence[Path], choice: PrompterChoice, screen: Output) -> None:
    """Print prompts as they are made, or all of them as JSON."""
    from ggt_hf.progress import bar
    from ggt_hf.synthesis.prompt_file import prompt_pictures

    made, num_failed = [], 0
    with bar("Prompting", len(found), quiet=screen.quiet) as advance:
        for row in prompt_pictures(found, choice.open(), batch_size=choice.batch_size):
            advance()
            if row.error:
                num_failed += 1
                screen.remark(f"left out: {row.error.message}")
            else:
                made.append(row)
    if screen.as_json:
        screen.table([row.to_json() for row in made])
    else:
        for row in made:
            typer.echo(f"{row.path}\n{row.prompt.text if row.prompt else ''}\n")
    _exit_if(num_failed, len(found), screen)


def _write(
    found: Sequence[Path], choice: PrompterChoice, out: Path, flags: EngineFlags, screen: Output
) -> None:
    """Write prompts into a file, on any engine."""
    from ggt_hf.synthesis.prompt_file import write_prompts

    report = write_prompts(
        found,
        choice.open,
        out,
        flags.options(1 if choice.has_model else None, quiet=screen.quiet),
        fingerprint=choice.fingerprint,
        batch_size=choice.batch_size,
    )
    for failure in report.failures:
        screen.remark(f"left out: {failure.error}")
    if report.merged:
        _sum_up(report, len(found), screen)
    else:
        tell_task(report, screen)
    _exit_if(len(report.failures), len(found), screen)


def _sum_up(report: StageReport, num_found: int, screen: Output) -> None:
    num_failed = len(report.failures)
    summary = {
        "prompts": report.num_units - num_failed,
        "skipped": num_found - report.num_units,
        "failed": num_failed,
    }
    words = ", ".join(f"{count} {what}" for what, count in summary.items())
    screen.result({**summary, "out": str(report.out)}, f"{report.out}: {words}")


def _default_model(screen: Output, endpoint: str | None) -> str:
    from ggt_hf.vlm import RULES, offline_model

    if endpoint:
        raise UsageError("An endpoint serves several models.", hint="Say which one: --model NAME.")
    name = offline_model()
    if name == RULES:
        screen.remark("rules observe, from image statistics: no embedded model can run here.")
    return name


def _exit_if(num_failed: int, num_found: int, screen: Output) -> None:
    if num_failed:
        screen.remark(f"{num_failed} of {num_found} pictures have no prompt.")
        raise typer.Exit(1)

"""``ggt prompt``: what to ask of an editor, for each picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ggt_hf.cli.options import Json, Limit, Quiet, Revision
from ggt_hf.cli.output import Output
from ggt_hf.errors import UsageError
from ggt_hf.records import DEGRADATIONS

if TYPE_CHECKING:
    from ggt_hf.synthesis.prompt_file import PromptRow, Prompts

Strategy = Literal["adaptive", "fixed"]

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
    Strategy, typer.Option("--strategy", help="Look at each picture, or say the same to all.")
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
    Path | None, typer.Option(help="JSONL file to append to; pictures it holds are skipped.")
]
BatchSize = Annotated[int, typer.Option(min=1, help="Pictures that the model sees at once.")]


def prompt(
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
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the prompt of each picture: from what a model sees in it, or fixed.

    With --out the same command continues where it was stopped.

    A picture that cannot be read is reported and left out; the exit code then says so.

    Examples:

      ggt prompt photo.jpg

      ggt prompt photos/ --out prompts.jsonl --model Qwen/Qwen3-VL-8B-Instruct

      ggt prompt photos/ --endpoint http://localhost:11434/v1 --model qwen3-vl

      ggt prompt photos/ --strategy fixed --category rain --json
    """
    from ggt_hf.progress import bar
    from ggt_hf.synthesis.prompt_file import find_pictures, write_prompts

    output = Output(as_json=as_json, quiet=quiet)
    found = find_pictures(pictures)[:limit]
    if strategy == "fixed":
        writer = _fixed(category)
    else:
        if category is not None:
            raise UsageError(
                "An adaptive prompt finds the category itself.",
                hint="Leave --category out, or add --strategy fixed.",
            )
        name = model or _default_model(output, endpoint)
        writer = _adaptive(name, revision, endpoint, template, batch_size)
    rows = []
    with bar("Prompting", len(found), quiet=quiet) as advance:
        for row in write_prompts(found, writer, out=out, batch_size=batch_size):
            rows.append(row)
            advance()
            if row.error:
                output.remark(f"left out: {row.error.message}")
    _report(output, rows, found=len(found), out=out)


def _report(output: Output, rows: Sequence[PromptRow], *, found: int, out: Path | None) -> None:
    made = [row for row in rows if row.prompt]
    failed = [row for row in rows if row.error]
    if out:
        summary = {"prompts": len(made), "skipped": found - len(rows), "failed": len(failed)}
        words = ", ".join(f"{count} {what}" for what, count in summary.items())
        output.result({**summary, "out": str(out)}, f"{out}: {words}")
    elif output.as_json:
        output.table([row.to_json() for row in made])
    else:
        for row in made:
            typer.echo(f"{row.path}\n{row.prompt.text if row.prompt else ''}\n")
    if failed:
        output.remark(f"{len(failed)} of {found} pictures have no prompt.")
        raise typer.Exit(1)


def _fixed(category: str | None) -> Prompts:
    from ggt_hf.synthesis.prompting import FixedPrompter

    if category is not None and category not in DEGRADATIONS:
        raise UsageError(
            f"There is no category {category!r}.", hint=f"Choose one of {', '.join(DEGRADATIONS)}."
        )
    written = FixedPrompter(per_category=True).prompt(category)
    return lambda batch: [written] * len(batch)


def _default_model(output: Output, endpoint: str | None) -> str:
    from ggt_hf.vlm import RULES, offline_model

    if endpoint:
        raise UsageError("An endpoint serves several models.", hint="Say which one: --model NAME.")
    name = offline_model()
    if name == RULES:
        output.remark("rules observe, from image statistics: no embedded model can run here.")
    return name


def _adaptive(
    model: str,
    revision: str | None,
    endpoint: str | None,
    template: Path | None,
    batch_size: int,
) -> Prompts:
    from ggt_hf.synthesis.prompting import ADAPTIVE, AdaptivePrompter
    from ggt_hf.vlm import RULES, load
    from ggt_hf.vlm.cache import default_folder

    local = not endpoint and model != RULES
    options = {"batch_size": batch_size} if local else {}
    vlm = load(model, revision=revision, endpoint=endpoint, cache=default_folder(), **options)
    return AdaptivePrompter(vlm, template or ADAPTIVE).prompts

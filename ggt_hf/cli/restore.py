"""``ggt restore``: take photographs back."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ggt_hf.cli.options import DryRun, Json, Quiet, Revision, Seed, Settings, Token, setting
from ggt_hf.cli.output import Output, plain
from ggt_hf.errors import UsageError
from ggt_hf.records import DEGRADATIONS

if TYPE_CHECKING:
    from ggt_hf.restoration.restore import RestoreReport


EDITING = "Instruction-editing models"
"""Heading of the options that only they take."""


class Format(StrEnum):
    """Encodings of results."""

    jpeg = "jpeg"
    png = "png"
    webp = "webp"


class ColorFix(StrEnum):
    """Ways to bring colours back to the input's."""

    wavelet = "wavelet"
    statistics = "statistics"


def restore(  # noqa: PLR0913 - one parameter an option
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN... OUT",
            help="Photographs and folders of them; last, the folder (or file) of the results.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str,
        typer.Option(help="embedded, a folder that save_pretrained wrote, or ORG/NAME on the Hub."),
    ] = "embedded",
    strength: Annotated[
        float, typer.Option(min=0, max=2, help="Share of the correction; 0 changes nothing.")
    ] = 1.0,
    tile: Annotated[
        int | None,
        typer.Option(
            min=64, help="Side of the tiles; default: by the free memory, or the model's own."
        ),
    ] = None,
    color_fix: Annotated[
        ColorFix | None,
        typer.Option(help="Bring colours back to the input's; not for dark or faded pictures."),
    ] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="Of the results; default: each file's own.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write an HTML page with a before/after slider for each.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Restore again, replacing what is there.")
    ] = False,
    lora: Annotated[
        str | None,
        typer.Option(
            help="Folder, file or ORG/NAME of a LoRA.", rich_help_panel=EDITING, show_default=False
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            help="What to ask for; default: what the model was trained with, or a general wish.",
            rich_help_panel=EDITING,
            show_default=False,
        ),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(
            help=f"Ask as for one of {', '.join(DEGRADATIONS)}.",
            rich_help_panel=EDITING,
            show_default=False,
        ),
    ] = None,
    prompter: Annotated[
        str | None,
        typer.Option(
            help="Who looks at each photograph and words what to ask: rules, embedded, a "
            "vision-language model; or a .jsonl of ggt prompt.",
            rich_help_panel=EDITING,
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Denoising steps.", rich_help_panel=EDITING, show_default="the model's"
        ),
    ] = None,
    settings: Settings = None,
    seed: Seed = 0,
    dtype: Annotated[
        str,
        typer.Option(help="auto, float32, bfloat16 or float16.", rich_help_panel=EDITING),
    ] = "auto",
    offload: Annotated[
        str,
        typer.Option(
            help="none, model or sequential: weights wait in main memory.",
            rich_help_panel=EDITING,
        ),
    ] = "none",
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, ...; default: a GPU where there is one.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
    revision: Revision = None,
    token: Token = None,
) -> None:
    """Restore photographs, each at its own size. What is done already is skipped.

    Folders keep their tree. Orientation, EXIF data, transparency and colour
    profile survive. A file that cannot be restored is reported, the others go
    on, and the exit code is 1. A killed run goes on when started again.
    The embedded restorer needs no network.

    Examples:

      ggt restore old/ restored/

      ggt restore photo.jpg restored.png --page compare.html

      ggt restore scans/ more/*.jpg out/ --model ORG/NAME --dry-run --json

      ggt restore old/ restored/ --model Qwen/Qwen-Image-Edit-2511
        --lora ORG/LORA --prompter rules --offload model
    """
    if len(paths) < 2:
        raise UsageError(
            "There is no place for the results.", hint="Give it last: ggt restore IN... OUT"
        )
    from ggt_hf.restoration.instructing import Instruction
    from ggt_hf.restoration.restore import RestoreSettings, restore_files

    arguments = dict(setting(word) for word in settings or [])
    wanted = RestoreSettings(
        model=model,
        revision=revision,
        strength=strength,
        color_fix=color_fix.value if color_fix else None,
        tile=tile,
        format=form.value if form else None,
        instruction=Instruction(
            prompt=prompt,
            category=category,  # type: ignore[arg-type]  # checked there
            prompter=prompter,
            lora=lora,
            dtype=dtype,
            seed=seed,
            arguments=arguments | ({"num_inference_steps": steps} if steps else {}),
        ),
    )
    *inputs, out = paths
    report = restore_files(
        inputs, out, wanted, overwrite=overwrite, dry_run=dry_run, device=device,
        offload=offload, token=token, quiet=quiet,
    )  # fmt: skip
    output = Output(as_json=as_json, quiet=quiet)
    output.result(report.to_dict(), _text(report, dry_run))
    for failure in report.failures:
        typer.echo(f"error: {plain(failure.cause)}\n  next: {failure.hint}", err=True)
    if page and not dry_run:
        _write_page(page, report, model)
        output.remark(f"Wrote {page}.")
    if report.failures:
        raise typer.Exit(1)


def _text(report: RestoreReport, dry_run: bool) -> str:
    if dry_run:
        return "\n".join(
            f"{job.action:7}  {plain(job.source)} -> {plain(job.target)}" for job in report.jobs
        )
    counts = f"{len(report.restored)} restored, {len(report.skipped)} there already"
    return f"{counts}, {len(report.failures)} failed"


def _write_page(path: Path, report: RestoreReport, model: str) -> None:
    from ggt_hf.restoration.page import restoration_page
    from ggt_hf.restoration.restore import pictures_of

    restoration_page(list(pictures_of(report)), model, report.prompts).write(path)

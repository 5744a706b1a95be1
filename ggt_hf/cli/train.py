"""``ggt train``: a restorer by a recipe."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ggt_hf.cli.options import Json, Quiet, RefuseOverlap
from ggt_hf.cli.output import Output
from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from ggt_hf.training.recipe import Recipe
    from ggt_hf.training.record import RunRecord


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE",
            help="A .yaml file, or the name of a recipe that comes with the package.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the run; default: the recipe's name."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Updates of the weights; default: the recipe's.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1, ...; default: a GPU where there is one.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--no-resume",
            help="Go on where a run in the folder stands, or throw it away and begin anew.",
        ),
    ] = True,
    list_recipes: Annotated[
        bool, typer.Option("--list", help="List the recipes that come with the package.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--print", help="Print the recipe, to be changed into your own.")
    ] = False,
    refuse_overlap: RefuseOverlap = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a restorer by a recipe: full training, or a LoRA of an editing pipeline.

    Data come from datasets, folders and the simulator, mixed in a stated
    ratio. A killed run goes on when started again, to the very same weights.
    Several GPUs: accelerate launch -m ggt_hf train RECIPE.

    Examples:

      ggt train --list

      ggt train nafnet --print > mine.yaml

      ggt train mine.yaml --output runs/mine --device cuda
    """
    from ggt_hf.training.reading import read_recipe, recipe_names, recipe_text

    out = Output(as_json=as_json, quiet=quiet)
    if list_recipes:
        out.table([_row(name) for name in recipe_names()])
        return
    if recipe is None:
        raise UsageError("No recipe was given.", hint="See what there is: ggt train --list")
    if show:
        typer.echo(recipe_text(recipe), nl=False)
        return
    wanted = read_recipe(recipe)
    if refuse_overlap is not None:
        _refuse_overlap(wanted, refuse_overlap, quiet=quiet)
    from ggt_hf.training.train import train as run

    folder = output or Path(wanted.name)
    record = run(wanted, folder, device=device, steps=steps, resume=resume, quiet=quiet)
    out.result({"output": str(folder), **asdict(record)}, _told(record, folder))


def _refuse_overlap(recipe: Recipe, index: Path, *, quiet: bool) -> None:
    """Look for pictures of a test set in all that the recipe trains on."""
    from ggt_hf.quality.contamination import refuse_overlap
    from ggt_hf.quality.pictures import pictures_of
    from ggt_hf.training.recipe import PairsRecipe

    for source in recipe.data.sources:
        if isinstance(source, PairsRecipe):
            found = pictures_of(source.pairs, revision=source.revision, split=source.split)
        else:
            found = pictures_of(source.photographs)
        refuse_overlap(found, index, quiet=quiet)


def _row(name: str) -> dict[str, str]:
    from ggt_hf.training.reading import read_recipe

    recipe = read_recipe(name)
    return {
        "recipe": name,
        "trains": recipe.model.kind,
        "memory": recipe.memory,
        "time": recipe.time,
        "what": recipe.description,
    }


def _told(record: RunRecord, folder: Path) -> str:
    sittings = f", in {record.sittings} sittings" if record.sittings > 1 else ""
    lines = [
        f"{folder / 'model'}: {record.steps:,} steps, {record.pairs:,} pairs, "
        f"{record.seconds:.1f} s{sittings}; {record.waiting_share:.1%} of it waiting for data"
    ]
    if record.validations:
        last = record.validations[-1]
        lines.append(
            f"PSNR {last['psnr_lq']:.2f} -> {last['psnr']:.2f} dB, "
            f"SSIM {last['ssim_lq']:.4f} -> {last['ssim']:.4f} "
            f"(input -> restored, {(record.validation_data or {}).get('num_pairs')} held pairs)"
        )
    lines.append(f"next: ggt push model {folder} ORG/NAME --dry-run")
    return "\n".join(lines)

"""``ggt push``: make a Hub repository hold what lies here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ggt_hf.cli.options import DryRun, Json, Quiet, RefuseOverlap, Token, Yes
from ggt_hf.cli.output import Output
from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from ggt_hf.hub.plan import PushPlan
    from ggt_hf.hub.push import PushReport

Private = Annotated[
    bool, typer.Option("--private/--public", help="Who sees a repository made by this.")
]
CreatePr = Annotated[
    bool, typer.Option("--create-pr", help="Open a pull request instead of committing.")
]
Branch = Annotated[str, typer.Option(help="Branch to commit to.")]

push = typer.Typer(help="Send to the Hub, prove it there, and tag it.", no_args_is_help=True)


@push.command("dataset")
def dataset(  # noqa: PLR0913 - one parameter a flag
    folder: Annotated[Path, typer.Argument(help="A complete dataset.", show_default=False)],
    repo: Annotated[str, typer.Argument(help="ORG/NAME on the Hub.", show_default=False)],
    private: Private = True,
    create_pr: CreatePr = False,
    revision: Branch = "main",
    card: Annotated[
        Path | None,
        typer.Option(help="Use this README.md instead of one made from the records."),
    ] = None,
    acknowledge_derivatives: Annotated[
        bool,
        typer.Option(
            "--acknowledge-derivatives",
            help="I may share changed pixels although their licence says no derivatives.",
        ),
    ] = False,
    refuse_overlap: RefuseOverlap = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    token: Token = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a Hub repository hold exactly this dataset; show the plan first, and ask.

    Readers see the old dataset or the new one. Stopped at any moment, it goes on.

    Success means that every file on the Hub was compared with yours.

    Examples:

      ggt push dataset out/ ORG/NAME --dry-run

      ggt push dataset out/ ORG/NAME --public --yes
    """
    from ggt_hf.hub.push import push_dataset

    output = Output(as_json=as_json, quiet=quiet)
    if refuse_overlap is not None:
        from ggt_hf.quality import contamination, pictures

        contamination.refuse_overlap(pictures.pictures_of(folder), refuse_overlap, quiet=quiet)
    report = push_dataset(
        folder,
        repo,
        private=private,
        create_pr=create_pr,
        revision=revision,
        token=token,
        card=_text(card),
        acknowledge_derivatives=acknowledge_derivatives,
        dry_run=dry_run,
        confirm=lambda plan: _agreed(plan, output, yes=yes),
        quiet=quiet,
    )
    output.result(_fields(report), _told(report))


@push.command("model")
def model(
    folder: Annotated[
        Path, typer.Argument(help="The folder of a finished ggt train.", show_default=False)
    ],
    repo: Annotated[str, typer.Argument(help="ORG/NAME on the Hub.", show_default=False)],
    private: Private = True,
    create_pr: CreatePr = False,
    revision: Branch = "main",
    acknowledge_derivatives: Annotated[
        bool,
        typer.Option(
            "--acknowledge-derivatives",
            help="I may publish weights although their data's licence says no derivatives.",
        ),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    token: Token = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Push a trained model with a card made of its record; show the plan first, and ask.

    Weights go as safetensors only. The card tells base, data, mixing, steps,
    what was measured on what, and what the data's licences mean.

    Examples:

      ggt push model runs/mine ORG/NAME --dry-run

      ggt push model runs/mine ORG/NAME --create-pr --yes
    """
    from ggt_hf.hub.push import push_model

    output = Output(as_json=as_json, quiet=quiet)
    report = push_model(
        folder,
        repo,
        private=private,
        create_pr=create_pr,
        revision=revision,
        token=token,
        acknowledge_derivatives=acknowledge_derivatives,
        dry_run=dry_run,
        confirm=lambda plan: _agreed(plan, output, yes=yes),
        quiet=quiet,
    )
    output.result(_fields(report), _told(report))


@push.command("space")
def space(
    repo: Annotated[str, typer.Argument(help="ORG/NAME on the Hub.", show_default=False)],
    restorer: Annotated[
        str, typer.Option(help="What restores: embedded, or ORG/NAME.")
    ] = "embedded",
    observer: Annotated[
        str, typer.Option(help="What observes: embedded, rules, or ORG/NAME.")
    ] = "embedded",
    private: Private = True,
    create_pr: CreatePr = False,
    revision: Branch = "main",
    dry_run: DryRun = False,
    yes: Yes = False,
    token: Token = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Push a Space: upload a photograph, see its prompt, and a restoration under a slider.

    It runs on this machine, too: python -m ggt_hf.space.

    Examples:

      ggt push space ORG/NAME --dry-run

      ggt push space ORG/NAME --restorer ORG/MODEL --public --yes
    """
    from ggt_hf.hub.push import push_space
    from ggt_hf.space.files import space_files

    output = Output(as_json=as_json, quiet=quiet)
    report = push_space(
        space_files(restorer, observer),
        repo,
        private=private,
        create_pr=create_pr,
        revision=revision,
        token=token,
        dry_run=dry_run,
        confirm=lambda plan: _agreed(plan, output, yes=yes),
        quiet=quiet,
    )
    output.result(_fields(report), _told(report))


def _text(card: Path | None) -> str | None:
    if card is None:
        return None
    try:
        return card.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{card} cannot be read: {error}.", hint="Name a text file.") from error


def _agreed(plan: PushPlan, output: Output, *, yes: bool) -> bool:
    if yes or plan.is_done:
        output.remark(plan.text())
        return True
    # Nobody can agree to what they have not seen, --quiet or not.
    typer.echo(plan.text(), err=True)
    if not sys.stdin.isatty():
        raise UsageError(
            "Nobody is there to answer whether this plan is meant; nothing was sent.",
            hint="Add --yes to push, or --dry-run to see the plan only.",
        )
    return typer.confirm("Push?", err=True)


def _told(report: PushReport) -> str:
    plan = report.plan
    if report.commit is None:
        return f"{plan.text()}\nNothing was sent."
    if plan.is_done:
        deed = "already holds all of it"
    else:
        deed = f"holds it: {report.num_sent} files sent, {report.num_deleted} deleted"
    where = f", {report.pull_request}" if report.pull_request else ""
    tag = f", tag {report.tag}" if report.tag else ""
    return f"{plan.url} {deed}; commit {report.commit[:12]}{where}{tag}"


def _fields(report: PushReport) -> dict[str, Any]:
    plan = report.plan
    return {
        "repo_id": plan.repo_id,
        "url": plan.url,
        "revision": plan.revision,
        "private": plan.private,
        "upload": [file.path for file in plan.uploads],
        "upload_bytes": plan.num_bytes,
        "delete": list(plan.deletes),
        "remarks": list(plan.remarks),
        "commit": report.commit,
        "pull_request": report.pull_request,
        "proven_files": report.num_proven,
        "tag": report.tag,
    }

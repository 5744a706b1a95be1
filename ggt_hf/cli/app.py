"""The command ``ggt``: collects the verbs, and turns our errors into two lines and an exit code."""

from __future__ import annotations

import errno
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from ggt_hf.cli.build import build
from ggt_hf.cli.card import card
from ggt_hf.cli.contamination import contamination
from ggt_hf.cli.demo import demo
from ggt_hf.cli.diff import diff
from ggt_hf.cli.doctor import doctor
from ggt_hf.cli.eval import evaluate
from ggt_hf.cli.info import info
from ggt_hf.cli.link import link
from ggt_hf.cli.ls import ls
from ggt_hf.cli.output import tell_error
from ggt_hf.cli.prompt import prompt
from ggt_hf.cli.push import push
from ggt_hf.cli.qc import qc
from ggt_hf.cli.rank import rank
from ggt_hf.cli.restore import restore
from ggt_hf.cli.review import review
from ggt_hf.cli.show import show
from ggt_hf.cli.synth import synth
from ggt_hf.cli.train import train
from ggt_hf.cli.validate import validate
from ggt_hf.cli.verify import verify
from ggt_hf.errors import GgtError, WriteError
from ggt_hf.version import __version__

INTERRUPTED = 130
"""Exit code of a command stopped by Ctrl-C, as shells have it."""

RESUMING = ("build", "prompt", "synth", "qc", "train", "restore", "eval", "rank", "push")
"""Verbs that keep what is done; the others are short, or begin anew."""


class Verbs(TyperGroup):
    """The verbs. Ctrl-C ends any of them with a word on what the same command does next."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the verb that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            resumes = ctx.invoked_subcommand in RESUMING
            does = "goes on from here" if resumes else "begins anew"
            # Terminals write ^C where the cursor stands.
            typer.echo(f"\nStopped. The same command {does}.", err=True)
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="ggt",
    cls=Verbs,
    help="Generative ground truth for real-world image restoration.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ggt-hf {__version__}")
        raise typer.Exit


@app.callback()
def ggt(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", callback=_print_version, is_eager=True
    ),
) -> None:
    """Real low-quality photographs in; proven pairs, datasets and restorers out."""


# Verbs, in the order of the data. Each module is thin: heavy imports happen inside its function.
app.command()(demo)
app.command()(info)
app.command()(ls)
app.command()(show)
app.command()(validate)
app.command()(diff)
app.command()(build)
app.command()(link)
app.command()(prompt)
app.command()(synth)
app.command()(qc)
app.command()(review)
app.add_typer(contamination, name="contamination")
app.command()(train)
app.command()(restore)
app.command("eval")(evaluate)
app.command()(rank)
app.command()(verify)
app.add_typer(push, name="push")
app.add_typer(card, name="card")
app.command()(doctor)


def main() -> None:
    """Run the command; exit 1 with what to do next when one of our errors ends it."""
    try:
        app()
    except GgtError as error:
        tell_error(error)
        sys.exit(1)
    except OSError as error:
        tell_error(_unwritten(error))
        sys.exit(1)


def _unwritten(error: OSError) -> WriteError:
    """Return what went wrong where no room knows more: with a folder of --out, say."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return WriteError(
            f"There is no room to write ({error.strerror}).",
            hint="Make room, or raise the quota; the same command goes on where it stopped.",
        )
    what = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error
    return WriteError(f"{what}.", hint="Check the path, its permissions and the disk.")

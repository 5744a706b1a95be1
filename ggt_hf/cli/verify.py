"""``ggt verify``: whether a model is as good as its card says."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ggt_hf.cli.options import Json, Quiet, Revision, Seed, Token
from ggt_hf.cli.output import Output, plain
from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from ggt_hf.hub.verify import Finding


def verify(
    model: Annotated[
        str, typer.Argument(help="A model's folder, or ORG/NAME.", show_default=False)
    ],
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=WHERE", help="Where the pictures of a task are."),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, help="Pictures of each task to restore and score again.")
    ] = 4,
    seed: Seed = 0,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, ...; default: a GPU where there is one.")
    ] = None,
    revision: Revision = None,
    token: Token = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check every number that a model's card claims, and re-run some pictures.

    The claims are evaluation/claims.json in its repository, which ggt card
    results writes. Checked are the card and leaderboard entries, the means,
    weights, metrics, decoder, and pictures drawn at random. Exits with 1 when
    anything is not as claimed, and says what.

    Examples:

      ggt verify ORG/NAME

      ggt verify ORG/NAME --task ggt-test=data/ --sample 20

      ggt verify runs/a/model --json
    """
    from ggt_hf.hub.verify import disagreements, verify_model
    from ggt_hf.restoration.methods import Model, method_of

    named = model if revision is None else f"{model}@{revision}"
    chosen = method_of("model", named, device=device, token=token)
    if not isinstance(chosen, Model):
        raise UsageError(f"{model} is no model.", hint="Give a model's folder, or ORG/NAME.")
    output = Output(as_json=as_json, quiet=quiet)
    findings = verify_model(
        chosen,
        where=dict(_named(text) for text in task or []),
        sample=sample,
        seed=seed,
        tell=None if as_json else lambda finding: typer.echo(_line(finding)),
    )
    wrong = disagreements(findings)
    if as_json:
        output.result({"agrees": not wrong, "findings": [asdict(one) for one in findings]}, "")
    if wrong:
        output.remark(
            f"{model} is not as it claims: {len(wrong)} of {len(findings)} checks differ."
        )
        raise typer.Exit(1)
    output.remark(f"{model} is what it claims.")


def _line(finding: Finding) -> str:
    verdict = "agrees " if finding.agrees else "DIFFERS"
    return plain(f"{verdict}  {finding.task}  {finding.what:11}  {finding.says}")


def _named(text: str) -> tuple[str, str]:
    name, given, where = text.partition("=")
    if not given:
        raise UsageError(f"{text!r} names no pictures.", hint="Write --task NAME=WHERE.")
    return name, where

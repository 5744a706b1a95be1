"""``ggt validate``: prove that a dataset reads right everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ggt_hf.cli.options import Json, NumWorkers, Quiet, Revision, Token
from ggt_hf.cli.output import Output, counted
from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from ggt_hf.data.validation import CheckResult, ValidationReport

_MARKS = {"pass": "pass", "fail": "FAIL", "left out": "-"}


def validate(
    where: Annotated[
        str, typer.Argument(metavar="PATH|REPO", help="A folder, or namespace/name on the Hub.")
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="Structure, manifest and card; open no shard.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Stock readers read every pair, and copy it too.")
    ] = False,
    readers_limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Pairs of each category and split that stock readers read, in whole shards. "
            "Default: all of a dataset up to 1 GiB, else 200.",
        ),
    ] = None,
    revision: Revision = None,
    token: Token = None,
    num_workers: NumWorkers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Prove that a dataset reads right everywhere, or say where it does not and what to do.

    Every byte is hashed, every picture decoded, and what stock datasets and
    webdataset give is compared with the manifest. Nothing is unpacked to the disk.
    Exits with 1 when anything failed.

    Examples:

      ggt validate out/

      ggt validate out/ --quick

      ggt validate ORG/ggt-100k --full --json
    """
    if quick and full:
        raise UsageError("--quick and --full exclude each other.", hint="Give one of them.")
    import os

    from ggt_hf.data import validation

    report = validation.validate(
        where,
        revision=revision,
        token=token,
        level="quick" if quick else "full" if full else "default",
        readers_limit=readers_limit,
        num_workers=num_workers or os.cpu_count() or 1,
        quiet=quiet,
    )
    output = Output(as_json=as_json, quiet=quiet)
    output.result(report.to_dict(), _text(report))
    output.remark(_next(report))
    if not report.ok:
        raise typer.Exit(1)


def _text(report: ValidationReport) -> str:
    at = f"@{report.revision[:8]}" if report.revision else ""
    lines = [line for check in report.checks for line in (_head(check), *_remarks(check))]
    seen = "in all that was looked at" if any(c.left_out for c in report.checks) else "everywhere"
    verdict = f"reads right {seen}" if report.ok else "is not right"
    took = f"{counted(report.num_pairs, 'pair')} in {report.seconds:,.1f} s"
    return "\n".join([*lines, f"{report.name}{at} {verdict}: {took}"])


def _head(check: CheckResult) -> str:
    return f"{_MARKS[check.outcome]:4}  {check.name:9}  {check.looked_at}"


def _remarks(check: CheckResult) -> list[str]:
    lines = [f"      {'':9}  not looked at: {check.left_out}"] if check.left_out else []
    for finding in check.findings:
        mark = "warning: " if finding.severity == "warning" else ""
        lines += [f"      {mark}{finding}", f"        -> {finding.hint}"]
    if check.num_findings > len(check.findings):
        lines.append(f"      ... and {check.num_findings - len(check.findings):,} more")
    return lines


def _next(report: ValidationReport) -> str:
    if report.ok and report.level != "full" and any(check.left_out for check in report.checks):
        option = "--full" if report.level == "default" else ""
        return f"next: ggt validate {report.name} {option}".rstrip()
    if report.ok:
        return f"next: ggt push dataset {report.name} ORG/NAME"
    first = next(finding for finding in report.findings if finding.severity == "error")
    return f"next: {first.hint}"

"""``ggt contamination``: keep what is tested on out of what trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ggt_hf.cli.options import Json, NumWorkers, Quiet, Revision, Token
from ggt_hf.cli.output import Output, num_bytes

contamination = typer.Typer(
    help="Find pictures of a test set in anything that trains.", no_args_is_help=True
)


@contamination.command("index")
def index(
    testset: Annotated[
        str,
        typer.Argument(
            metavar="TESTSET", help="Dataset, repository or folder.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The index.", show_default=False)],
    revision: Revision = None,
    token: Token = None,
    num_workers: NumWorkers = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take the fingerprints of a test set, both sides of each pair: a small file without pixels.

    Examples:

      ggt contamination index ORG/test-set test-set.parquet
    """
    from ggt_hf.quality.contamination import build_index
    from ggt_hf.quality.pictures import pictures_of

    screen = Output(as_json=json, quiet=quiet)
    pictures = pictures_of(testset, revision=revision, token=token)
    made = build_index(pictures, testset, num_workers=num_workers, quiet=quiet)
    made.save(out)
    if made.num_flat:
        screen.remark(f"{made.num_flat} pictures have no detail; nothing will be found in them.")
    size = out.stat().st_size
    fields = {"path": str(out), "num_pictures": len(made), "num_bytes": size}
    screen.result(fields, f"{out}: {len(made):,} pictures, {num_bytes(size)}")


@contamination.command("check")
def check(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Dataset, repository, folder, or what ggt build takes.",
            show_default=False,
        ),
    ],
    index: Annotated[
        Path, typer.Argument(metavar="INDEX", help="Made by index.", show_default=False)
    ],
    revision: Revision = None,
    token: Token = None,
    num_workers: NumWorkers = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Look for pictures of a test set in a source: degraded, cropped to 60 %, mirrored, resized.

    Exit code 1 when there are any, or when a picture could not be looked at.

    Examples:

      ggt contamination check photos/ test-set.parquet

      ggt contamination check ORG/training-set test-set.parquet --json
    """
    from ggt_hf.quality.contamination import check as check_pictures
    from ggt_hf.quality.fingerprint_index import FingerprintIndex
    from ggt_hf.quality.pictures import pictures_of

    screen = Output(as_json=json, quiet=quiet)
    known = FingerprintIndex.load(index)
    pictures = pictures_of(source, revision=revision, token=token)
    report = check_pictures(pictures, known, num_workers=num_workers, quiet=quiet)
    screen.table(
        [
            {
                "picture": hit.name,
                "is": hit.match.name,
                "distance": hit.match.distance,
                "limit": hit.match.limit,
                "mirrored": hit.match.mirrored,
            }
            for hit in report.hits
        ]
    )
    for cause in report.unreadable:
        screen.remark(f"not looked at: {cause}")
    if report.num_flat:
        screen.remark(f"{report.num_flat} pictures have no detail, and can be told from nothing.")
    screen.remark(
        f"{len(report.hits)} of {report.num_pictures:,} pictures are in the test set "
        f"({known.made_from}, {len(known):,} pictures)."
    )
    if not report.clean:
        raise typer.Exit(1)

"""``ggt build``: what users have -> a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ggt_hf.cli.options import DryRun, Json, NumWorkers, Quiet, RefuseOverlap, Revision
from ggt_hf.cli.output import Output, counted
from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from ggt_hf.data.building.reports import BuildReport, Rehearsal
    from ggt_hf.data.building.rewriting import NotSeekable


def build(  # noqa: PLR0913 - one parameter a flag
    src: Annotated[
        str,
        typer.Argument(
            metavar="SRC",
            help="Folder of pictures or zips, a zip, a manifest, a datasets folder or repository.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="Folder of the new dataset.", show_default=False),
    ],
    category: Annotated[
        str | None, typer.Option(help="Category of pairs that name none.", show_default=False)
    ] = None,
    split: Annotated[str, typer.Option(help="Split of pairs that name none.")] = "train",
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="NAME=WORD",
            help="What a folder's name means: lq, gt, a category, or a split. Repeatable.",
            show_default=False,
        ),
    ] = None,
    license: Annotated[
        str | None, typer.Option(help="Licence (SPDX) of pairs without one.", show_default=False)
    ] = None,
    credit: Annotated[
        str | None, typer.Option(help="Whom to name for pairs without.", show_default=False)
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(help="generated, synthetic or captured, if unsaid.", show_default=False),
    ] = None,
    lq_column: Annotated[
        str | None, typer.Option(help="Image column of the LQ.", show_default=False)
    ] = None,
    gt_column: Annotated[
        str | None, typer.Option(help="Image column of the GT.", show_default=False)
    ] = None,
    revision: Revision = None,
    shard_size: Annotated[int, typer.Option(min=1, help="Bytes a shard.")] = 1_000_000_000,
    check: Annotated[
        str, typer.Option(help="structure: pictures are whole. pixels: decode them all too.")
    ] = "structure",
    drop_bad: Annotated[
        bool, typer.Option("--drop-bad", help="Leave bad pairs out, listed in meta/dropped.jsonl.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the dataset at OUT.")
    ] = False,
    seekable: Annotated[
        bool,
        typer.Option(
            "--seekable", help="Rewrite pictures without loss, so that training crops decode alone."
        ),
    ] = False,
    refuse_overlap: RefuseOverlap = None,
    num_workers: NumWorkers = None,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build a dataset from LQ-GT pairs: encoded bytes unchanged, every picture checked.

    Stop it whenever you like: the same command goes on where it stopped.

    Examples:

      ggt build photos/ my-pairs --category rain --license CC-BY-4.0

      ggt build GGT-100K/ ggt-100k --origin generated --license CC-BY-NC-ND-4.0

      ggt build pairs.jsonl my-pairs --dry-run

      ggt build photos/ my-pairs --category rain --seekable

      ggt build ORG/pairs my-pairs --lq-column input --gt-column edited
    """
    from ggt_hf.data.building.build import build as build_listing
    from ggt_hf.data.building.build import list_pairs, rehearse
    from ggt_hf.data.building.planning import BuildOptions
    from ggt_hf.data.building.sources import Labels

    screen = Output(as_json=json, quiet=quiet)
    labels = Labels(
        category=category,
        split=split,
        license=license,
        credit=credit,
        origin=origin,
        names=_mapping(names or []),
    )
    options = BuildOptions(
        shard_size=shard_size,
        check=check,  # type: ignore[arg-type]  # BuildOptions refuses other words
        drop_bad=drop_bad,
        overwrite=overwrite,
        seekable=seekable,
        num_workers=num_workers,
        quiet=quiet,
    )
    listing = list_pairs(src, out, labels, columns=(lq_column, gt_column), revision=revision)
    if refuse_overlap is not None:
        from ggt_hf.quality import contamination, pictures

        contamination.refuse_overlap(
            pictures.pictures_of_pairs(listing.pairs),
            refuse_overlap,
            num_workers=num_workers,
            quiet=quiet,
        )
    if dry_run:
        _show_rehearsal(screen, rehearse(listing, options), refused=not drop_bad)
        return
    _show_report(screen, out, build_listing(listing, out, options))


def _mapping(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    for name, _, word in pairs:
        if not name or not word:
            raise UsageError(f"--map {name}{word} is no NAME=WORD.", hint="Write --map foggy=haze.")
    return {name: word for name, _, word in pairs}


def _show_rehearsal(screen: Output, found: Rehearsal, *, refused: bool) -> None:
    shards = [
        {"shard": shard.path, "pairs": len(shard.pairs), "bytes": shard.num_bytes}
        for shard in found.shards
    ]
    num_pairs = sum(len(shard.pairs) for shard in found.shards)
    fields = {
        "num_pairs": num_pairs,
        "num_bytes": sum(shard.num_bytes for shard in found.shards),
        "shards": shards,
        "problems": [problem.as_fields() for problem in found.problems],
    }
    if screen.as_json:
        screen.result(fields, "")
    else:
        screen.table(shards)
    for remark in found.remarks:
        screen.remark(remark)
    for problem in found.problems:
        screen.remark(f"  - {problem}")
    end = "dropped" if not refused else "refused"
    screen.remark(
        f"{counted(num_pairs, 'pair')}, {fields['num_bytes']:,} bytes, "
        f"{counted(len(shards), 'shard')}; "
        f"{counted(len(found.problems), 'problem')} would be {end}. Nothing was touched."
    )
    if found.problems and refused:
        raise typer.Exit(1)


def _show_report(screen: Output, out: Path, report: BuildReport) -> None:
    info = report.info
    for remark in report.remarks:
        screen.remark(remark)
    if report.num_reused_shards:
        earlier = counted(report.num_reused_shards, "shard")
        screen.remark(f"{earlier} of an earlier, unfinished run taken over.")
    if report.dropped:
        screen.remark(f"Left out {len(report.dropped)}; why: {out}/meta/dropped.jsonl")
    if report.left is not None:
        screen.remark(_rewriting(info.num_pairs, report.left))
    did = "is there already, unchanged" if report.unchanged else "built"
    fields: dict[str, Any] = {
        "path": str(out),
        "unchanged": report.unchanged,
        "num_pairs": info.num_pairs,
        "num_bytes": info.num_bytes,
        "num_shards": len(info.shards),
        "counts": info.counts(),
        "num_dropped": len(report.dropped),
        "num_not_seekable": None if report.left is None else len(report.left),
        "root_hash": info.root_hash,
    }
    size = f"{counted(info.num_pairs, 'pair')} in {counted(len(info.shards), 'shard')}"
    screen.result(fields, f"{out}: {did}, {size}, {info.num_bytes:,} bytes")
    if not screen.as_json:
        screen.remark(f"next: ggt validate {out}")


def _rewriting(num_pairs: int, left: Sequence[NotSeekable]) -> str:
    pictures = 2 * num_pairs
    counts = Counter(picture.reason for picture in left)
    reasons = "".join(f"\n  - {n:,}: {reason}" for reason, n in counts.most_common())
    return (
        f"{pictures - len(left):,} of {pictures:,} pictures are seekable, their pixels proven equal"
        + (f"; left as they were (meta/seekable.jsonl names them):{reasons}" if left else ".")
    )

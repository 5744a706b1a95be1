"""Build a dataset: list what the user has, check every picture, write shards, and show it at once.

Nothing is visible at OUT before all of it is there. What was finished when a build stopped, by
whatever cause, is not built again; the result is the same, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ggt_hf.data.building.planning import DEFAULT_SHARD_SIZE, BuildOptions, plan_shards
from ggt_hf.data.building.reports import BuildReport, Rehearsal
from ggt_hf.data.building.rewriting import read_left, require_rewriter
from ggt_hf.data.building.soundness import CheckLevel
from ggt_hf.data.building.sources import Labels, Listing, PairSource, Problem, read_source, refusal
from ggt_hf.data.building.sources.problems import SHOWN
from ggt_hf.data.building.staging import Staging, present, staging, write_durably
from ggt_hf.data.building.unchanged import is_built, read_report, report_lines
from ggt_hf.data.building.writing import complete, results_of, write_shards
from ggt_hf.data.format.manifest import DatasetInfo
from ggt_hf.errors import SourceError, UsageError, WriteError


def build_dataset(  # noqa: PLR0913 - the one door: each argument is a flag of `ggt build`
    src: str | Path,
    out: str | Path,
    *,
    category: str | None = None,
    split: str = "train",
    names: Mapping[str, str] | None = None,
    license: str | None = None,
    credit: str | None = None,
    origin: str | None = None,
    lq_column: str | None = None,
    gt_column: str | None = None,
    revision: str | None = None,
    shard_size: int = DEFAULT_SHARD_SIZE,
    check: CheckLevel = "structure",
    drop_bad: bool = False,
    overwrite: bool = False,
    seekable: bool = False,
    num_workers: int | None = None,
    quiet: bool = False,
) -> DatasetInfo:
    """Build a dataset of format v1 at `out` from the pairs at `src`; encoded bytes stay the same.

    With `seekable` the pixels stay the same, and so does all metadata: JPEGs get restart markers,
    PNGs strips, so that a training crop is decoded alone. Every reader opens them as before.

    Args:
        src: a folder of pictures or zips, one zip, a manifest (JSONL, CSV, parquet), a folder
            of the `datasets` library, or ``NAMESPACE/NAME`` on the Hub.
        out: a folder that does not exist, is empty, or holds a dataset.
        category: category of pairs whose folders and columns name none.
        split: split of pairs whose folders and columns name none.
        names: folder name -> ``lq``, ``gt``, a category or a split, where names say it unusually.
        license: SPDX identifier of pairs without one.
        credit: whom to name for pairs without a credit.
        origin: how pairs came to be that do not say it.
        lq_column: image column of the LQ, for datasets.
        gt_column: image column of the GT, for datasets.
        revision: commit, tag or branch, for repositories.
        shard_size: bytes that a shard should not exceed.
        check: ``structure`` proves that pictures are whole; ``pixels`` decodes each of them too.
        drop_bad: leave out what cannot be taken instead of refusing.
        overwrite: replace another dataset at `out`, which stays whole until then.
        seekable: rewrite pictures without loss; each is proven to have the same pixels. Which
            could not be rewritten stands in ``meta/seekable.jsonl``.
        num_workers: threads; ``None``: one a core.
        quiet: show no progress.

    Returns:
        The record of the dataset, as in ``meta/info.json``.

    Raises:
        SourceError: something cannot be taken; every file is named with the fix.
        MissingExtraError: JPEGs are to be made seekable, and there is no ``jpegtran``.
        UsageError: the arguments contradict each other or what is at `out`.
        WriteError: the disk is full, or not writable.
    """
    labels = Labels(
        category=category,
        split=split,
        license=license,
        credit=credit,
        origin=origin,
        names=names or {},
    )
    options = BuildOptions(
        shard_size=shard_size,
        check=check,
        drop_bad=drop_bad,
        overwrite=overwrite,
        seekable=seekable,
        num_workers=num_workers,
        quiet=quiet,
    )
    columns = lq_column, gt_column
    listing = list_pairs(src, out, labels, columns=columns, revision=revision)
    return build(listing, Path(out), options).info


def list_pairs(
    src: str | Path,
    out: str | Path,
    labels: Labels,
    *,
    columns: tuple[str | None, str | None] = (None, None),
    revision: str | None = None,
) -> Listing:
    """List the pairs of `src`, as `read_source` does, once it is clear that `out` lies apart.

    Raises:
        SourceError: there is nothing that could be built.
        UsageError: `out` lies inside `src`, or the other way round, or around this process.
    """
    source, target = Path(src).resolve(), Path(out).resolve()
    if Path.cwd().is_relative_to(target):
        raise UsageError(
            f"OUT is {target}, where this command runs: another folder takes its place at the end.",
            hint="Give the name of a new folder as OUT.",
        )
    if source.is_relative_to(target) or target.is_relative_to(source):
        raise UsageError(
            f"{out} and {src} lie inside each other.", hint="Give an OUT outside of SRC."
        )
    return read_source(src, labels, columns=columns, revision=revision)


def rehearse(listing: Listing, options: BuildOptions) -> Rehearsal:
    """Say what `build` would do with a listing: reads and checks everything, writes nothing."""
    if options.seekable:
        require_rewriter(listing.pairs)
    found = _check(listing.pairs, options)
    bad = {problem.key for problem in found}
    good = [pair for pair in listing.pairs if pair.info.key not in bad]
    return Rehearsal(
        shards=plan_shards(good, options.shard_size),
        problems=tuple(sorted([*listing.problems, *found])),
        remarks=_remarks(listing),
    )


def build(listing: Listing, out: Path, options: BuildOptions) -> BuildReport:
    """Build a dataset at `out` from a listing, as `build_dataset` does.

    Raises:
        SourceError, MissingExtraError, UsageError, WriteError: as `build_dataset`.
    """
    out = out.resolve()
    if options.seekable:
        require_rewriter(listing.pairs)
    with _clear_writing(out), staging(out) as place:
        old = present(out)
        if listing.problems and not options.drop_bad:
            found = _check(listing.pairs, options)
            raise _refusal(place, [*listing.problems, *found])
        if old and is_built(out, old, listing, options):
            place.discard()
            return BuildReport(
                info=old,
                dropped=tuple(read_report(out)),
                remarks=_remarks(listing),
                unchanged=True,
                num_reused_shards=0,
                left=read_left(out),
            )
        if old and not options.overwrite:
            raise UsageError(
                f"{out} holds a dataset that differs from the one to be built.",
                hint="Replace it with --overwrite, or give another OUT.",
            )
        return _build_in(place, listing, options)


def _build_in(place: Staging, listing: Listing, options: BuildOptions) -> BuildReport:
    pairs, dropped, num_reused = listing.pairs, [*listing.problems], 0
    while pairs:
        plans = plan_shards(pairs, options.shard_size)
        built, problems, num_reused = write_shards(place, plans, options)
        if not problems:
            break
        if not options.drop_bad:
            raise _refusal(place, problems)
        # Planned again without the bad ones: as if the source had never held them.
        dropped.extend(problems)
        bad = {problem.key for problem in problems}
        pairs = [pair for pair in pairs if pair.info.key not in bad]
    else:
        first = f" the first: {min(dropped)}" if dropped else ""
        raise SourceError(
            f"No pair is left to build: {len(dropped)} problems,{first}",
            hint="List all of them with --dry-run.",
        )
    left = tuple(sorted(picture for shard in built for picture in shard.left))
    info = complete(place, built, dropped, left if options.seekable else None)
    return BuildReport(
        info=info,
        dropped=tuple(sorted(dropped)),
        remarks=_remarks(replace(listing, pairs=pairs)),
        unchanged=False,
        num_reused_shards=num_reused,
        left=left if options.seekable else None,
    )


def _check(pairs: Sequence[PairSource], options: BuildOptions) -> list[Problem]:
    results = results_of(pairs, options, "Checking")
    return [result for result in results if isinstance(result, Problem)]


def _remarks(listing: Listing) -> tuple[str, ...]:
    unknown = sum(pair.info.license == "unknown" for pair in listing.pairs)
    pairs = "1 pair has" if unknown == 1 else f"{unknown:,} pairs have"
    licence = f"{pairs} no known licence; say it with --license if you know it."
    return (*listing.remarks, *([licence] if unknown else []))


def _refusal(place: Staging, problems: Sequence[Problem]) -> SourceError:
    """Return the error that lists problems; many of them are listed in a file as well."""
    report = None
    if len(problems) > SHOWN:
        report = place.folder / "problems.jsonl"
        write_durably(report, report_lines(problems))
    return refusal(sorted(problems), report=str(report) if report else None)


@contextmanager
def _clear_writing(out: Path) -> Iterator[None]:
    # Sources report their own troubles; an OSError that comes this far is about OUT.
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"{out} cannot be written ({error.strerror or error}).",
            hint="Mend that (a full disk, permissions), and run the same command again: "
            "finished shards are kept.",
        ) from error

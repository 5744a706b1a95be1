"""Paired folders and zips, of any nesting: a picture's path says its role and its partner."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from ggt_hf.data.building.sources.labels import Labeller, PairSource
from ggt_hf.data.building.sources.listing import Listing
from ggt_hf.data.building.sources.problems import Problem
from ggt_hf.data.building.sources.tree import TreeFile, walk
from ggt_hf.data.building.sources.words import Reading
from ggt_hf.errors import GgtError, SourceError

Side = list[tuple[TreeFile, Reading]]


def list_folder(src: Path, labeller: Labeller) -> Listing:
    """Pair the pictures below a folder or in a zip.

    Raises:
        SourceError: there is no picture, or no folder says a role.
    """
    tree = walk(src)
    listing = Listing(problems=tree.problems)
    if not tree.files and not tree.problems:
        raise SourceError(
            f"{src} holds no JPEG, PNG or WebP picture.",
            hint="Give the folder that holds LQ/ and GT/, a zip of it, or a manifest.",
        )
    groups: dict[str, dict[str, Side]] = defaultdict(lambda: {"lq": [], "gt": []})
    for file in tree.files:
        reading = labeller.vocabulary.read(file.path)
        if reading.role is None:
            listing.problems.append(_no_role(file))
        else:
            groups[reading.pair][reading.role].append((file, reading))
    for path, sides in sorted(groups.items()):
        _add_pair(listing, labeller, path, sides["lq"], sides["gt"])
    if tree.ignored:
        listing.remarks.append(_ignored(tree.ignored))
    return listing


def _add_pair(listing: Listing, labeller: Labeller, path: str, lqs: Side, gts: Side) -> None:
    if not lqs or not gts or len(lqs) > 1 or len(gts) > 1:
        listing.problems.append(_unpaired(path, lqs, gts))
        return
    (lq, lq_reading), (gt, gt_reading) = lqs[0], gts[0]
    try:
        reading = _agreed(lq_reading, gt_reading)
        info = labeller.info(path, reading, {}, source=lq.blob.name)
    except GgtError as error:
        listing.problems.append(Problem.of(error, lq.blob.name, gt.blob.name))
        return
    listing.pairs.append(PairSource(info=info, lq=lq.blob, gt=gt.blob))


def _agreed(lq: Reading, gt: Reading) -> Reading:
    """Return what both paths say; where only one of them speaks, it is believed."""
    return Reading(
        role=None,
        pair=lq.pair,
        categories=lq.categories | gt.categories,
        splits=lq.splits | gt.splits,
    )


def _unpaired(path: str, lqs: Side, gts: Side) -> Problem:
    for side, role in ((lqs, "low-quality pictures"), (gts, "ground truths")):
        if len(side) > 1:
            names = [file.blob.name for file, _ in side]
            return Problem(
                files=tuple(names),
                cause=f"{' and '.join(names)} are both {role} of {path}.",
                fix="Keep one of them.",
            )
    lone = (lqs or gts)[0][0].blob.name
    missing = "ground truth" if lqs else "low-quality picture"
    return Problem(
        files=(lone,),
        cause=f"{lone} has no {missing}.",
        fix=f"Add the {missing} of the same stem, or leave this one out.",
    )


def _no_role(file: TreeFile) -> Problem:
    folder = file.blob.name.rpartition("/")[0] or "."
    return Problem(
        files=(file.blob.name,),
        cause=f"No folder says whether pictures in {folder} are LQ or GT.",
        fix="Rename folders to LQ and GT, or say it with --map NAME=lq and --map NAME=gt.",
    )


def _ignored(names: list[str]) -> str:
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    files = "file that is no picture" if len(names) == 1 else "files that are no pictures"
    return f"Passed over {len(names)} {files}: {shown}"

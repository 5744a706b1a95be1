"""A folder or a zip as one tree of files; zips inside the folder are folders too."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ggt_hf.data.building.sources.blobs import MAX_NUM_BYTES, Blob, FileBlob
from ggt_hf.data.building.sources.problems import Problem
from ggt_hf.data.building.sources.zips import zip_members

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"})
OTHER_PICTURE_SUFFIXES = frozenset(
    {".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2"}
    | {".ppm", ".pgm", ".dng", ".cr2", ".nef", ".arw"}
)
"""Pictures, but of no encoding that the shard format holds."""

_ZIP_PART = re.compile(r"\.(z\d\d|zip\.\d{3}|7z\.\d{3}|rar|7z|tar|tgz|tar\.gz)$", re.IGNORECASE)
_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeFile:
    """A picture in the tree."""

    path: str
    """Relative to the source, with ``/``; a zip's name stands in it as a folder, without .zip."""
    blob: Blob
    """Its bytes."""


@dataclass(kw_only=True, slots=True)
class Tree:
    """Every picture below a folder or in a zip, sorted by path."""

    files: list[TreeFile] = field(default_factory=list)
    """The pictures."""
    problems: list[Problem] = field(default_factory=list)
    """What cannot be taken."""
    ignored: list[str] = field(default_factory=list)
    """Files that are no pictures."""


def walk(src: Path) -> Tree:
    """List a folder, or one zip, without reading a picture.

    Hidden files and the litter of operating systems are passed over; links are followed.
    """
    tree = Tree()
    if src.is_file():
        _add_zip(tree, src, inside="", shown=src.name)
    else:
        for path in _files(src):
            _add(tree, src, path)
    tree.files.sort(key=lambda file: file.path)
    tree.problems.sort()
    tree.ignored.sort()
    return tree


def is_litter(path: str) -> bool:
    """Say whether a path runs through a hidden or an operating system's own file."""
    return any(part.startswith(".") or part.lower() in _LITTER for part in path.split("/"))


def _files(root: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not is_litter(name))
        yield from (Path(folder, name) for name in sorted(names) if not is_litter(name))


def _add(tree: Tree, root: Path, path: Path) -> None:
    shown = path.relative_to(root).as_posix()
    try:
        status = path.stat()
    except OSError as error:
        cause = f"{shown} cannot be read ({error.strerror})."
        tree.problems.append(_problem(shown, cause, "Mend the link or the permissions."))
        return
    if not stat.S_ISREG(status.st_mode):
        tree.ignored.append(shown)  # a pipe or a device: reading it may never end
        return
    if path.suffix.lower() == ".zip":
        _add_zip(tree, path, inside=shown[: -len(".zip")], shown=shown)
        return
    _add_picture(tree, shown, FileBlob.of(shown, path, status))


def _add_zip(tree: Tree, archive: Path, *, inside: str, shown: str) -> None:
    members, problems = zip_members(archive, shown)
    tree.problems.extend(problems)
    for member, blob in members:
        if not is_litter(member):
            _add_picture(tree, f"{inside}/{member}" if inside else member, blob)


def _add_picture(tree: Tree, path: str, blob: Blob) -> None:
    suffix = Path(path).suffix.lower()
    if suffix in PICTURE_SUFFIXES:
        if blob.num_bytes > MAX_NUM_BYTES:
            cause = f"{blob.name} declares {blob.num_bytes:,} bytes; no picture is that large."
            tree.problems.append(_problem(blob.name, cause, "Leave it out, or export it again."))
        else:
            tree.files.append(TreeFile(path=path, blob=blob))
    elif suffix in OTHER_PICTURE_SUFFIXES:
        cause = f"{blob.name} is a picture of an encoding that shards do not hold ({suffix})."
        tree.problems.append(_problem(blob.name, cause, "Convert it to PNG, which loses nothing."))
    elif suffix == ".zip" or _ZIP_PART.search(path):
        cause = f"{blob.name} is an archive that cannot be read in place."
        fix = "Join split zips with `zip -s 0 IN.zip --out OUT.zip`; unpack any other archive."
        tree.problems.append(_problem(blob.name, cause, fix))
    else:
        tree.ignored.append(blob.name)


def _problem(name: str, cause: str, fix: str) -> Problem:
    return Problem(files=(name,), cause=cause, fix=fix)

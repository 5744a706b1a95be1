"""The directory of a zip, read warily: nothing in it is trusted, nothing is unpacked."""

from __future__ import annotations

import re
import stat
import zipfile
from pathlib import Path

from ggt_hf.data.building.sources.blobs import ZipBlob
from ggt_hf.data.building.sources.problems import Problem

_ENCRYPTED = 0x1
_DRIVE = re.compile(r"[A-Za-z]:")
_REPACK = "Leave this archive out, or pack it again from a folder that you trust."


def zip_members(archive: Path, shown: str) -> tuple[list[tuple[str, ZipBlob]], list[Problem]]:
    """Return the (path inside the zip, blob) of every file in a zip, and what is wrong with it.

    Args:
        archive: the zip on disk; zip64 too.
        shown: what to call it in messages.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            entries = [entry for entry in file.infolist() if not entry.is_dir()]
        end = archive.stat().st_size
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        return [], [_problem(shown, f"{shown} is no readable zip ({error}).", "Fetch it again.")]
    blobs: list[tuple[str, ZipBlob]] = []
    # Whole-archive complaints are made once, not once a member.
    problems: dict[str, Problem] = {}
    taken: set[str] = set()
    for entry in entries:
        problem = _complaint(entry, shown) or _repeated(entry, shown, taken)
        if problem:
            problems.setdefault(problem.cause, problem)
        else:
            blobs.append((entry.filename, _blob(entry, archive, shown)))
    if _overlap(entries, end):
        cause = f"{shown} has members that share bytes or reach past its end: a zip bomb."
        return [], [_problem(shown, cause, _REPACK)]
    return blobs, list(problems.values())


def _complaint(entry: zipfile.ZipInfo, shown: str) -> Problem | None:
    # `orig_filename`: the name as it stands in the zip, before zipfile tidies it.
    raw = entry.orig_filename
    name = f"{shown}/{raw}"
    parts = raw.replace("\\", "/").split("/")
    if ".." in parts or raw.startswith(("/", "\\")) or _DRIVE.match(raw) or "\0" in raw:
        return _problem(name, f"{shown} has a member named {raw!r}, outside of itself.", _REPACK)
    if "\\" in raw:
        return _problem(name, f"{shown} has a member named {raw!r}, with backslashes.", _REPACK)
    if stat.S_ISLNK(entry.external_attr >> 16):
        return _problem(name, f"{shown} has a link as member {raw!r}.", _REPACK)
    if entry.flag_bits & _ENCRYPTED:
        fix = "Unpack it with its password, and build from the folder."
        return _problem(shown, f"{shown} is encrypted.", fix)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        fix = "Unpack it and build from the folder, or pack it again with `zip -r -0`."
        return _problem(
            shown, f"{shown} is compressed by method {entry.compress_type}, which is not read.", fix
        )
    return None


def _repeated(entry: zipfile.ZipInfo, shown: str, taken: set[str]) -> Problem | None:
    if entry.filename in taken:
        cause = f"{shown} has two members named {entry.filename!r}."
        return _problem(f"{shown}/{entry.filename}", cause, _REPACK)
    taken.add(entry.filename)
    return None


def _overlap(entries: list[zipfile.ZipInfo], end: int) -> bool:
    """Say whether members overlap: a small file that claims to hold far more than it does."""
    local_header = 30
    position = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < position:
            return True
        position = entry.header_offset + local_header + entry.compress_size
    return position > end


def _blob(entry: zipfile.ZipInfo, archive: Path, shown: str) -> ZipBlob:
    return ZipBlob(
        name=f"{shown}/{entry.filename}",
        archive=str(archive),
        offset=entry.header_offset,
        packed_num_bytes=entry.compress_size,
        num_bytes=entry.file_size,
        crc=entry.CRC,
        deflated=entry.compress_type == zipfile.ZIP_DEFLATED,
    )


def _problem(file: str, cause: str, fix: str) -> Problem:
    return Problem(files=(file,), cause=cause, fix=fix)

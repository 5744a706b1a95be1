"""Which files a run of `ggt restore` takes, where each one goes, and what is done already.

A ledger in the output folder has a line for each result: of which file (by size and time of
change) and with which settings it was made. The line is written just before the result takes its
name, so a killed run never leaves a result that nobody knows, and a file of somebody else is
never mistaken for one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ggt_hf.errors import UsageError
from ggt_hf.records import IMAGE_FORMATS, ImageFormat
from ggt_hf.restoration.photograph import SUFFIXES

LEDGER = ".ggt-restore.jsonl"
"""The ledger's name in the output folder."""

Action = Literal["restore", "skip", "refuse"]
"""What is to be done with a file: it has a result already (skip), or somebody else's file stands
in its place (refuse)."""

_FORMATS: dict[str, ImageFormat] = {".jpg": "jpeg", ".jpeg": "jpeg", ".jpe": "jpeg"}
_FORMATS |= {f".{form}": form for form in IMAGE_FORMATS}
_OTHERS = {".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".dng"}
"""Pictures that are not read; in a folder they are reported, not passed over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One file to be restored."""

    source: Path
    """The file."""
    target: Path
    """Where its result goes."""
    format: ImageFormat
    """The encoding of the result."""
    action: Action
    """What is to be done."""


def plan_jobs(
    inputs: Sequence[Path],
    out: Path,
    *,
    form: ImageFormat | None,
    settings: Mapping[str, Any],
    overwrite: bool = False,
) -> tuple[list[Job], Ledger]:
    """Find the files and decide about each.

    Args:
        inputs: files and folders; folders are searched with all below them.
        out: folder of the results, which keeps the tree of a folder; or, with one file given, a
            file whose name says its format.
        form: encoding of all results; ``None`` keeps each file's.
        settings: what a result depends on, besides its file.
        overwrite: restore again, and replace what stands in the way.

    Raises:
        UsageError: an input is missing, nothing is found, or two results would be one file.
    """
    pairs = list(_one_file(inputs, out, form) or _pairs(inputs, out, form))
    if not pairs:
        raise UsageError(
            f"There is no photograph in {', '.join(map(str, inputs))}.",
            hint=f"Give files or folders with {', '.join(sorted(_FORMATS))} files.",
        )
    _refuse_collisions(pairs)
    ledger = Ledger(out.parent if _is_file_name(out, inputs) else out, settings)
    jobs = [
        Job(
            source=source,
            target=target,
            format=form or _format_of(target if _is_file_name(out, inputs) else source),
            action="restore" if overwrite else ledger.judge(source, target),
        )
        for source, target in pairs
    ]
    return jobs, ledger


class Ledger:
    """What earlier runs made in a folder.

    Args:
        folder: where results and the ledger lie.
        settings: what a result depends on, besides its file.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._path = folder / LEDGER
        self._settings = dict(settings)
        self._made: dict[str, Any] = {}
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        for line in _lines(text):
            self._made[line["target"]] = line
        # A line that a kill or a full disk cut short must not swallow the next one.
        self._gap = "" if not text or text.endswith("\n") else "\n"

    def judge(self, source: Path, target: Path) -> Action:
        """Say what is to be done about `source`, whose result is `target`."""
        if not target.exists():
            return "restore"
        made = self._made.get(self._name(target))
        if made is None:
            return "refuse"
        same = {**made, "prompt": None} == {**self._line(source, target), "prompt": None}
        return "skip" if same else "restore"

    def prompt_of(self, target: Path) -> str | None:
        """Return the words with which a result was asked for; ``None`` where there were none."""
        prompt = self._made.get(self._name(target), {}).get("prompt")
        return str(prompt) if prompt else None

    def write(self, source: Path, target: Path, prompt: str | None = None) -> None:
        """Note that the result of `source`, asked for by `prompt`, is about to become `target`."""
        line = self._line(source, target) | ({"prompt": prompt} if prompt else {})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        gap, self._gap = self._gap, "\n"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{gap}{json.dumps(line)}\n")
        self._gap = ""
        self._made[line["target"]] = line

    def _line(self, source: Path, target: Path) -> dict[str, Any]:
        stat = source.stat()
        return {
            "target": self._name(target),
            "source": str(source.resolve()),
            "num_bytes": stat.st_size,
            "changed": stat.st_mtime_ns,
            "settings": self._settings,
        }

    def _name(self, target: Path) -> str:
        return target.relative_to(self._path.parent).as_posix()


def _lines(text: str) -> Iterator[dict[str, Any]]:
    for row in text.splitlines():
        try:
            line = json.loads(row)
        except ValueError:
            continue  # a kill cut the last line short; its result has no name yet
        if isinstance(line, dict) and "target" in line:
            yield line


def _is_file_name(out: Path, inputs: Sequence[Path]) -> bool:
    return (
        len(inputs) == 1
        and not inputs[0].is_dir()
        and not out.is_dir()
        and out.suffix.lower() in _FORMATS
    )


def _one_file(
    inputs: Sequence[Path], out: Path, form: ImageFormat | None
) -> list[tuple[Path, Path]] | None:
    if not _is_file_name(out, inputs):
        return None
    source = inputs[0]
    _refuse_missing(source)
    if form and _FORMATS[out.suffix.lower()] != form:
        raise UsageError(
            f"{out} does not end as a {form} file does.",
            hint=f"Name it {out.with_suffix(SUFFIXES[form])}, or leave --format out.",
        )
    if out.exists() and out.samefile(source):
        raise UsageError(f"{out} is the input itself.", hint="Give another name for the result.")
    return [(source, out)]


def _pairs(
    inputs: Sequence[Path], out: Path, form: ImageFormat | None
) -> Iterator[tuple[Path, Path]]:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is no folder.", hint="Give a folder for the results, last.")
    if out.suffix.lower() in _OTHERS and not out.exists():
        raise UsageError(
            f"{out} ends as a picture that is not written here does.",
            hint=f"Name it {out.with_suffix('.png')}; or make the folder first, if it is one.",
        )
    for given in inputs:
        _refuse_missing(given)
        if not given.is_dir():
            yield given, out / _renamed(Path(given.name), form)
            continue
        if out.exists() and out.samefile(given):
            raise UsageError(
                f"{out} is an input itself.", hint="Give another folder for the results, last."
            )
        base = out / given.resolve().name if len(inputs) > 1 else out
        for path in _walk(given, out):
            yield path, base / _renamed(path.relative_to(given), form)


def _walk(folder: Path, out: Path) -> Iterator[Path]:
    inside = out.resolve()
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        known = path.suffix.lower() in _FORMATS or path.suffix.lower() in _OTHERS
        if known and not hidden and path.is_file() and inside not in path.resolve().parents:
            yield path


def _renamed(path: Path, form: ImageFormat | None) -> Path:
    """Give a path the ending of its new format; one that has it already stays as it is."""
    if form is None or _FORMATS.get(path.suffix.lower()) == form:
        return path
    return path.with_suffix(SUFFIXES[form])


def _format_of(path: Path) -> ImageFormat:
    return _FORMATS.get(path.suffix.lower(), "png")


def _refuse_missing(path: Path) -> None:
    if not path.exists():
        raise UsageError(f"{path} is not there.", hint="Check the path; OUT comes last.")


def _refuse_collisions(pairs: Sequence[tuple[Path, Path]]) -> None:
    taken: dict[Path, Path] = {}
    for source, target in pairs:
        other = taken.setdefault(target, source)
        if other is not source:
            raise UsageError(
                f"{other} and {source} would both become {target}.",
                hint="Restore them in two runs, into two folders.",
            )

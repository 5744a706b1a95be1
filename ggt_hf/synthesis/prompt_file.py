"""Prompts as a file: one line of JSON a picture, in the order of the pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ggt_hf.engines import EngineOptions, StageReport, Unit, carry_out
from ggt_hf.engines.stage import Outcome
from ggt_hf.errors import GgtError, ReadError, SourceError, UsageError
from ggt_hf.images import verify
from ggt_hf.records import Observation, Prompt, SeenEffect
from ggt_hf.stages import settle
from ggt_hf.synthesis.prompters import Prompts
from ggt_hf.synthesis.sources import SUFFIXES, is_utf8

_BEGINNINGS = (b'{"path":', b'{"path": ')
"""How lines begin, and how they began before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptRow:
    """One picture of a run: its prompt, or why it has none."""

    path: str
    """The picture, as it was named."""
    prompt: Prompt | None = None
    """``None`` where there is an `error`."""
    error: GgtError | None = None
    """Why there is no prompt."""

    def to_json(self) -> dict[str, Any]:
        """Return the row as the file holds it."""
        return {"path": self.path, "prompt": asdict(self.prompt) if self.prompt else None}


def find_pictures(given: Iterable[Path]) -> list[Path]:
    """Return the files given and the pictures in the folders given, each once, in order.

    Raises:
        SourceError: something given does not exist, there is no picture at all, or the name of
            one is not valid UTF-8.
    """
    found: dict[Path, None] = {}
    for path in given:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            found |= dict.fromkeys(sorted(inside))
        elif path.exists():
            found[path] = None
        else:
            raise SourceError(f"There is no {path}.", hint="Give pictures, or folders of them.")
    if not found:
        raise SourceError(
            f"There is no picture in {', '.join(map(str, given))}.",
            hint=f"Pictures end in {', '.join(sorted(SUFFIXES))}.",
        )
    for path in found:
        if not is_utf8(path):
            raise SourceError(f"The name {str(path)!a} is not valid UTF-8.", hint="Rename it.")
    return list(found)


def prompt_pictures(
    pictures: Sequence[Path], prompts: Prompts, *, batch_size: int = 4
) -> Iterator[PromptRow]:
    """Prompt pictures in batches, here and now."""
    for start in range(0, len(pictures), batch_size):
        yield from _prompted(pictures[start : start + batch_size], prompts)


def write_prompts(
    pictures: Sequence[Path],
    open_prompts: Callable[[], Prompts],
    out: Path,
    options: EngineOptions,
    *,
    fingerprint: str = "",
    batch_size: int = 4,
) -> StageReport:
    """Prompt the pictures that a file lacks, on any engine, and write it.

    The file then holds its earlier lines and the new ones, in the order of the pictures, and all
    others after them. A killed run goes on where it was; a picture without a prompt is not written,
    so that the next run tries it again.

    Args:
        pictures: each once.
        open_prompts: makes the prompter, once a worker; picklable, where there are several.
        out: the file; made if it is not there.
        options: where and how to run.
        fingerprint: names the prompter; after a kill, prompts of another one are not taken up.
        batch_size: pictures that it sees at once.

    Raises:
        UsageError: `out` is no file of prompts.
        ModelError: the observer cannot be used.
    """
    there = {row["path"]: row for row in _finished(out)}
    units = [
        Unit(key=str(path), payload={"path": str(path.absolute())})
        for path in pictures
        if str(path) not in there
    ]

    def publish(known: Mapping[str, Outcome]) -> None:
        rows = there | {key: found["row"] for key, found in known.items() if "row" in found}
        first = {name: rows[name] for path in pictures if (name := str(path)) in rows}
        settle(out, {**first, **rows}.values())

    return carry_out(
        units,
        _prompt_units,
        out,
        options,
        setup=open_prompts,
        fingerprint=fingerprint,
        batch_size=batch_size,
        publish=publish,
    )


def _prompt_units(prompts: Prompts, units: Sequence[Unit]) -> list[Mapping[str, Any] | GgtError]:
    """Be the work of a stage: the row of each picture, or why there is none."""
    rows = _prompted([Path(str(unit.payload["path"])) for unit in units], prompts)
    named = zip(units, rows, strict=True)
    return [row.error or {**row.to_json(), "path": unit.key} for unit, row in named]


def read_prompts(path: Path) -> dict[str, Prompt]:
    """Return a file's prompts by the path of their picture.

    Raises:
        UsageError: it is no file of prompts.
    """
    return {row["path"]: _prompt(row["prompt"]) for row in _lines(path)}


def _prompted(paths: Sequence[Path], prompts: Prompts) -> list[PromptRow]:
    """Prompt one batch; a picture that cannot be read never reaches the model."""
    rows: dict[Path, PromptRow] = {}
    sound: dict[Path, bytes] = {}
    for path in paths:
        try:
            sound[path] = _read(path)
        except GgtError as error:
            rows[path] = PromptRow(path=str(path), error=error)
    if sound:
        for path, result in zip(sound, prompts(list(sound.values())), strict=True):
            rows[path] = (
                PromptRow(path=str(path), prompt=result)
                if isinstance(result, Prompt)
                else PromptRow(path=str(path), error=result)
            )
    return [rows[path] for path in paths]


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror}.", hint="Check the path and its permissions."
        ) from error
    verify(data, str(path))
    return data


def _finished(out: Path) -> list[Mapping[str, Any]]:
    """Return the rows of `out`, but for a last line that was cut off."""
    if not out.exists():
        return []
    try:
        data = out.read_bytes()
    except OSError as error:
        raise ReadError(
            f"{out} cannot be read: {error.strerror}.", hint="Give a file for --out."
        ) from error
    whole = data[: data.rfind(b"\n") + 1]
    cut_off = data[len(whole) :]
    # Only what we began ourselves may be cut off; anything else is somebody's file.
    if not any(line.startswith(cut_off[: len(line)]) for line in _BEGINNINGS):
        whole = data
    return _parsed(out, whole)


def _lines(path: Path) -> list[Mapping[str, Any]]:
    try:
        return _parsed(path, path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}.", hint="Write it by ggt prompt --out."
        ) from error


def _parsed(path: Path, data: bytes) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            row = json.loads(line)
            rows.append({"path": str(row["path"]), "prompt": dict(row["prompt"])})
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path}, line {number}, is no line of a prompt file ({type(error).__name__}).",
                hint="Choose another file for --out; nothing was written to this one.",
            ) from error
    return rows


def _prompt(fields: Mapping[str, Any]) -> Prompt:
    values = dict(fields)
    seen = values.get("observation")
    if seen is not None:
        lists = {name: tuple(seen[name]) for name in ("text", "faces", "signs", "counts")}
        effects = tuple(SeenEffect(**effect) for effect in seen["effects"])
        values["observation"] = Observation(**{**seen, **lists, "effects": effects})
    return Prompt(**values)

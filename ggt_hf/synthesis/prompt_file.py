"""Prompts as a file: one line of JSON a picture, appended to, resumable after any kill."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ggt_hf.errors import GgtError, SourceError, UsageError
from ggt_hf.images import verify
from ggt_hf.records import Observation, Prompt, SeenEffect

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
"""What counts as a picture in a folder."""

_BEGINNING = b'{"path": '
"""How every line begins."""

Prompts = Callable[[Sequence[bytes]], Sequence[Prompt | GgtError]]
"""Writes the prompts of a batch of encoded pictures; an error stands for a prompt it could not."""


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
        SourceError: something given does not exist, or there is no picture at all.
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
    return list(found)


def write_prompts(
    pictures: Sequence[Path], prompts: Prompts, *, out: Path | None = None, batch_size: int = 4
) -> Iterator[PromptRow]:
    """Prompt pictures in batches; with `out`, append each row to that file as it is made.

    Pictures that `out` already holds are skipped, so the same call continues a killed one. A
    picture without a prompt is not written, so the same call tries it again.

    Raises:
        UsageError: `out` is no file of prompts.
    """
    done = {row["path"] for row in _finished(out)} if out else set()
    left = (path for path in pictures if str(path) not in done)
    with ExitStack() as stack:
        file = stack.enter_context(out.open("a", encoding="utf-8")) if out else None
        while paths := list(islice(left, batch_size)):
            rows = _prompted(paths, prompts)
            if file:
                written = (row.to_json() for row in rows if row.prompt)
                file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in written)
                file.flush()
                os.fsync(file.fileno())
            yield from rows


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
    """Return the rows of `out`; a last line that was cut off by a kill is taken away."""
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        return []
    data = out.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    cut_off = data[len(whole) :]
    # Only what we began ourselves is taken away; anything else is somebody's file.
    if not _BEGINNING.startswith(cut_off[: len(_BEGINNING)]):
        whole = data
    rows = _parsed(out, whole)
    if len(whole) < len(data):
        with out.open("r+b") as file:
            file.truncate(len(whole))
    return rows


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

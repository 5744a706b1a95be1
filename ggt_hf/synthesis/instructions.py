"""Which prompt goes with which photograph: one for all, or those of a file of prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ggt_hf.errors import FormatError, SourceError
from ggt_hf.records import DEGRADATIONS, Degradation, Source
from ggt_hf.stages import read_rows
from ggt_hf.synthesis.prompting import FixedPrompter
from ggt_hf.synthesis.sources import SourceList

FIXED = "fixed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Instruction:
    """What an editor is told, and who worded it."""

    text: str
    """The prompt."""
    prompter: str | None = None
    """Model id (or rule name) that wrote it."""
    template: str | None = None
    """Name and version of the template it was composed by."""
    degradation: Degradation | None = None
    """The category it was written for; ``None`` = any."""


Instructions = Callable[[Source], Instruction]
"""The instruction for a photograph; `SourceError` where there is none."""


def read_instructions(prompts: str) -> Instructions:
    """Return the instructions: ``fixed``, or those of a file that ``ggt prompt`` wrote.

    A line of the file names its photograph by ``key`` or by ``path``, and holds the fields of a
    `Prompt`, directly or as ``prompt``.

    Raises:
        SourceError: there is no such file.
        FormatError: a line is no prompt.
    """
    if prompts == FIXED:
        return _fixed
    path = Path(prompts)
    if not path.is_file():
        raise SourceError(
            f"There is no file of prompts {prompts}.", hint=f"Write it by ggt prompt, or {FIXED}."
        )
    named: dict[str, Instruction] = {}
    for number, row in read_rows(path):
        named |= dict.fromkeys(_names(path, row), _instruction(f"{path}, line {number}", row))

    def instruct(source: Source) -> Instruction:
        found = named.get(source.key) or named.get(source.path)
        if found is None:
            raise SourceError(
                f"{path} has no prompt for {source.key} ({source.path}).",
                hint="Run ggt prompt on the same photographs, or add a line with its key.",
            )
        return found

    return instruct


def with_prompts(listing: SourceList, instructions: Instructions) -> SourceList:
    """Return the photographs that have a prompt; the others are among the problems.

    Raises:
        SourceError: none has one, so that the file of prompts is another folder's.
    """
    asked, problems, missing = [], [], None
    for source in listing.sources:
        try:
            instructions(source)
        except SourceError as error:
            missing = error
            problems.append((source.source or source.path, error.message))
        else:
            asked.append(source)
    if missing and not asked:
        raise missing
    return SourceList(sources=tuple(asked), problems=(*listing.problems, *problems))


def _fixed(source: Source) -> Instruction:
    """Return the fixed prompt for the photograph's category, or for any where nobody said it."""
    prompt = FixedPrompter(per_category=True).prompt(source.degradation)
    return Instruction(
        text=prompt.text,
        prompter=FIXED,
        template=prompt.template,
        degradation=prompt.degradation,
    )


def _names(file: Path, row: Mapping[str, Any]) -> list[str]:
    """Return what the line's photograph may be known by: its key, its path from here or there."""
    names = [str(row["key"])] if row.get("key") else []
    if row.get("path"):
        path = Path(str(row["path"]))
        names += [str(path.absolute()), str(path.resolve()), str((file.parent / path).resolve())]
    return names


def _instruction(where: str, row: Mapping[str, Any]) -> Instruction:
    said = row.get("prompt") if isinstance(row.get("prompt"), dict) else row
    fields = cast("Mapping[str, Any]", said)
    text, category = fields.get("text"), fields.get("degradation")
    if not isinstance(text, str) or not text.strip() or not (row.get("key") or row.get("path")):
        raise FormatError(
            f"{where}, is no prompt: it needs a text, and a key or path.",
            hint="Write the file by ggt prompt.",
        )
    if category is not None and category not in DEGRADATIONS:
        raise FormatError(
            f"{where}, names the category {category!r}.",
            hint=f"Give one of {', '.join(DEGRADATIONS)}.",
        )
    return Instruction(
        text=text,
        prompter=fields.get("vlm_id") or fields.get("prompter") or fields.get("strategy"),
        template=fields.get("template"),
        degradation=category,
    )

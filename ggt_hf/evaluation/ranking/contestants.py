"""Contestants: an editor with one kind of prompts, and the pictures that it made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ggt_hf.data.building.sources.blobs import FileBlob
from ggt_hf.errors import UsageError
from ggt_hf.evaluation.cases import Case
from ggt_hf.records import PromptStrategy

if TYPE_CHECKING:
    from ggt_hf.evaluation.restorers import Restore
    from ggt_hf.synthesis.editors.editor import Editor

OpenEditor = Callable[[str], "Editor"]
"""Makes an editor of its name on the command line."""

KINDS: tuple[PromptStrategy, ...] = get_args(PromptStrategy)
"""Kinds of prompts."""

_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][\w.+-]{0,63})=(?P<what>.+)")
_REPLAY = "replay:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contestant:
    """One row of the ranking."""

    name: str
    """Unique in a ranking, and safe as a folder's name: ``EDITOR.PROMPTS``."""
    editor: Editor
    """Who makes the pictures; contestants of one editor share it."""
    prompts: PromptStrategy
    """What it is told."""

    @property
    def identity(self) -> dict[str, Any]:
        """All that its pictures depend on beside input, prompt and seed."""
        editor = self.editor
        return {
            "kind": "editor",
            "editor": editor.id,
            "revision": editor.revision,
            "settings": dict(editor.settings),
            "prompts": self.prompts,
        }


def contestants_of(
    editors: Sequence[str], kinds: Iterable[str], open_editor: OpenEditor
) -> list[Contestant]:
    """Return every editor with every kind of prompts.

    Args:
        editors: as ``ggt synth`` names them, each perhaps with ``NAME=`` before it. Of a
            ``replay:FOLDER`` that holds a folder for each kind, each is taken from its own.
        kinds: of `KINDS`.
        open_editor: makes an editor of its name.

    Raises:
        UsageError: there is no editor or kind, or two have one name.
        GgtError: an editor cannot be opened.
    """
    asked = list(dict.fromkeys(kinds))
    if not editors:
        raise UsageError("There is nothing to rank.", hint="Try: ggt rank classical embedded")
    if not asked or not set(asked) <= set(KINDS):
        raise UsageError(
            f"{','.join(asked)!r} is no list of kinds of prompts.",
            hint=f"Choose from {','.join(KINDS)}.",
        )
    opened: dict[str, Editor] = {}
    found = []
    for text in editors:
        name, what = _named(text)
        for kind in KINDS:
            if kind not in asked:
                continue
            place = _place(what, kind)
            opened[place] = opened.get(place) or open_editor(place)
            found.append(Contestant(name=f"{name}.{kind}", editor=opened[place], prompts=kind))
    names = [one.name for one in found]
    for one in names:
        if names.count(one) > 1:
            raise UsageError(f"Two contestants are called {one}.", hint="Name them: NAME=EDITOR.")
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A contestant as a restorer whose outputs lie there already."""

    name: str
    stands_for: Mapping[str, Any]
    """The contestant's identity."""
    files: Mapping[str, Mapping[str, Path]] = field(repr=False)
    """Task -> key -> the picture: what was made, or the input where nothing was."""

    def identity(self) -> Mapping[str, Any]:
        """Return who made them; what they are is in each picture's own mark."""
        return self.stands_for

    def output(self, task: str, case: Case) -> FileBlob:
        """Return the picture."""
        path = self.files[task][case.key]
        return FileBlob.of(path.name, path, path.stat())

    def open(self) -> Restore:
        """Return nothing of use: every output is there."""
        return lambda picture, seed: picture


def _named(text: str) -> tuple[str, str]:
    found = _NAMED.fullmatch(text)
    if found and not Path(text).exists():
        return found["name"], found["what"]
    last = text.partition("@")[0].rstrip("/").rpartition("/")[2].rpartition(":")[2]
    kept = "".join(c if c.isalnum() or c in "._+-" else "-" for c in last).strip(".-")
    return kept or "editor", text


def _place(what: str, kind: str) -> str:
    folder = Path(what.removeprefix(_REPLAY)) / kind
    return f"{_REPLAY}{folder}" if what.startswith(_REPLAY) and folder.is_dir() else what

"""What is evaluated: anything with a name, an identity and a way to be opened.

Two kinds live here, because they restore nothing: the input itself, and outputs that were made
elsewhere. The others come from above (`others` of `restorer_of`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ggt_hf.data.building.sources.blobs import Blob
from ggt_hf.data.building.sources.tree import TreeFile, walk
from ggt_hf.data.format.schema import normalise_key
from ggt_hf.errors import ReadError, UsageError
from ggt_hf.evaluation.cases import Case

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Restore = Callable[["NDArray[np.uint8]", int], "NDArray[np.uint8]"]
"""``restore(picture, seed)``: RGB, ``uint8``, ``(H, W, 3)``, both ways and of one size."""

INPUT = "input"
"""The restorer that does nothing: the floor of every table."""

_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][\w.+-]{0,63})=(?P<what>.+)")
_SUFFIX = re.compile(r"[_.-](restored|output|out|result|pred|sr)$", re.IGNORECASE)


class Restorer(Protocol):
    """One row of a table. Picklable; it is opened once in each worker, and only where needed."""

    @property
    def name(self) -> str:
        """How tables call it; unique in a run."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """Return all that its outputs depend on besides picture and seed, as JSON values.

        Raises:
            GgtError: it is not there, or cannot be loaded.
        """
        ...

    def output(self, task: str, case: Case) -> Blob | None:
        """Return the output where it lies already; ``None``: it has to be made."""
        ...

    def open(self) -> Restore:
        """Load it."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Input:
    """The low-quality picture as it is."""

    name: str = INPUT

    def identity(self) -> Mapping[str, Any]:
        """Return that it does nothing."""
        return {"kind": "input"}

    def output(self, task: str, case: Case) -> Blob | None:
        """Return nothing: where pictures are degraded here, the input is made here too."""
        return None

    def open(self) -> Restore:
        """Return what gives the picture back."""
        return _unchanged


def _unchanged(picture: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    return picture


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Outputs that were made elsewhere: a folder of pictures, named as the inputs are.

    With several tasks, ``FOLDER/TASK/`` is taken where it is there.
    """

    name: str
    folder: Path

    def identity(self) -> Mapping[str, Any]:
        """Return where they are; what they are is in each picture's own mark."""
        return {"kind": "replay", "folder": str(self.folder.resolve())}

    def output(self, task: str, case: Case) -> Blob | None:
        """Return the picture whose name is the case's key or that of its input.

        Raises:
            ReadError: there is none, or more than one.
        """
        files = self._by_name.get(task) or self._by_name[""]
        names = (case.key, _key(case.lq.name.rpartition("/")[2]), _key(case.lq.name))
        found = next((files[name] for name in names if name in files), [])
        if len(found) == 1:
            return found[0].blob
        cause = "is no output" if not found else f"are {len(found)} outputs"
        raise ReadError(
            f"In {self.folder} there {cause} for {case.key} ({case.lq.name}).",
            hint="Name each output as its input, or as its key, with any ending.",
        )

    def open(self) -> Restore:
        """Return nothing of use: every output is there."""
        return _unchanged

    @cached_property
    def _by_name(self) -> dict[str, dict[str, list[TreeFile]]]:
        """Folder of a task, or empty for the whole folder -> its pictures by name."""
        inside = {path.name: _listed(path) for path in self.folder.iterdir() if path.is_dir()}
        return {"": _listed(self.folder), **inside}


def _listed(folder: Path) -> dict[str, list[TreeFile]]:
    """Return the pictures of a folder by all that they may be called."""
    files: dict[str, list[TreeFile]] = {}
    for file in walk(folder).files:
        whole, last = _key(file.path), _key(file.path.rpartition("/")[2])
        for name in {whole, last, normalise_key(_SUFFIX.sub("", file.path.rpartition(".")[0]))}:
            files.setdefault(name, []).append(file)
    return files


def _key(name: str) -> str:
    return normalise_key(name.rpartition(".")[0] or name)


def restorer_of(text: str, others: Callable[[str, str], Restorer]) -> Restorer:
    """Return the restorer that `text` names.

    Args:
        text: ``input``, a folder of outputs, or what `others` knows; ``NAME=`` before it gives it
            a name of its own.
        others: makes any other restorer of (name, what).

    Raises:
        UsageError: it names nothing.
    """
    named = _NAMED.fullmatch(text)
    what = named["what"] if named and not Path(text).exists() else text
    name = named["name"] if named and what != text else None
    if what == INPUT:
        return Input(name=name or INPUT)
    folder = Path(what)
    if folder.is_dir() and not _is_model(folder):
        return Replay(name=name or _short(what), folder=folder)
    return others(name or _short(what), what)


def refuse_same_names(restorers: list[Restorer]) -> None:
    """Raise `UsageError` where two restorers have one name."""
    names = [restorer.name for restorer in restorers]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"Two restorers are called {name}.", hint="Name them: NAME=RESTORER.")


def _is_model(folder: Path) -> bool:
    """Say whether a folder holds a model, rather than pictures."""
    return any((folder / name).is_file() for name in ("model_index.json", "config.json")) or any(
        folder.glob("*.safetensors")
    )


def _short(what: str) -> str:
    """Return the last part of a path or repository, as it may stand in a path."""
    last = what.partition("@")[0].rstrip("/").rpartition("/")[2]
    kept = "".join(c if c.isalnum() or c in "._+-" else "-" for c in last).strip(".-")
    return kept or "restorer"

"""What raters compare: the contestants' pictures, as ``OUT/contestants.json`` lists them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ggt_hf.errors import FormatError
from ggt_hf.evaluation.ranking.ballot import Version, Versions
from ggt_hf.evaluation.ranking.contestants import Made
from ggt_hf.evaluation.ranking.making import Inputs

CONTESTANTS = "contestants.json"
"""Whose pictures raters compare."""


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """A picture that is compared."""

    input: Path
    """What all contestants were given."""
    category: str
    """What dominates its degradation; empty = nobody said."""
    credit: str
    """Whom to credit, and the licence; empty = nobody said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """What is compared in a ranking."""

    versions: Versions
    """Without those of `twins`: the same picture is not voted on twice."""
    twins: Mapping[str, str]
    """Contestant -> an earlier one that made the very same pictures."""
    about: Mapping[str, About]
    """By the picture's key."""


def write_study(out: Path, made: Sequence[Made], inputs: Inputs) -> Study:
    """Write down what raters compare; paths inside `out` are relative to it."""
    said = {}
    for key in sorted(inputs.files):
        case = inputs.cases[key]
        credit = [case.credit, case.license if case.license != "unknown" else None]
        said[key] = {
            "about": {
                "input": _inside(inputs.files[key], out),
                "category": case.category or "",
                "credit": ", ".join(filter(None, credit)),
            },
            "versions": {one.name: _listed(one.files[inputs.task.name][key], out) for one in made},
        }
    path = out / CONTESTANTS
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
    return read_study(out)


def read_study(out: Path) -> Study:
    """Return what raters compare.

    Raises:
        FormatError: there is no ranking, or its list of pictures is damaged.
    """
    try:
        said = json.loads((out / CONTESTANTS).read_text(encoding="utf-8"))
        versions = {
            key: {name: _version(name, one, out) for name, one in picture["versions"].items()}
            for key, picture in said.items()
        }
        about = {key: _about(picture["about"], out) for key, picture in said.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(
            f"{out} holds no pictures of ggt rank to be compared: {_cause(error)}.",
            hint="Make them first: ggt rank EDITOR... --out FOLDER",
        ) from error
    twins = _twins(versions)
    kept = {
        key: {name: one for name, one in made.items() if name not in twins}
        for key, made in versions.items()
    }
    return Study(versions=kept, twins=twins, about=about)


def _twins(versions: Versions) -> dict[str, str]:
    names = dict.fromkeys(name for made in versions.values() for name in made)
    stems: dict[tuple[str, ...], str] = {}
    twins: dict[str, str] = {}
    for name in names:
        own = tuple(made[name].sha256 if name in made else "" for made in versions.values())
        stem = stems.setdefault(own, name)
        if stem != name:
            twins[name] = stem
    return twins


def _listed(path: Path, out: Path) -> dict[str, str]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": _inside(path, out), "sha256": sha256}


def _version(name: str, said: Mapping[str, Any], out: Path) -> Version:
    return Version(contestant=name, path=_placed(said["path"], out), sha256=str(said["sha256"]))


def _about(said: Mapping[str, Any], out: Path) -> About:
    return About(
        input=_placed(said["input"], out),
        category=str(said["category"]),
        credit=str(said["credit"]),
    )


def _inside(path: Path, out: Path) -> str:
    return path.absolute().relative_to(out.absolute()).as_posix()


def _placed(text: str, out: Path) -> Path:
    """Return the file, which must lie in `out`: a study may come from somebody else."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{text} lies outside of it")
    return out / path


def _cause(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{CONTESTANTS}: {error.strerror}"
    return f"{CONTESTANTS} lacks {error}" if isinstance(error, KeyError) else str(error)

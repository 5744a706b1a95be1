"""A recipe: restorers, tasks and comparisons in one file, for a table that can be made again.

::

    restorers:
      input: input
      a-without: runs/a-without
      a-with: runs/a-with
    tasks: [sample, real=photos/]
    against: {a-with: a-without}
    metrics: [psnr, ssim]        # optional; else what each task says
    limit: 50                    # optional
    seed: 0                      # optional
    judge: rules                 # optional; adds VLM-R

Folders in it are relative to the recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ggt_hf.errors import UsageError
from ggt_hf.evaluation.task import task_names

_FIELDS = ("restorers", "tasks", "against", "metrics", "limit", "seed", "judge")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What a recipe asks for."""

    restorers: tuple[str, ...]
    """Each as ``NAME=WHAT``."""
    tasks: tuple[str, ...]
    """Each as `ggt_hf.evaluation.task.task_of` reads it."""
    against: Mapping[str, str] | str | None = None
    """What is compared with what."""
    metrics: tuple[str, ...] = ()
    """What is measured; empty = what each task says."""
    limit: int | None = None
    """Pictures of each task."""
    seed: int = 0
    """Of everything drawn at random."""
    judge: str | None = None
    """Who says VLM-R; ``None`` = nobody."""


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        UsageError: it is none.
    """
    import yaml

    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        hint = "Check the path, or mend the line of the YAML that it names."
        raise UsageError(f"{path} cannot be read: {error}.", hint=hint) from error
    if not isinstance(said, Mapping) or not {"restorers", "tasks"} <= said.keys() <= {*_FIELDS}:
        raise UsageError(
            f"{path} is no recipe.",
            hint=f"Give restorers and tasks, and of {', '.join(_FIELDS[2:])} what you need.",
        )
    wrong = [name for name, fits in _FITS.items() if name in said and not fits(said[name])]
    if wrong:
        raise UsageError(
            f"{path}: what it says of {', '.join(wrong)} cannot be meant.",
            hint="restorers and against are mappings of names, tasks and metrics are lists, limit "
            "and seed are whole numbers.",
        )
    folder = path.parent
    return Recipe(
        restorers=tuple(
            f"{name}={_placed(folder, what)}" for name, what in said["restorers"].items()
        ),
        tasks=tuple(_placed_task(folder, str(task)) for task in said["tasks"]),
        against=said.get("against"),
        metrics=tuple(said.get("metrics") or ()),
        limit=said.get("limit"),
        seed=said.get("seed") or 0,
        judge=said.get("judge"),
    )


def _of_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _named_words(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values())


def _whole(value: Any, least: int) -> bool:
    return value is None or (type(value) is int and value >= least)


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "restorers": lambda value: _named_words(value) and bool(value),
    "tasks": lambda value: _of_words(value) and bool(value),
    "against": lambda value: value is None or isinstance(value, str) or _named_words(value),
    "metrics": lambda value: value is None or _of_words(value),
    "limit": lambda value: _whole(value, 1),
    "seed": lambda value: _whole(value, 0),
    "judge": lambda value: value is None or isinstance(value, str),
}
"""Field of a recipe -> whether a value can be meant."""


def _placed(folder: Path, what: Any) -> str:
    """Return a folder as seen from here; anything else as it is."""
    beside = folder / str(what)
    return str(beside) if beside.exists() else str(what)


def _placed_task(folder: Path, text: str) -> str:
    name, given, where = text.partition("=")
    if given:
        return f"{name}={_placed(folder, where)}"
    return text if text in task_names() else _placed(folder, text)

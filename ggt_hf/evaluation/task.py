"""Tasks: which pictures, at what size, in which metrics. A folder is a task too.

A task of the package is a file of ``tasks/``. It states what is known of a benchmark and names
what is not; where its pictures have to come from elsewhere, ``NAME=WHERE`` says where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ggt_hf.errors import UsageError
from ggt_hf.metrics import metrics_named

FOLDER = Path(__file__).parent / "tasks"
"""The tasks of the package."""

SAMPLE = "sample"
"""Where the pairs of the package are, in a word."""

PAIRED_METRICS = ("psnr", "psnr_y", "ssim", "ssim_y")
"""What a folder of pairs is measured in, unless more is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One benchmark."""

    name: str
    """Short, and unique in a run; names its folder."""
    title: str
    """How tables call it."""
    about: str = ""
    """What it shows, and what it does not."""
    data: str | None = None
    """Where its pictures are: ``sample``, a folder, a zip, a manifest, a dataset; ``None`` = the
    user has to say."""
    needs: str = ""
    """What the user has to give, where `data` is ``None``."""
    split: str | None = None
    """Split of a dataset; ``None`` = test where there is one, else all."""
    reference: bool | None = None
    """Whether there is a ground truth; ``None`` = as the folder has it."""
    simulate: bool = False
    """Whether its pictures are clean, and are degraded here."""
    multiple: int = 1
    """Pictures are cropped to sides that are multiples of this, top left kept, never resized."""
    metrics: tuple[str, ...] = PAIRED_METRICS
    """What is measured, unless the user says otherwise."""
    num_pictures: int | None = None
    """How many there should be; ``None`` = not known."""
    license: str = "unknown"
    """Of the pictures."""
    dataset_id: str | None = None
    """The benchmark's dataset on the Hub; ``None`` = it has none."""
    reported: tuple[str, ...] = ()
    """What the paper reports on it."""
    unknown: tuple[str, ...] = ()
    """What could not be found out about it."""


def task_names() -> list[str]:
    """Return the names of the package's tasks."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def named_task(name: str) -> Task:
    """Return a task of the package, wherever its pictures are.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in task_names():
        raise UsageError(
            f"There is no task {name!r}.", hint=f"Choose from {', '.join(task_names())}."
        )
    return read_task(FOLDER / f"{name}.yaml")


def task_of(text: str) -> Task:
    """Return the task that `text` names.

    Args:
        text: a task's name, ``NAME=WHERE`` for one whose pictures are elsewhere, or just a folder,
            zip, manifest or dataset.

    Raises:
        UsageError: there is no such task, or its pictures are missing.
    """
    name, given, where = text.partition("=")
    if name in task_names():
        task = read_task(FOLDER / f"{name}.yaml")
        if given:
            return replace(task, data=where)
        if task.data is None:
            raise UsageError(f"The task {name} needs {task.needs}.", hint=f"Give it: {name}=WHERE")
        return task
    if given and not Path(text).exists():
        return Task(name=_safe(name), title=name, data=where)
    if not text or (not Path(text).exists() and text.count("/") != 1):
        raise UsageError(
            f"There is no task and no folder {text!r}.",
            hint=f"Choose from {', '.join(task_names())}, or give a folder of pictures.",
        )
    return Task(name=_safe(Path(text).resolve().name), title=Path(text).name, data=text)


def read_task(path: Path) -> Task:
    """Read a task's file.

    Raises:
        UsageError: it says what no task says, or a metric that is none.
    """
    import yaml

    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        hint = "Check the path, or mend the line of the YAML that it names."
        raise UsageError(f"{path} cannot be read: {error}.", hint=hint) from error
    known = {item.name for item in fields(Task)} - {"name"}
    if not isinstance(said, Mapping) or not {"title"} <= said.keys() <= known:
        raise UsageError(
            f"{path} is no task.", hint=f"Give title, and some of {', '.join(sorted(known))}."
        )
    lists = {key: tuple(value) for key, value in said.items() if isinstance(value, list)}
    task = Task(name=_safe(path.stem), **{"reference": True, **said, **lists})
    metrics_named(task.metrics)
    return task


def described(task: Task) -> dict[str, Any]:
    """Return what a report says of a task."""
    return {
        item.name: getattr(task, item.name)
        for item in fields(Task)
        if getattr(task, item.name) not in (None, "", ())
    }


def _safe(name: str) -> str:
    """Return `name` as it may stand in paths and columns."""
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in name).strip(".-")
    return kept or "task"

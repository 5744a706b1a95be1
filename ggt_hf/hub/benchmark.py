"""``eval.yaml``: what makes a dataset on the Hub a benchmark with a leaderboard.

It lies at the root of the dataset's repository and names the tasks whose results models publish in
``.eval_results/*.yaml``. A leaderboard ranks by one number, so every metric is a task of its own,
called as the metric is; `ggt_hf.hub.results` writes entries of the same names. The Hub validates
the file when it is pushed; huggingface_hub has no parser of it, so `parse_benchmark` checks what
the Hub's documentation asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ggt_hf.data.reading.folder import DatasetFolder
from ggt_hf.errors import FormatError, UsageError
from ggt_hf.evaluation.task import PAIRED_METRICS, Task
from ggt_hf.metrics import metric, metrics_named

EVAL_PATH = "eval.yaml"
"""Where it lies in a dataset."""

FRAMEWORK = "ggt-hf"
"""Who computes the results."""

_ABOUT = "Low-quality photographs and their ground truths."
_CONFIG = "default"
_TEST = "test"
_KEYS = ("name", "description", "evaluation_framework", "tasks")
_TASK_KEYS = ("id", "config", "split")


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """What an ``eval.yaml`` says."""

    name: str
    """How the leaderboard is called."""
    description: str
    """What it shows."""
    framework: str
    """Who computes the results."""
    tasks: tuple[tuple[str, str, str], ...]
    """(id, configuration, split) of each; the id is a metric's name."""

    def to_yaml(self) -> str:
        """Return it as the file holds it."""
        import yaml

        said: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "evaluation_framework": self.framework,
            "tasks": [dict(zip(_TASK_KEYS, task, strict=True)) for task in self.tasks],
        }
        return yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=100)


def benchmark_of(
    dataset: DatasetFolder,
    task: Task | None = None,
    *,
    metrics: Sequence[str] = (),
    name: str | None = None,
) -> Benchmark:
    """Return the benchmark that a dataset is.

    Args:
        dataset: complete; its test split is what is scored, or all of it where it has none.
        task: one of the package's, for its title, words and metrics; ``None`` = a paired one.
        metrics: what is ranked by; empty = the task's metrics, but those of a judge.
        name: how it is called; ``None`` = the task's title, or the folder's name.

    Raises:
        UsageError: nothing is left to rank by, or a metric is none.
    """
    asked = metrics_named(metrics or (task.metrics if task else PAIRED_METRICS))
    ranked = [row for row in asked if not row.judged]
    if not ranked:
        raise UsageError(
            "A leaderboard of a judge's words could not be verified.",
            hint="Give --metrics that are computed, such as psnr_y,ssim_y.",
        )
    splits = sorted({row.split for row in dataset.manifest})
    split = _TEST if _TEST in splits else splits[0]
    count = sum(row.split == split for row in dataset.manifest)
    ways = ("lower is better", "higher is better")
    heads = ", ".join(f"{row.title} ({ways[row.higher_is_better]})" for row in ranked)
    about = " ".join((task.about if task else _ABOUT).split())
    return Benchmark(
        name=name or (task.title if task else dataset.root.resolve().name),
        description=f"{about} {count:,} pairs. Ranked by {heads}; scored by ggt eval, checked by "
        "ggt verify.",
        framework=FRAMEWORK,
        tasks=tuple((row.name, _CONFIG, split) for row in ranked),
    )


def write_benchmark(folder: Path, benchmark: Benchmark) -> Path:
    """Write ``eval.yaml`` into a dataset's folder, whole or not at all; return the file."""
    path = folder / EVAL_PATH
    partial = path.with_name(f".{path.name}.partial")
    text = benchmark.to_yaml()
    parse_benchmark(text, str(path))
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return path


def parse_benchmark(text: str | bytes, where: str = EVAL_PATH) -> Benchmark:
    """Read an ``eval.yaml``; bytes are its UTF-8.

    Raises:
        FormatError: it lacks what the Hub asks for, or says what our results cannot mean.
    """
    import yaml

    try:
        said = yaml.safe_load(text)
        tasks = tuple(tuple(str(task[key]) for key in _TASK_KEYS) for task in said["tasks"])
        strings = [said[key] for key in _KEYS[:3]]
        if not all(isinstance(value, str) and value.strip() for value in strings):
            raise ValueError("name, description and evaluation_framework are words")
        if not tasks or len({task[0] for task in tasks}) != len(tasks):
            raise ValueError("it needs tasks, each with an id of its own")
        for task in tasks:
            metric(task[0])
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, UsageError) as error:
        raise FormatError(
            f"{where} is no eval.yaml of a benchmark: {error}.",
            hint="Make it again: ggt card benchmark FOLDER --write",
        ) from error
    name, description, framework = (str(value) for value in strings)
    return Benchmark(name=name, description=description, framework=framework, tasks=tasks)  # type: ignore[arg-type]

"""Scores of all pictures: the rows of a run, as a parquet file and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ggt_hf.errors import FormatError

FILE = "scores.parquet"
"""Name of the file in a run's folder."""

ALL = "all"
"""The group of all categories together."""

_FINGERPRINTS = b"ggt_fingerprints"


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureScore:
    """One picture of one task, restored by one restorer."""

    task: str
    """The task's name."""
    restorer: str
    """The restorer's name."""
    key: str
    """The picture's key."""
    category: str | None
    """Its degradation; ``None`` where nobody said."""
    width: int
    """Pixels across, as scored."""
    height: int
    """Pixels down, as scored."""
    seed: int
    """What the restorer was given."""
    scores: Mapping[str, float]
    """Metric -> score."""
    output: str | None
    """The restored picture, relative to the run's folder or absolute; ``None``: it is the input."""
    output_sha256: str
    """Of the restored RGB bytes."""
    restore_seconds: float | None
    """What restoring took; ``None``: it was made elsewhere."""
    score_seconds: float
    """What all metrics together took."""
    fingerprint: str
    """Names what the scores depend on; the file says what stands behind it."""


@dataclass(kw_only=True, slots=True)
class ScoreTable:
    """All scores of a run."""

    rows: list[PictureScore] = field(default_factory=list)
    """By task, restorer and key."""
    fingerprints: dict[str, Any] = field(default_factory=dict)
    """Digest -> what it stands for: restorer, metrics, decoder, size rule."""

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, in order."""
        return list(dict.fromkeys(row.task for row in self.rows))

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics, in order of their first appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row.scores))

    def restorers(self, task: str) -> list[str]:
        """Return the names of the restorers on a task, in order."""
        return list(dict.fromkeys(row.restorer for row in self.rows if row.task == task))

    def of(self, task: str, restorer: str) -> list[PictureScore]:
        """Return the rows of one restorer on one task."""
        return [row for row in self.rows if (row.task, row.restorer) == (task, restorer)]


def categories(rows: Iterable[PictureScore]) -> list[str]:
    """Return `ALL`, then the categories of `rows` in the order of their names."""
    named = sorted({row.category for row in rows if row.category is not None})
    return [ALL, *(named if len(named) > 1 else [])]


def in_category(rows: Sequence[PictureScore], category: str) -> list[PictureScore]:
    """Return the rows of a category, or of `ALL`."""
    return [row for row in rows if category in (ALL, row.category)]


def write_scores(path: Path, table: ScoreTable) -> None:
    """Write a table, whole or not at all; each metric has a column of its name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain = [name for name in PictureScore.__dataclass_fields__ if name != "scores"]
    columns = {name: [getattr(row, name) for row in table.rows] for name in plain}
    columns |= {name: [row.scores.get(name) for row in table.rows] for name in table.metrics}
    types = {"width": pa.int32(), "height": pa.int32(), "seed": pa.int64()}
    types |= dict.fromkeys(["restore_seconds", "score_seconds", *table.metrics], pa.float64())
    said = {_FINGERPRINTS: json.dumps(table.fingerprints, sort_keys=True).encode()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in columns], metadata=said)
    partial = path.with_name(f".{path.name}.partial")
    pq.write_table(pa.table(columns, schema=schema), partial)
    partial.replace(path)


def read_scores(path: Path) -> ScoreTable:
    """Read a table that `write_scores` wrote.

    Raises:
        FormatError: it is no such file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain = [name for name in PictureScore.__dataclass_fields__ if name != "scores"]
    try:
        table = pq.read_table(path)
        said = (table.schema.metadata or {})[_FINGERPRINTS]
        metrics = [name for name in table.column_names if name not in plain]
        rows = [
            PictureScore(
                scores={name: row[name] for name in metrics if row[name] is not None},
                **{name: row[name] for name in plain},
            )
            for row in table.to_pylist()
        ]
        return ScoreTable(rows=rows, fingerprints=json.loads(said))
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise FormatError(
            f"{path} holds no scores of ggt eval: {error}.", hint="Give the folder of a run."
        ) from error

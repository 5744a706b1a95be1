"""What a model claims of itself, so that anybody can check it: scores of every picture, and all
that they depend on.

A claim is made from a run of ``ggt eval`` and travels in the model's repository as
``evaluation/claims.json``. The numbers of the card are its means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ggt_hf.errors import FormatError, UsageError
from ggt_hf.evaluation.run import RUN
from ggt_hf.evaluation.scores import FILE, PictureScore, read_scores
from ggt_hf.evaluation.statistics import interval
from ggt_hf.evaluation.task import SAMPLE
from ggt_hf.metrics import metric

CLAIMS_PATH = "evaluation/claims.json"
"""Where claims lie in a model's folder or repository."""

CLAIMS_VERSION = 1
"""Raised only when a reader of the old version would read the new one wrongly."""

DIGITS = 4
"""Digits after the point of a number in a card."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Scores of one task."""

    task: str
    """The task's name."""
    title: str
    """How tables call it."""
    data: str | None
    """``sample``, or a dataset on the Hub; ``None``: they were on somebody's own disk."""
    multiple: int
    """Pictures were cropped to multiples of this."""
    simulate: bool
    """Whether its pictures were degraded by the evaluation."""
    reference: bool | None
    """Whether the task needs a ground truth; ``None`` = as the folder had it."""
    dataset_id: str | None
    """The benchmark's dataset on the Hub; ``None`` = it has none."""
    fingerprint: Mapping[str, Any]
    """What the scores depend on: restorer, metrics, decoder, size rule."""
    means: Mapping[str, Mapping[str, float]]
    """Metric -> ``mean``, ``low``, ``high``, ``count``."""
    pictures: Mapping[str, Mapping[str, Any]]
    """Key -> ``scores``, ``seed`` and ``output_sha256``."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return tuple(self.means)


def claims_of(run: Path, restorer: str) -> list[Claim]:
    """Return what a run says of one restorer, a claim a task.

    Args:
        run: the run's folder.
        restorer: its name in the run.

    Raises:
        FormatError: it is no finished run.
        UsageError: the run has no such restorer, or pictures without scores.
    """
    try:
        said = json.loads((run / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(
            f"{run} holds no finished run of ggt eval: {error}.", hint="Run it to its end."
        ) from error
    if said["failures"]:
        raise UsageError(
            f"{said['failures']} pictures of {run} have no scores: such means claim too much.",
            hint="Run the same ggt eval again until every picture is scored.",
        )
    table = read_scores(run / FILE)
    claims = []
    for task in table.tasks:
        rows = table.of(task, restorer)
        # A judge's words are not claimed: who verifies need not have the judge.
        names = [name for row in rows[:1] for name in row.scores if not metric(name).judged]
        if names:
            stands_for = dict(table.fingerprints[rows[0].fingerprint])
            stands_for["metrics"] = {name: stands_for["metrics"][name] for name in names}
            claims.append(_claim(task, said["tasks"][task], rows, stands_for, names))
    if not claims:
        names = sorted({row.restorer for row in table.rows})
        raise UsageError(
            f"No restorer of {run} is called {restorer}.", hint=f"It has {', '.join(names)}."
        )
    return claims


def _claim(
    name: str,
    task: Mapping[str, Any],
    rows: Sequence[PictureScore],
    fingerprint: Mapping[str, Any],
    metrics: Sequence[str],
) -> Claim:
    means = {}
    for metric_name in metrics:
        found = interval([row.scores[metric_name] for row in rows])
        means[metric_name] = {name: float(value) for name, value in asdict(found).items()}
    return Claim(
        task=name,
        title=task["title"],
        data=_public(task.get("data")),
        multiple=task["multiple"],
        simulate=task["simulate"],
        reference=task.get("reference"),
        dataset_id=task.get("dataset_id"),
        fingerprint=fingerprint,
        means=means,
        pictures={
            row.key: {
                "scores": {name: row.scores[name] for name in metrics},
                "seed": row.seed,
                "output_sha256": row.output_sha256,
            }
            for row in rows
        },
    )


def _public(data: str | None) -> str | None:
    """Return where pictures are, if that means anything on another machine."""
    if data == SAMPLE:
        return data
    on_hub = data is not None and data.count("/") == 1 and not Path(data).exists()
    return data if on_hub and not str(data).startswith((".", "/", "~")) else None


def write_claims(folder: Path, claims: Sequence[Claim]) -> Path:
    """Write claims into a model's folder; return the file."""
    path = folder / CLAIMS_PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {"version": CLAIMS_VERSION, "claims": [asdict(claim) for claim in claims]}
    path.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_claims(folder: Path) -> list[Claim]:
    """Read the claims of a model.

    Raises:
        FormatError: there are none, or they cannot be read.
    """
    path = folder / CLAIMS_PATH
    if not path.is_file():
        raise FormatError(
            f"{folder} claims nothing that could be verified: it has no {CLAIMS_PATH}.",
            hint="Evaluate it with ggt eval, then run ggt card results.",
        )
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["version"] != CLAIMS_VERSION:
            raise ValueError(f"its version is {said['version']}")
        names = {item.name for item in fields(Claim)}
        return [
            Claim(**{name: value for name, value in claim.items() if name in names})
            for claim in said["claims"]
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FormatError(
            f"{path} cannot be read: {error}.", hint="Make it again with ggt card results."
        ) from error

"""Restorers on tasks: every picture restored and scored once, then summed up.

::

    OUT/run.json                           what was run; written last
    OUT/scores.parquet                     a row a picture
    OUT/summary.json  summary.md  summary.tex
    OUT/TASK/RESTORER/scores.jsonl         what the engines keep, so that a killed run goes on
    OUT/TASK/RESTORER/pictures/KEY.png     what was restored
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.data.streaming.order import salt
from ggt_hf.engines import Failure, StageReport, Unit, run_stage
from ggt_hf.errors import GgtError, UsageError
from ggt_hf.evaluation.cases import Case, list_cases
from ggt_hf.evaluation.judging import (
    judge_pictures,
    said_by,
    split_metrics,
    trusted_judge,
)
from ggt_hf.evaluation.restorers import INPUT, Restorer, refuse_same_names
from ggt_hf.evaluation.run import (
    BenchmarkReport,
    Settings,
    ShareDoneError,
    TaskFailure,
    write_run,
)
from ggt_hf.evaluation.scores import PictureScore, ScoreTable
from ggt_hf.evaluation.summary import summarise
from ggt_hf.evaluation.task import Task
from ggt_hf.evaluation.work import Order, evaluate, set_up
from ggt_hf.images import decoder
from ggt_hf.metrics import metric, metrics_named
from ggt_hf.metrics.scorer import Scorer
from ggt_hf.stages import read_rows

if TYPE_CHECKING:
    from ggt_hf.quality.calibration import Calibration
    from ggt_hf.quality.vlm_judge import Judge

_MAX_SEED = 2**31


def run_benchmark(
    restorers: Sequence[Restorer],
    tasks: Sequence[Task],
    out: Path,
    settings: Settings | None = None,
    *,
    against: str | Mapping[str, str] | None = None,
) -> BenchmarkReport:
    """Restore and score every picture of every task that is not done yet, and sum up.

    One task of a Slurm array does its share; the same call on one machine, when all have ended,
    finds it all done and sums up.

    Args:
        restorers: who restores; each with a name of its own.
        tasks: on what; each with a name of its own.
        out: the run's folder; a run that was killed goes on there.
        settings: metrics, seed, workers, ...
        against: the restorer that all others are compared with, or restorer -> other.

    Raises:
        UsageError: the arguments cannot be meant.
        ShareDoneError: this was one task of an array, and its share is done.
        GgtError: a restorer or a metric cannot be used.
    """
    chosen = settings or Settings()
    refuse_same_names(list(restorers))
    _refuse_same_tasks(tasks)
    pairs = _compared([restorer.name for restorer in restorers], against)
    identities = {restorer.name: dict(restorer.identity()) for restorer in restorers}
    cases = {task.name: _cases(task, chosen) for task in tasks}
    judge, calibration = _judge(chosen, out) if chosen.engine != "slurm" else (None, None)
    scores, reused = ScoreTable(), 0
    failures: list[TaskFailure] = []
    shares: list[StageReport] = []
    for task in tasks:
        measured = _measured(task, cases[task.name], chosen)
        for restorer in restorers:
            identity = identities[restorer.name]
            stands_for = _fingerprint(task, identity, measured.prints)
            order = _order(task, restorer, identity, measured.names, cases[task.name], out, chosen)
            report = _run(order, stands_for, out, chosen)
            if not report.merged:
                shares.append(report)
                continue
            if judge:
                stands_for["metrics"] |= {name: _said_by(judge) for name in measured.said}
            digest = _digest(stands_for)
            scores.fingerprints[digest] = stands_for
            rows = list(_rows(report, order, digest))
            if judge:
                said = judge_pictures(judge, order, rows, measured.said, out, quiet=chosen.quiet)
                rows = [replace(row, scores={**row.scores, **said[row.key]}) for row in rows]
            scores.rows.extend(rows)
            failures.extend(_failures(order, report.failures))
            reused += report.num_reused
    if shares:
        raise ShareDoneError(shares)
    if not scores.rows:
        raise UsageError(
            f"No picture could be scored; the first failure: {failures[0].error}",
            hint="Mend the cause, and run the same command again.",
        )
    made = BenchmarkReport(
        out=out,
        tasks={task.name: task for task in tasks},
        cases=cases,
        scores=scores,
        summary=summarise(scores, pairs, notes=said_by(chosen.judge)),
        failures=failures,
        num_reused=reused,
        calibration=calibration,
    )
    write_run(made, identities, chosen)
    return made


def _cases(task: Task, settings: Settings) -> dict[str, Case]:
    listed = list_cases(task, limit=settings.limit, seed=settings.seed)
    return {case.key: case for case in listed}


@dataclass(frozen=True, slots=True)
class _Measured:
    """What is measured of a task's pictures."""

    names: tuple[str, ...]
    prints: dict[str, Any]
    said: tuple[str, ...]


def _judge(settings: Settings, out: Path) -> tuple[Judge | None, Calibration | None]:
    if settings.judge is None:
        return None, None
    if not settings.keep_pictures:
        raise UsageError(
            "A judge looks at the restored pictures, and they are not to be kept.",
            hint="Leave out --no-pictures, or the judge.",
        )
    return trusted_judge(settings.judge, out)


def _said_by(judge: Judge) -> dict[str, Any]:
    return {"code": judge.name, "weights": {}, "size": "whole"}


def _measured(task: Task, cases: Mapping[str, Case], settings: Settings) -> _Measured:
    """Return the metrics that fit the task's pictures, and their fingerprints.

    They are loaded and tested here, before any picture is restored.
    """
    asked = metrics_named(settings.metrics or task.metrics)
    if settings.judge and not any(row.judged for row in asked):
        asked = (*asked, metric("vlm_r"))
    computed, said = split_metrics(asked, settings.judge)
    has_reference = any(case.gt is not None for case in cases.values())
    names = tuple(row.name for row in computed if has_reference or not row.needs_reference)
    if not names and not said:
        raise UsageError(
            f"The pictures of {task.name} have no ground truth, and every metric asked for "
            f"({', '.join(row.name for row in asked)}) compares with one.",
            hint="Ask for others, such as --metrics piqe.",
        )
    prints = Scorer(names, device=settings.device).fingerprint
    return _Measured(names, prints, tuple(row.name for row in said))


def _fingerprint(
    task: Task, identity: Mapping[str, Any], metrics: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "restorer": dict(identity),
        "metrics": dict(metrics),
        "decoder": decoder(),
        "size": f"cropped to multiples of {task.multiple}" if task.multiple > 1 else "whole",
        "input": "degraded here" if task.simulate else "as given",
    }


def _order(
    task: Task,
    restorer: Restorer,
    identity: Mapping[str, Any],
    metrics: tuple[str, ...],
    cases: Mapping[str, Case],
    out: Path,
    settings: Settings,
) -> Order:
    copies = identity.get("kind") == INPUT and not task.simulate  # of what lies there already
    keep = settings.keep_pictures and not copies
    return Order(
        task=task.name,
        multiple=task.multiple,
        simulate=task.simulate,
        cases=cases,
        restorer=restorer,
        identity=_digest(identity),
        metrics=metrics,
        device=settings.device,
        out=out if keep else None,
    )


def _run(order: Order, stands_for: Mapping[str, Any], out: Path, settings: Settings) -> StageReport:
    return run_stage(
        [_unit(case, order, settings) for case in order.cases.values()],
        evaluate,
        out / order.task / order.restorer.name / "scores.jsonl",
        setup=partial(set_up, order),
        fingerprint=_digest(stands_for),
        engine=settings.engine,
        num_workers=settings.num_workers,
        quiet=settings.quiet,
    )


def _unit(case: Case, order: Order, settings: Settings) -> Unit:
    given = [blob for blob in (case.lq, case.gt) if blob is not None]
    output = None
    with suppress(GgtError):  # said by the worker, of this picture alone
        output = order.restorer.output(order.task, case)
    marks = [[blob.name, blob.num_bytes, blob.mark] for blob in (*given, output) if blob]
    seed = case_seed(settings.seed, order.task, case.key)
    return Unit(key=case.key, payload={"given": marks, "seed": seed})


def case_seed(seed: int, task: str, key: str) -> int:
    """Return the seed of one picture, of its restorer and of what degrades it here."""
    return int(salt("seed", seed, task, key) % _MAX_SEED)


def _rows(report: StageReport, order: Order, digest: str) -> Iterator[PictureScore]:
    for _, row in read_rows(report.out):
        fields = {name: value for name, value in row.items() if name != "unit"}
        yield PictureScore(
            task=order.task, restorer=order.restorer.name, fingerprint=digest, **fields
        )


def _failures(order: Order, failures: Sequence[Failure]) -> Iterator[TaskFailure]:
    for failure in failures:
        yield TaskFailure(
            task=order.task, restorer=order.restorer.name, key=failure.key, error=failure.error
        )


def _digest(words: Mapping[str, Any]) -> str:
    text = json.dumps(words, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _compared(names: Sequence[str], against: str | Mapping[str, str] | None) -> dict[str, str]:
    """Return restorer -> the one that it is compared with."""
    if isinstance(against, str):
        pairs = {name: against for name in names if name != against} or {against: against}
    else:
        pairs = dict(against or {})
    for name in (*pairs, *pairs.values()):
        if name not in names:
            raise UsageError(
                f"No restorer of this run is called {name}.",
                hint=f"Its restorers are {', '.join(names)}.",
            )
    return {name: other for name, other in pairs.items() if name != other}


def _refuse_same_tasks(tasks: Sequence[Task]) -> None:
    names = [task.name for task in tasks]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"Two tasks are called {name}.", hint="Name them: NAME=WHERE.")

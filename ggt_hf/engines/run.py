"""The one door: run what is left of a stage, then write its manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ggt_hf.engines import local, ray_cluster, slurm
from ggt_hf.engines.ledger import Ledger, Publish
from ggt_hf.engines.stage import (
    ENGINES,
    Engine,
    Failure,
    Outcome,
    Recipe,
    Setup,
    Stage,
    StageReport,
    Unit,
    Work,
)
from ggt_hf.errors import IncompleteError, UsageError
from ggt_hf.progress import bar


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineOptions:
    """Where a stage runs, as its user said."""

    engine: Engine = "local"
    """Where the workers are."""
    num_workers: int | None = None
    """As for `run_stage`."""
    num_gpus: float = 0.0
    """As for `run_stage`."""
    merge: bool = False
    """Join what Slurm tasks have done, instead of working."""
    quiet: bool = False
    """Show no progress."""


def carry_out(
    units: Iterable[Unit],
    work: Work,
    out: str | Path,
    options: EngineOptions,
    *,
    setup: Setup | None = None,
    fingerprint: str = "",
    batch_size: int | None = None,
    publish: Publish | None = None,
) -> StageReport:
    """Run a stage or merge it, as `options` say; arguments and errors as of those two."""
    if options.merge:
        return merge_stage(units, out, fingerprint=fingerprint, publish=publish)
    return run_stage(
        units,
        work,
        out,
        setup=setup,
        fingerprint=fingerprint,
        engine=options.engine,
        num_workers=options.num_workers,
        num_gpus=options.num_gpus,
        batch_size=batch_size,
        publish=publish,
        quiet=options.quiet,
    )


def run_stage(
    units: Iterable[Unit],
    work: Work,
    out: str | Path,
    *,
    setup: Setup | None = None,
    fingerprint: str = "",
    engine: Engine = "local",
    num_workers: int | None = None,
    num_gpus: float = 0.0,
    batch_size: int | None = None,
    publish: Publish | None = None,
    quiet: bool = False,
) -> StageReport:
    """Work on each unit that has no result yet, and write the manifest of all results.

    A unit whose work raises is recorded with its error, and tried again by the next run; the
    others go on. Killed at any moment, the same call goes on from there.

    Args:
        units: what is to be done, in any order.
        work: ``work(unit)``, or ``work(state, unit)`` with a `setup`; returns a row of JSON
            values, and depends on nothing but its arguments. Picklable: a function of a module.
        out: the manifest, a file of one JSON object a line.
        setup: makes the ``state`` once a worker, such as a loaded model.
        fingerprint: names the work (version, model and revision, thresholds); when it changes,
            every unit is done again.
        engine: ``local``; ``slurm``: the share of the array task that this process is, without
            the manifest (see `merge_stage`); ``ray``: actors on the cluster of ``RAY_ADDRESS``,
            or on one started here.
        num_workers: processes or actors; ``None``: one a core, or one a CPU of the cluster.
        num_gpus: GPUs that each actor holds, on Ray only; may be a fraction.
        batch_size: units that `work` takes at once, as a list; ``None`` = one, and no list.
        publish: writes `out` in a format of its own, given key -> outcome; `units` are then only
            those that `out` lacks.
        quiet: show no progress.

    Raises:
        UsageError: the arguments cannot be meant, or another run is at work on `out`.
        StageError: workers cannot start.
        ModelError: the model is gone; likewise an `EditorError` and others that no unit caused.
        MissingExtraError: Ray is not installed.
        WriteError: the disk is full, or not writable.
    """
    if engine not in ENGINES:
        raise UsageError(f"There is no engine {engine!r}.", hint=f"Use {', '.join(ENGINES)}.")
    recipe = Recipe(work=work, setup=setup, fingerprint=fingerprint, batch_size=batch_size)
    stage, ledger = Stage.of(units, fingerprint), Ledger(Path(out), publish)
    task = slurm.task() if engine == "slurm" else None
    mine = stage.units if task is None else task.share(stage.units)
    with ledger.held(shared=task is not None):
        known = ledger.outcomes(stage)
        todo = [unit for unit in mine if "row" not in known.get(unit.key, {})]
        if todo:
            with bar("working", len(todo), quiet=quiet) as advance:
                if engine == "ray":
                    ray_cluster.work_off(
                        recipe, todo, ledger, num_workers, num_gpus=num_gpus, advance=advance
                    )
                else:
                    local.work_off(recipe, todo, ledger, num_workers, advance=advance)
            known = ledger.outcomes(stage)
        if task is None:
            ledger.publish(stage, known)
        else:
            ledger.mark(task.name, stage)
    return _report(Path(out), mine, known, num_todo=len(todo), merged=task is None)


def merge_stage(
    units: Iterable[Unit],
    out: str | Path,
    *,
    fingerprint: str = "",
    publish: Publish | None = None,
) -> StageReport:
    """Write the manifest of a stage whose Slurm tasks have ended; the same bytes as any engine's.

    Args:
        units: the same as the tasks had.
        out: the same as the tasks had.
        fingerprint: the same as the tasks had.
        publish: the same as the tasks had.

    Raises:
        IncompleteError: units are left that no task has worked on.
        UsageError: a task is still at work.
    """
    stage, ledger = Stage.of(units, fingerprint), Ledger(Path(out), publish)
    with ledger.held():
        known = ledger.outcomes(stage)
        if missing := [unit.key for unit in stage.units if unit.key not in known]:
            raise IncompleteError(
                f"{len(missing):,} of {len(stage.units):,} units of {out} were not worked on, for "
                f"example {missing[0]!r}; {slurm.tell_finished(ledger.marked(stage))}.",
                hint="Submit the whole array again: what is done is not done twice. Then merge.",
            )
        ledger.publish(stage, known)
    return _report(Path(out), stage.units, known, num_todo=0, merged=True)


def _report(
    out: Path, units: Sequence[Unit], known: Mapping[str, Outcome], *, num_todo: int, merged: bool
) -> StageReport:
    failures = tuple(
        Failure(key=unit.key, error=known[unit.key]["error"])
        for unit in units
        if "error" in known[unit.key]
    )
    return StageReport(
        out=out,
        num_units=len(units),
        num_reused=len(units) - num_todo,
        failures=failures,
        merged=merged,
    )

"""Rank editors: make what is not made, score it, ask the judge, count the votes.

::

    OUT/inputs  prompts  made  ledger     see `making`
    OUT/fidelity/  OUT/perceptual/        runs of ggt eval, each with its page
    OUT/votes/RATER.jsonl                 what people preferred (ggt review OUT --pairwise)
    OUT/contestants.json                  whose pictures are compared there
    OUT/ranking.json  ranking.parquet  ranking.md  ranking.tex  ranking.html  figures/

Every part goes on where it was stopped; new editors, raters or metrics cost only what is new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ggt_hf.errors import UsageError
from ggt_hf.evaluation.benchmark import run_benchmark
from ggt_hf.evaluation.cases import list_cases
from ggt_hf.evaluation.judging import JudgeChoice, said_by
from ggt_hf.evaluation.ranking.axes import (
    AXES,
    FIDELITY,
    PERCEPTUAL,
    VLM_R,
    Standing,
    measures_of,
    stand,
)
from ggt_hf.evaluation.ranking.contestants import Contestant, Made
from ggt_hf.evaluation.ranking.making import (
    Inputs,
    Spending,
    adaptive_prompts,
    instructions_of,
    made_by,
    make_pictures,
    write_inputs,
)
from ggt_hf.evaluation.ranking.study import write_study
from ggt_hf.evaluation.ranking.votes import Poll, read_poll
from ggt_hf.evaluation.restorers import Input, Restorer
from ggt_hf.evaluation.run import BenchmarkReport, Settings
from ggt_hf.evaluation.summary import ENOUGH
from ggt_hf.evaluation.task import Task
from ggt_hf.metrics import metrics_named
from ggt_hf.synthesis.prompters import PrompterChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class RankOptions:
    """How contestants are ranked."""

    fidelity: Task
    """Pairs, or clean pictures that are degraded here: how much of the truth comes back."""
    perceptual: Task
    """Real low-quality pictures; also what judge and raters look at."""
    metrics: tuple[str, ...]
    """Metrics of the first two axes; whether one needs a reference says of which."""
    judge: JudgeChoice | None = None
    """Who says VLM-R; ``None`` = that axis is missing."""
    observer: PrompterChoice = field(default_factory=PrompterChoice)
    """Who looks at the pictures for adaptive prompts."""
    spending: Spending = field(default_factory=Spending)
    """Of paid editors."""
    settings: Settings = field(default_factory=Settings)
    """Limit, seed, workers, device, quiet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """What a ranking found."""

    out: Path
    """Its folder."""
    standings: tuple[Standing, ...]
    """The best first."""
    poll: Poll
    """Raters and their votes."""
    reports: Mapping[str, BenchmarkReport]
    """Axis -> the run behind it."""
    notes: tuple[str, ...]
    """What must be said beside the numbers, a sentence each."""


def rank(contestants: Sequence[Contestant], out: Path, options: RankOptions) -> Ranking:
    """Make, score and rank; everything done before is found again.

    Raises:
        UsageError: the arguments cannot be meant.
        BudgetError: the cap is reached; what was made stays, and the same call goes on.
        GgtError: an editor, a metric or the judge cannot be used.
    """
    if len(contestants) < 2:
        raise UsageError("One contestant is first and last.", hint="Name another, or two prompts.")
    fidelity, perceptual = _metrics(options)
    all_inputs = prepare(out, options)
    made, missing = _made(contestants, all_inputs, out, options)
    reports: dict[str, BenchmarkReport] = {}
    runs = (
        (FIDELITY, options.fidelity, fidelity, None),
        (PERCEPTUAL, options.perceptual, perceptual, options.judge),
    )
    for axis, task, metrics, judge in runs:
        if metrics or judge:
            settings = replace(options.settings, metrics=metrics or ("vlm_r",), judge=judge)
            everyone: list[Restorer] = [Input(), *made]
            reports[axis] = run_benchmark(everyone, [task], out / axis, settings)
    compared = next(one for one in all_inputs if one.task.name == options.perceptual.name)
    study = write_study(out, made, compared)
    poll = read_poll(out, study)
    names = [one.name for one in contestants]
    axes = dict.fromkeys(fidelity, FIDELITY) | dict.fromkeys(perceptual, PERCEPTUAL)
    measures = [
        measure
        for report in reports.values()
        for measure in measures_of(report.scores, names, {**axes, "vlm_r": VLM_R})
    ]
    if not measures and not poll.votes:
        raise UsageError(
            "Nothing was measured: there is no metric, no judge and no vote.",
            hint="Give --metrics psnr_y or --judge rules, or vote: ggt review OUT --pairwise",
        )
    standings = [
        replace(row, num_missing=missing[row.contestant])
        for row in stand(names, measures, [rater.votes for rater in poll.raters], study.twins)
    ]
    return Ranking(
        out=out,
        standings=tuple(standings),
        poll=poll,
        reports=reports,
        notes=tuple(_notes(options, reports, poll, standings)),
    )


def prepare(out: Path, options: RankOptions) -> list[Inputs]:
    """Write the low-quality pictures of both tasks; a task that serves both is written once.

    Raises:
        UsageError: two different tasks have one name.
        GgtError: pictures cannot be listed or read.
    """
    settings = options.settings
    return [
        write_inputs(task, out, limit=settings.limit, seed=settings.seed)
        for task in _tasks(options)
    ]


def wanted_pictures(options: RankOptions) -> dict[str, list[str]]:
    """Return the keys of each task's pictures; nothing is written.

    Raises:
        UsageError: two different tasks have one name.
        GgtError: pictures cannot be listed.
    """
    settings = options.settings
    return {
        task.name: [case.key for case in list_cases(task, limit=settings.limit, seed=settings.seed)]
        for task in _tasks(options)
    }


def _tasks(options: RankOptions) -> Collection[Task]:
    if options.fidelity.name == options.perceptual.name and options.fidelity != options.perceptual:
        raise UsageError(
            f"Two different tasks are called {options.fidelity.name}.",
            hint="Name them: --fidelity NAME=WHERE.",
        )
    return {task.name: task for task in (options.fidelity, options.perceptual)}.values()


def _metrics(options: RankOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    asked = [row for row in metrics_named(options.metrics) if not row.judged]
    with_reference = tuple(row.name for row in asked if row.needs_reference)
    return with_reference, tuple(row.name for row in asked if not row.needs_reference)


def _made(
    contestants: Sequence[Contestant], all_inputs: Sequence[Inputs], out: Path, options: RankOptions
) -> tuple[list[Made], dict[str, int]]:
    quiet, seed = options.settings.quiet, options.settings.seed
    prompts = {
        inputs.task.name: adaptive_prompts(inputs, options.observer, out, quiet=quiet)
        for inputs in all_inputs
        if any(one.prompts == "adaptive" for one in contestants)
    }
    made, missing = [], {}
    for one in contestants:
        for inputs in all_inputs:
            told = instructions_of(one, prompts.get(inputs.task.name))
            make_pictures(one, inputs, told, out, options.spending, seed=seed, quiet=quiet)
        found, missing[one.name] = made_by(one, all_inputs, out)
        made.append(found)
    return made, missing


def _notes(
    options: RankOptions,
    reports: Mapping[str, BenchmarkReport],
    poll: Poll,
    standings: Sequence[Standing],
) -> Iterator[str]:
    measured = {axis for row in standings for axis in row.axes}
    missing = [axis for axis in AXES if axis not in measured]
    if missing:
        yield f"Not measured, and not in the average: {', '.join(missing)}."
    if PERCEPTUAL in missing:
        yield "The perceptual axis needs a metric without reference (--metrics psnr_y,piqe)."
    yield from said_by(options.judge)
    yield from _notes_on(poll)
    for row in standings:
        if row.num_missing:
            yield (
                f"Pictures of which {row.contestant} made nothing, so that the input counts: "
                f"{row.num_missing}."
            )
        if row.twin_of:
            yield (
                f"Of what is voted on, {row.contestant} made the same pictures as {row.twin_of}, "
                "whose votes it has."
            )
    fewest = min(
        (len(report.cases[t]) for report in reports.values() for t in report.tasks), default=0
    )
    if reports and fewest < ENOUGH:
        yield f"Some scores stand on too few pictures ({fewest}): their intervals are too narrow."
    failed = sum(len(report.failures) for report in reports.values())
    if failed:
        yield f"Pictures that could not be scored, and that the means leave out: {failed}."


def _notes_on(poll: Poll) -> Iterator[str]:
    if poll.votes:
        counting = sum(rater.counts for rater in poll.raters)
        yield (
            f"{len(poll.votes)} votes of {counting} raters; {len(poll.raters) - counting} raters "
            "are left out, for missed attention checks or too few."
        )
        if counting == 1:
            yield "All votes are one rater's: their intervals say nothing of other people."
    if poll.num_stale:
        yield f"Votes on pictures that are not ranked any more, and do not count: {poll.num_stale}."

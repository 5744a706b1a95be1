"""``ggt qc``: measure, judge and sum up reviews of candidates, each decision with its reason."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ggt_hf.cli.engine import (
    Engine,
    EngineFlags,
    Merge,
    NumTasks,
    SbatchOption,
    WorkerGpus,
    WriteSbatch,
    tell_task,
)
from ggt_hf.cli.options import Json, NumWorkers, Quiet, Revision
from ggt_hf.cli.output import Output, plain

if TYPE_CHECKING:
    from ggt_hf.quality.candidate_folder import CandidateFolder
    from ggt_hf.quality.choosing import ExaminerChoice
    from ggt_hf.quality.control import ControlReport

_NUM_SHOWN = 10
"""Failures told of one by one."""

Candidates = Annotated[
    Path, typer.Argument(metavar="CANDIDATES", help="candidates.jsonl, or the folder it is in.")
]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder that gets verdicts.jsonl.")]
Stages = Annotated[str, typer.Option(help="Which to run, of metrics, vlm and review.")]
ThresholdsFile = Annotated[
    Path | None, typer.Option("--thresholds", help="YAML of limits; default: ours.")
]
NoText = Annotated[
    bool, typer.Option("--no-text", help="Do not read text; that takes longest by far.")
]
JudgeName = Annotated[
    str,
    typer.Option("--judge", help="rules, a Hub id, a folder, or an endpoint's name."),
]
Endpoint = Annotated[
    str | None,
    typer.Option(help="Base URL of an OpenAI-compatible server; its key is in OPENAI_API_KEY."),
]
Everything = Annotated[
    bool, typer.Option("--everything", help="Later stages also see what an earlier one refused.")
]
Triples = Annotated[
    Path | None, typer.Option(help="Write (input, better, worse) of accepts and rejects here.")
]


def qc(  # noqa: PLR0913 - one parameter a flag
    candidates: Candidates,
    out: Out,
    stages: Stages = "metrics,vlm",
    thresholds: ThresholdsFile = None,
    no_text: NoText = False,
    judge: JudgeName = "rules",
    endpoint: Endpoint = None,
    revision: Revision = None,
    everything: Everything = False,
    triples: Triples = None,
    num_workers: NumWorkers = None,
    engine: Engine = "local",
    worker_gpus: WorkerGpus = 0.0,
    write_sbatch: WriteSbatch = None,
    num_tasks: NumTasks = 16,
    sbatch: SbatchOption = None,
    merge: Merge = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Decide which candidates become pairs, each with its reasons.

    The judge is first tried on planted faults; what it did not see there is
    said with each of its decisions, and one that sees nothing decides nothing.
    The same command goes on where it was stopped, and judges again only what
    changed. Exits with 1 when a candidate could not be looked at.

    Examples:

      ggt qc candidates/ verdicts/

      ggt qc candidates/ verdicts/ --judge Qwen/Qwen3-VL-8B-Instruct

      ggt qc candidates/ verdicts/ --stages metrics,vlm,review --triples triples.jsonl
    """
    from ggt_hf.quality.candidate_folder import CandidateFolder
    from ggt_hf.quality.choosing import ExaminerChoice
    from ggt_hf.quality.opening import read_stages
    from ggt_hf.quality.thresholds import default_thresholds, read_thresholds

    output = Output(as_json=as_json, quiet=quiet)
    flags = EngineFlags(
        engine=engine,
        num_workers=num_workers,
        worker_gpus=worker_gpus,
        write_sbatch=write_sbatch,
        num_tasks=num_tasks,
        sbatch=sbatch or (),
        merge=merge,
    )
    choice = ExaminerChoice(
        stages=tuple(read_stages(stages)),
        candidates=candidates.absolute(),
        out=out.absolute(),
        thresholds=read_thresholds(thresholds) if thresholds else default_thresholds(),
        read_text=not no_text,
        judge=judge,
        revision=revision,
        endpoint=endpoint,
    )
    folder = CandidateFolder(candidates)
    if flags.batch_written("ggt-qc", output):
        return
    if engine == "local":
        report = _here(folder, out, choice, flags, output, everything=everything)
    else:
        found = _spread(folder, out, choice, flags, output, everything=everything)
        if found is None:
            return
        report = found
    _finish(report, folder, triples, output)


def _here(
    folder: CandidateFolder,
    out: Path,
    choice: ExaminerChoice,
    flags: EngineFlags,
    output: Output,
    *,
    everything: bool,
) -> ControlReport:
    """Measure in processes, and judge by a model in this one: it is loaded once."""
    from ggt_hf.progress import bar
    from ggt_hf.quality.control import control

    examiners = choice.open(output.remark)
    with bar("Quality control", len(folder.candidates), quiet=output.quiet) as advance:
        return control(
            folder,
            out,
            examiners,
            everything=everything,
            num_workers=flags.num_workers or os.cpu_count() or 1,
            advance=advance,
        )


def _spread(
    folder: CandidateFolder,
    out: Path,
    choice: ExaminerChoice,
    flags: EngineFlags,
    output: Output,
    *,
    everything: bool,
) -> ControlReport | None:
    """Let many workers do it; ``None`` where this was one task of an array."""
    from ggt_hf.quality.spread import control_spread

    found = control_spread(
        folder,
        out,
        choice.open,
        flags.options(1 if choice.has_model else None, quiet=output.quiet),
        fingerprint=choice.fingerprint,
        everything=everything,
    )
    if found.report is None:
        tell_task(found.stage, output)
    return found.report


def _finish(
    report: ControlReport, folder: CandidateFolder, triples: Path | None, output: Output
) -> None:
    from ggt_hf.stages import PAIRS

    counts = report.counts()
    fields: dict[str, Any] = {"verdicts": str(report.path), **counts}
    fields |= {"checks_made": report.num_made, "checks_kept": report.num_kept}
    pairs = report.path.with_name(PAIRS)
    if counts["accepted"]:
        from ggt_hf.synthesis.pairs import write_pairs

        fields["pairs"] = str(pairs)
        write_pairs(folder.path, report.path, pairs)
    else:
        pairs.unlink(missing_ok=True)  # what an earlier run accepted is accepted no longer
    if triples:
        from ggt_hf.synthesis.pairs import write_preferences

        fields["triples"] = write_preferences(folder.path, report.path, triples)
    output.result(fields, _text(report, fields))
    for error in list(report.failures.values())[:_NUM_SHOWN]:
        output.remark(f"error: {error.message}\n  next: {error.hint}")
    if len(report.failures) > _NUM_SHOWN:
        output.remark(f"... and {len(report.failures) - _NUM_SHOWN:,} more that failed")
    output.remark(_next(report, folder, counts))
    if report.failures:
        raise typer.Exit(1)


def _text(report: ControlReport, fields: dict[str, Any]) -> str:
    lines = []
    for stage, found in fields["stages"].items():
        said = [f"{found.get(word, 0):,} {word}" for word in ("passed", "refused", "cannot say")]
        lines.append(f"{stage:8}  {found['seen']:,} seen: {', '.join(said)}")
        lines += [f"{'':10}{count:>6,}  {plain(why)}" for why, count in found["reasons"].items()]
    if "triples" in fields:
        lines.append(f"{fields['triples']:,} triples of accepts and rejects")
    words = ("accepted", "rejected", "undecided", "failed")
    total = ", ".join(f"{fields[word]:,} {word}" for word in words)
    return "\n".join([*lines, f"{report.path}: {fields['candidates']:,} candidates: {total}"])


def _next(report: ControlReport, folder: CandidateFolder, counts: dict[str, Any]) -> str:
    from ggt_hf.stages import PAIRS

    if report.failures:
        return "next: mend what is named above, and run the same command again"
    if counts["undecided"] or not counts["accepted"]:
        return f"next: ggt review {folder.path} --verdicts {report.path}"
    return f"next: ggt build {report.path.with_name(PAIRS)} DATASET"

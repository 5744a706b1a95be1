"""The sample's really degraded photographs: prompted, edited, controlled, built into pairs.

The editor is a chain of classical filters and removes no rain, so that little is accepted: enough
to show the way. The third stage, people, is `ggt review`; other editors: `ggt synth --editor`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.demo.report import DemoReport, Steps, Target, Trial
from ggt_hf.errors import MissingExtraError
from ggt_hf.images import inspect
from ggt_hf.records import Source

if TYPE_CHECKING:
    from ggt_hf.quality.candidate_folder import CandidateFolder
    from ggt_hf.quality.control import ControlReport

PROMPTS = "prompts.jsonl"
GENERATED = "generated"
"""Folder of the dataset that the accepted targets make."""


def run_targets(report: DemoReport, steps: Steps) -> None:
    """Make a target of each really degraded photograph, judge it, and build what was accepted.

    Where OpenCV is not installed, this is left out, and the report says so.
    """
    try:
        import cv2  # noqa: F401
    except ModuleNotFoundError:
        missing = MissingExtraError.of("opencv-python-headless", "qc", "Making targets")
        report.left_out = str(missing)
        with steps.step("targets") as say:
            say(f"left out: {missing}")
        return
    sources = _sources()
    with steps.step("prompt") as say:
        say(_prompt(report, [Path(source.path) for source in sources]))
    with steps.step("synth") as say:
        say(_synthesise(report, sources))
    with steps.step("qc") as say:
        say(_control(report, sources))
    with steps.step("collect") as say:
        say(_build(report))


def _sources() -> list[Source]:
    from ggt_hf import sample

    found = []
    for photograph in sample.real_photographs():
        info = inspect(photograph.path.read_bytes(), photograph.key)
        found.append(
            Source(
                key=photograph.key,
                path=str(photograph.path),
                degradation=photograph.degradation,
                width=info.width,
                height=info.height,
                origin="captured",
                license=photograph.license,
                credit=photograph.credit,
                source=photograph.source,
            )
        )
    return found


def _prompt(report: DemoReport, pictures: list[Path]) -> str:
    from ggt_hf.engines import EngineOptions
    from ggt_hf.synthesis.prompt_file import write_prompts
    from ggt_hf.synthesis.prompters import PrompterChoice
    from ggt_hf.vlm import offline_model

    choice, out = PrompterChoice(model=offline_model()), report.out / PROMPTS
    out.unlink(missing_ok=True)
    made = write_prompts(pictures, choice.open, out, EngineOptions(num_workers=1, quiet=True))
    return f"{made.num_units - len(made.failures)} photographs observed by {choice.model}"


def _synthesise(report: DemoReport, sources: list[Source]) -> str:
    from ggt_hf.synthesis.editors.opening import open_editor
    from ggt_hf.synthesis.instructions import read_instructions
    from ggt_hf.synthesis.report import SynthOptions
    from ggt_hf.synthesis.synthesize import Synthesis

    made = Synthesis(
        sources,
        read_instructions(str(report.out / PROMPTS)),
        open_editor("classical"),
        report.candidates,
        SynthOptions(quiet=True),
    ).run()
    return f"{made.num_made + made.num_reused} targets by classical filters, at no cost"


def _control(report: DemoReport, sources: list[Source]) -> str:
    from ggt_hf.quality.candidate_folder import CandidateFolder
    from ggt_hf.quality.choosing import ExaminerChoice
    from ggt_hf.quality.control import control
    from ggt_hf.quality.examiners import JudgeExaminer
    from ggt_hf.quality.thresholds import default_thresholds

    folder = CandidateFolder(report.candidates)
    examiners = ExaminerChoice(
        stages=("metrics", "vlm"),
        candidates=report.candidates,
        out=report.candidates,
        thresholds=default_thresholds(),
    ).open()
    report.trials = [
        Trial(fault=kind.kind, right=kind.right, total=kind.total, seen=kind.seen)
        for examiner in examiners
        if isinstance(examiner, JudgeExaminer)
        for kind in examiner.calibration.kinds
    ]
    judged = control(folder, report.candidates, examiners)
    report.targets = _targets(report, sources, folder, judged)
    outcomes = Counter(target.verdict.outcome for target in report.targets)
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    return f"{said}: measured, then judged"


def _targets(
    report: DemoReport, sources: list[Source], folder: CandidateFolder, judged: ControlReport
) -> list[Target]:
    """Return what was made, accepted ones first."""
    from ggt_hf.synthesis.prompt_file import read_prompts

    prompts = read_prompts(report.out / PROMPTS)
    paths = {source.key: source.path for source in sources}
    verdicts = {verdict.key: verdict for verdict in judged.verdicts}
    targets = [
        Target(
            prompt=prompts[paths[candidate.source_key]],
            candidate=candidate,
            verdict=verdicts[candidate.key],
        )
        for candidate in folder.candidates
        if candidate.key in verdicts
    ]
    order = ("accepted", "undecided", "rejected")
    return sorted(targets, key=lambda target: order.index(target.verdict.outcome))


def _build(report: DemoReport) -> str:
    from ggt_hf.data.building.build import build_dataset
    from ggt_hf.stages import CANDIDATES, PAIRS, VERDICTS
    from ggt_hf.synthesis.pairs import write_pairs

    if not any(target.verdict.accepted for target in report.targets):
        return "nothing was accepted, so there is nothing to build"
    pairs = report.candidates / PAIRS
    write_pairs(report.candidates / CANDIDATES, report.candidates / VERDICTS, pairs)
    report.generated = report.out / GENERATED
    info = build_dataset(pairs, report.generated, overwrite=True, quiet=True)
    report.num_generated = info.num_pairs
    return f"{info.num_pairs} accepted pairs into {report.generated}"

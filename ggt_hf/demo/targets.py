"""The sample's really degraded photographs: prompted, edited, controlled, built into pairs.

The editor is a chain of classical filters, and quality control measures only: enough to show
the way. Judge and reviewer are `ggt qc` and `ggt review`; other editors: `ggt synth --editor`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ggt_hf.demo.report import DemoReport, Steps, Target
from ggt_hf.errors import MissingExtraError
from ggt_hf.images import inspect
from ggt_hf.records import Source

PROMPTS = "prompts.jsonl"
PAIRS = "pairs.jsonl"
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
        say(_control(report))
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
    from ggt_hf.synthesis.prompt_file import write_prompts
    from ggt_hf.synthesis.prompting import AdaptivePrompter
    from ggt_hf.vlm import load, offline_model

    observer = offline_model()
    prompter = AdaptivePrompter(load(observer))
    out = report.out / PROMPTS
    out.unlink(missing_ok=True)
    rows = list(write_prompts(pictures, prompter.prompts, out=out))
    return f"{sum(row.prompt is not None for row in rows)} prompts by {observer}"


def _synthesise(report: DemoReport, sources: list[Source]) -> str:
    from ggt_hf.synthesis.editors.opening import open_editor
    from ggt_hf.synthesis.instructions import read_instructions
    from ggt_hf.synthesis.synthesize import Synthesis, SynthOptions

    made = Synthesis(
        sources,
        read_instructions(str(report.out / PROMPTS)),
        open_editor("classical"),
        report.candidates,
        SynthOptions(quiet=True),
    ).run()
    return f"{made.num_made + made.num_reused} targets by classical filters, at no cost"


def _control(report: DemoReport) -> str:
    from ggt_hf.quality.candidate_folder import CandidateFolder
    from ggt_hf.quality.control import control
    from ggt_hf.quality.examiners import MetricExaminer
    from ggt_hf.quality.thresholds import default_thresholds

    folder = CandidateFolder(report.candidates)
    examiner = MetricExaminer(thresholds=default_thresholds())
    judged = control(folder, report.candidates, [examiner])
    verdicts = {verdict.key: verdict for verdict in judged.verdicts}
    report.targets = [
        Target(candidate=candidate, verdict=verdicts[candidate.key])
        for candidate in folder.candidates
        if candidate.key in verdicts
    ]
    outcomes = Counter(target.verdict.outcome for target in report.targets)
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    return f"{said} by measurement alone"


def _build(report: DemoReport) -> str:
    from ggt_hf.data.building.build import build_dataset
    from ggt_hf.stages import CANDIDATES, VERDICTS
    from ggt_hf.synthesis.pairs import write_pairs

    if not any(target.verdict.accepted for target in report.targets):
        return "nothing was accepted, so there is nothing to build"
    pairs = report.candidates / PAIRS
    write_pairs(report.candidates / CANDIDATES, report.candidates / VERDICTS, pairs)
    report.generated = report.out / GENERATED
    info = build_dataset(pairs, report.generated, overwrite=True, quiet=True)
    return f"{info.num_pairs} accepted pairs into {report.generated}"

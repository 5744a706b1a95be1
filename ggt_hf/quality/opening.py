"""Choosing who examines: by the words of the command line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.errors import FormatError, UsageError
from ggt_hf.quality.calibration import NUM_SCENES, Calibration, calibrate, planted_cases
from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.decisions import read_reviews
from ggt_hf.quality.examiners import Examiner, JudgeExaminer, MetricExaminer, ReviewExaminer
from ggt_hf.quality.thresholds import Thresholds, default_thresholds
from ggt_hf.records import STAGES, Stage

if TYPE_CHECKING:
    from ggt_hf.quality.vlm_judge import Judge

RULES, EMBEDDED = "rules", "embedded"
"""Judges that come with the package; both observe, and measure what changed."""

CALIBRATIONS = "calibrations"
"""Folder, beside the verdicts, of what judges were shown to see."""


def read_stages(words: str) -> list[Stage]:
    """Read ``metrics,vlm,review`` or a part of it, in any order.

    Raises:
        UsageError: a word that is no stage, or none at all.
    """
    asked = [word.strip() for word in words.split(",") if word.strip()]
    unknown = [word for word in asked if word not in STAGES]
    if unknown or not asked:
        raise UsageError(
            f"There is no stage {', '.join(map(repr, unknown)) or 'in an empty list'}.",
            hint=f"Choose from {', '.join(STAGES)}, with commas between.",
        )
    return [stage for stage in STAGES if stage in asked]


def open_judge(
    name: str,
    *,
    revision: str | None = None,
    endpoint: str | None = None,
    cache: Path | None,
    max_gap: float | None = None,
) -> Judge:
    """Return the judge of that name.

    Args:
        name: ``rules``, ``embedded``, a Hub id, a folder, or an endpoint's name of a model.
        revision: commit, tag or branch of a Hub id.
        endpoint: base URL of an OpenAI-compatible server.
        cache: folder of answers; ``None`` keeps none.
        max_gap: see `JudgeLimits`; ``None`` = ours.

    Raises:
        ModelError: the model cannot be loaded.
        MissingExtraError: what it needs is not installed.
    """
    from ggt_hf.quality.rule_judge import ObservingJudge
    from ggt_hf.quality.vlm_judge import VLMJudge
    from ggt_hf.vlm import load

    vlm = load(name, revision=revision, endpoint=endpoint, cache=cache)
    if name in (RULES, EMBEDDED) and not endpoint:
        return ObservingJudge(vlm)
    gap = default_thresholds().judge.max_gap if max_gap is None else max_gap
    return VLMJudge(vlm, max_gap=gap)


def open_examiners(
    stages: Sequence[Stage],
    folder: CandidateFolder,
    *,
    thresholds: Thresholds | None = None,
    read_text: bool = True,
    judge: Callable[[], Judge],
    in_processes: bool = False,
    calibrations: Path,
    num_scenes: int = NUM_SCENES,
    tell: Callable[[str], None] = lambda line: None,
) -> list[Examiner]:
    """Return the examiners of these stages.

    Args:
        stages: in the order of `STAGES`.
        folder: the candidates, beside which reviewers' decisions lie.
        thresholds: limits of stages 1 and 2; ``None`` = ours.
        read_text: whether stage 1 compares text, by far the slowest of what it does.
        judge: makes the judge of stage 2; called only where that is asked for.
        in_processes: whether that judge may work in many processes.
        calibrations: folder that keeps what judges were shown to see.
        num_scenes: photographs that each fault is planted into.
        tell: called with a line about what takes long.

    Raises:
        ModelError: the judge cannot be used.
    """
    found: list[Examiner] = []
    limits = thresholds or default_thresholds()
    if "metrics" in stages:
        found.append(MetricExaminer(thresholds=limits, read_text=read_text))
    if "vlm" in stages:
        chosen = judge()
        known = kept_calibration(chosen, calibrations, num_scenes, tell)
        found.append(
            JudgeExaminer(
                judge=chosen, calibration=known, limits=limits.judge, in_processes=in_processes
            )
        )
    if "review" in stages:
        found.append(ReviewExaminer(reviews=read_reviews(folder.root, folder.candidates)))
    return found


def kept_calibration(
    judge: Judge, folder: Path, num_scenes: int, tell: Callable[[str], None]
) -> Calibration:
    """Return what a judge was shown to see: as kept in `folder`, else tried now, and kept."""
    name = hashlib.sha256(f"{judge.name} {num_scenes}".encode()).hexdigest()[:16]
    path = folder / f"{name}.json"
    if path.exists():
        try:
            return Calibration.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise FormatError(f"{path} is no JSON.", hint="Delete it; it is made again.") from error
    tell(f"trying the judge {judge.name} on planted faults:")
    made = calibrate(judge, planted_cases(num_scenes))
    for ranking in made.kinds:
        tell(f"  {ranking}")
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(made.to_dict(), indent=2), encoding="utf-8")
    partial.replace(path)
    return made

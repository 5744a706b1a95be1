"""VLM-R: a judge looks at each restored picture beside its input, after all are restored.

It says how much of the degradation is gone (removal, D) and how faithful the content stays
(fidelity, F), each from 0 to 100; VLM-R is sqrt(D * F), and that of a restorer the mean over its
pictures. This is a definition of ours, in the spirit of the DF-Score of HarnessIR; how the paper
of GGT-100K defines VLM-R is not known. Each picture is asked about in both orders; where the judge
contradicts itself, it cannot say, and the picture has no score.

``OUT/TASK/RESTORER/judged.jsonl`` keeps what was said: nothing is asked twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import ModelError, UsageError
from ggt_hf.evaluation.scores import PictureScore
from ggt_hf.evaluation.work import Order, low_quality, read_picture
from ggt_hf.images import encode_png
from ggt_hf.metrics import Metric
from ggt_hf.progress import bar
from ggt_hf.quality.opening import (
    CALIBRATIONS,
    EMBEDDED,
    RULES,
    kept_calibration,
    open_judge,
)
from ggt_hf.stages import LineLog, read_rows, rewrite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ggt_hf.quality.calibration import Calibration
    from ggt_hf.quality.vlm_judge import Encoded, Judge, Judgement

JUDGED = "judged.jsonl"
"""What a judge said of a restorer's pictures; beside their scores."""

_BATCH = 8
_NUM_SCENES = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeChoice:
    """Who judges, as the user names it."""

    name: str
    """``rules``, ``embedded``, a Hub id, a folder, or an endpoint's name of a model."""
    revision: str | None = None
    """Commit, tag or branch of a Hub id."""
    endpoint: str | None = None
    """Base URL of an OpenAI-compatible server."""

    @property
    def observes(self) -> bool:
        """Whether it is the stand-in that measures, and only observes: no model is asked."""
        return self.name in (RULES, EMBEDDED) and self.endpoint is None

    def open(self) -> Judge:
        """Load the judge; its answers are kept, and found again.

        Raises:
            ModelError: it cannot be loaded.
            MissingExtraError: what it needs is not installed.
        """
        from ggt_hf.vlm.cache import default_folder

        return open_judge(
            self.name, revision=self.revision, endpoint=self.endpoint, cache=default_folder()
        )


def judge_choice(name: str | None, endpoint: str | None) -> JudgeChoice | None:
    """Return who judges, by the words of a command line; ``NAME@REVISION`` for a Hub id.

    Raises:
        UsageError: an endpoint without the name of a model, or an empty name.
    """
    if name is None:
        if endpoint:
            raise UsageError("An endpoint serves several models.", hint="Say which: --judge NAME.")
        return None
    if not name.strip():
        raise UsageError("The judge has an empty name.", hint="Give --judge rules, or leave it.")
    model, _, revision = name.partition("@")
    if not revision or endpoint or Path(name).exists():
        return JudgeChoice(name=name, endpoint=endpoint)
    return JudgeChoice(name=model, revision=revision)


def trusted_judge(choice: JudgeChoice, out: Path) -> tuple[Judge, Calibration]:
    """Open a judge and try it on planted faults, once for each run's folder.

    Raises:
        ModelError: it cannot be loaded, or ranks planted faults no better than a coin.
    """
    judge = choice.open()
    found = kept_calibration(judge, out / CALIBRATIONS, _NUM_SCENES, lambda line: None)
    if not found.usable:
        raise ModelError(
            f"{choice.name} is not to be trusted as a judge: {'; '.join(found.remarks)}.",
            hint="Choose a larger vision-language model, or --judge rules, which measures.",
        )
    return judge, found


def said_by(choice: JudgeChoice | None) -> tuple[str, ...]:
    """Return the sentence that belongs to numbers of this judge; none where nobody judged."""
    if choice is None:
        return ()
    if choice.observes:
        return (
            f"VLM-R stands here for measures and the observer {choice.name}: no vision-language "
            "model judged.",
        )
    return (f"VLM-R is what {choice.name} says.",)


def split_metrics(
    asked: Sequence[Metric], judge: JudgeChoice | None
) -> tuple[tuple[Metric, ...], tuple[Metric, ...]]:
    """Return the metrics that are computed, and those that a judge says.

    Raises:
        UsageError: some are of a judge, and there is none.
    """
    said = tuple(row for row in asked if row.judged)
    if said and judge is None:
        raise UsageError(
            f"{said[0].title} is what a judge says, and none is given.",
            hint="Name one: --judge Qwen/Qwen3-VL-8B-Instruct, or --judge rules without a model.",
        )
    return tuple(row for row in asked if not row.judged), said


def judge_pictures(
    judge: Judge,
    order: Order,
    rows: Sequence[PictureScore],
    names: Sequence[str],
    out: Path,
    *,
    quiet: bool,
) -> dict[str, dict[str, float]]:
    """Judge the restored pictures of an order; return key -> the scores that could be said.

    Args:
        judge: who.
        order: the restorer and its task.
        rows: its pictures.
        names: the metrics asked for, of those that a judge says.
        out: the run's folder.
        quiet: show no progress.

    Raises:
        ModelError: the judge cannot be used.
    """
    path = out / order.task / order.restorer.name / JUDGED
    pairs = {row.key: _Pair(order, row, out) for row in rows}
    known = _known(path, judge.name, pairs)
    todo = [key for key in pairs if key not in known]
    with LineLog(path) as log, bar("Judging", len(todo), quiet=quiet or not todo) as tick:
        for start in range(0, len(todo), _BATCH):
            batch = todo[start : start + _BATCH]
            found = judge.judge_many([pairs[key].encoded() for key in batch])
            for key, judgement in zip(batch, found, strict=True):
                known[key] = _row(key, pairs[key].mark, judge.name, judgement)
                log.append(known[key])
                tick()
    rewrite(path, [known[key] for key in sorted(known)])
    return {key: _scores(known[key], names) for key in pairs}


@dataclass(frozen=True, slots=True)
class _Pair:
    """One restored picture and its input, not yet read."""

    order: Order
    row: PictureScore
    out: Path

    @property
    def mark(self) -> str:
        """Names both pictures: the output by its pixels, the input by its file and seed."""
        lq = self.order.cases[self.row.key].lq
        facts = f"{self.row.output_sha256} {lq.num_bytes} {lq.mark} {self.row.seed}"
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    def encoded(self) -> Encoded:
        """Return input and output as PNG."""
        lq = self._input()
        if self.row.output is None:
            return (both := encode_png(lq)), both
        path = self.out / self.row.output
        made = read_picture(path.read_bytes(), str(path), self.order.multiple)
        return encode_png(lq), encode_png(made)

    def _input(self) -> NDArray[np.uint8]:
        case, order = self.order.cases[self.row.key], self.order
        blob = case.gt
        gt = None if blob is None else read_picture(blob.read(), blob.name, order.multiple)
        return low_quality(case, gt, order, self.row.seed)


def _known(path: Path, judge: str, pairs: Mapping[str, _Pair]) -> dict[str, dict[str, Any]]:
    """Return what was said of these very pictures by this very judge."""
    return {
        row["key"]: row
        for _, row in read_rows(path)
        if row["key"] in pairs and (row["judge"], row["of"]) == (judge, pairs[row["key"]].mark)
    }


def _row(key: str, mark: str, judge: str, said: Judgement) -> dict[str, Any]:
    return {
        "key": key,
        "of": mark,
        "judge": judge,
        "vlm_r": said.score,
        "vlm_removal": said.removed,
        "vlm_fidelity": said.kept,
        "gap": said.gap,
        "reason": said.reason,
    }


def _scores(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
    return {name: float(row[name]) for name in names if row[name] is not None}

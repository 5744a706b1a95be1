from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ggt_hf.errors import FormatError, ImageError, IntegrityError, ReadError, UsageError
from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.control import ControlReport, control
from ggt_hf.quality.decisions import Decision, DecisionLog, pair_id, reviewer_file
from ggt_hf.quality.examiners import Examiner, MetricExaminer, ReviewExaminer
from ggt_hf.quality.opening import open_examiners, read_stages
from ggt_hf.quality.thresholds import default_thresholds
from ggt_hf.quality.verdict_file import read_verdicts
from ggt_hf.quality.vlm_judge import Encoded
from ggt_hf.records import Candidate, Check, Stage
from tests.making import encoded, picture
from tests.quality.folders import make_candidate, make_folder, write_candidates
from tests.quality.scenes import scene


class Sayer:
    """An examiner that says what the test wants: the flow is tried, not the judging."""

    def __init__(self, stage: Stage, say: dict[str, bool | None], name: str = "v1") -> None:
        self.stage: Stage = stage
        self.batch_size = 2
        self.in_processes = True
        self.say, self.name = say, name
        self.seen: list[str] = []

    def judged_by(self, candidate: Candidate) -> str:
        return f"{self.stage} {self.name}"

    def examine(self, candidates: Sequence[Candidate], pairs: Sequence[Encoded]) -> list[Check]:
        self.seen += [candidate.key for candidate in candidates]
        return [
            Check(
                stage=self.stage,
                passed=self.say.get(c.key, True),
                scores={"bytes": float(len(pair[1]))},
                reason=f"said of {c.key}",
                judged_by=self.judged_by(c),
            )
            for c, pair in zip(candidates, pairs, strict=True)
        ]


@pytest.fixture
def folder(tmp_path: Path) -> CandidateFolder:
    return CandidateFolder(make_folder(tmp_path / "candidates", 5))


def outcomes(report: ControlReport) -> list[str]:
    return [verdict.outcome for verdict in report.verdicts]


def test_later_stages_see_what_earlier_ones_left(folder: CandidateFolder, tmp_path: Path) -> None:
    metrics = Sayer("metrics", {"pair-001": False, "pair-002": None})
    judge = Sayer("vlm", {"pair-003": False, "pair-004": None})
    report = control(folder, tmp_path / "out", [metrics, judge])
    assert judge.seen == ["pair-000", "pair-002", "pair-003", "pair-004"]
    assert outcomes(report) == ["accepted", "rejected", "accepted", "rejected", "undecided"]
    assert [verdict.rejected_at for verdict in report.verdicts][1:4:2] == ["metrics", "vlm"]
    assert read_verdicts(report.path) == report.verdicts
    assert report.counts()["stages"]["vlm"]["cannot say"] == 1


def test_every_stage_may_see_everything(folder: CandidateFolder, tmp_path: Path) -> None:
    judge = Sayer("vlm", {})
    metrics = Sayer("metrics", {"pair-001": False})
    report = control(folder, tmp_path, [metrics, judge], everything=True)
    assert len(judge.seen) == 5
    assert outcomes(report)[1] == "rejected", "a later yes does not undo an earlier no"


def test_a_second_run_does_nothing_and_changes_nothing(
    folder: CandidateFolder, tmp_path: Path
) -> None:
    def examiners() -> list[Examiner]:
        return [Sayer("metrics", {"pair-001": False}), Sayer("vlm", {})]

    first = control(folder, tmp_path, examiners())
    before = first.path.read_bytes()
    again = examiners()
    second = control(folder, tmp_path, again)
    assert [e.seen for e in again if isinstance(e, Sayer)] == [[], []]
    assert (second.num_made, second.num_kept) == (0, 9)
    assert second.path.read_bytes() == before


def test_only_what_changed_is_judged_again(folder: CandidateFolder, tmp_path: Path) -> None:
    control(folder, tmp_path, [Sayer("metrics", {}), Sayer("vlm", {})])
    made = list(folder.candidates)
    made[3] = make_candidate(folder.root, "pair-003", picture(50), picture(51))
    changed = CandidateFolder(write_candidates(folder.root, made))
    metrics, judge = Sayer("metrics", {}), Sayer("vlm", {"pair-000": False}, name="v2")
    report = control(changed, tmp_path, [metrics, judge])
    assert metrics.seen == ["pair-003"], "its pictures are others"
    assert len(judge.seen) == 5, "the judge is another"
    assert outcomes(report)[0] == "rejected"
    assert len(report.path.read_text().splitlines()) == 5


def test_a_candidate_without_pictures_fails_alone(folder: CandidateFolder, tmp_path: Path) -> None:
    (folder.root / folder.candidates[1].gt_path).unlink()
    (folder.root / folder.candidates[2].lq_path).write_bytes(b"another picture")
    report = control(folder, tmp_path, [Sayer("metrics", {})])
    assert {key: type(error) for key, error in report.failures.items()} == {
        "pair-001": ReadError,
        "pair-002": IntegrityError,
    }
    assert [verdict.key for verdict in report.verdicts] == ["pair-000", "pair-003", "pair-004"]


def test_a_picture_that_cannot_be_decoded_fails_alone_in_its_batch(
    folder: CandidateFolder, tmp_path: Path
) -> None:
    import hashlib

    broken = encoded(picture(3))[:-40]
    made = list(folder.candidates)
    (folder.root / made[2].gt_path).write_bytes(broken)
    made[2] = replace(made[2], gt_sha256=hashlib.sha256(broken).hexdigest())
    changed = CandidateFolder(write_candidates(folder.root, made))
    gate = MetricExaminer(thresholds=default_thresholds(), read_text=False, batch_size=5)
    report = control(changed, tmp_path, [gate])
    assert {key: type(error) for key, error in report.failures.items()} == {"pair-002": ImageError}
    assert len(report.verdicts) == 4


def test_processes_give_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for index, name in enumerate(["mixed-astronaut", "rain-canyon-wren", "haze-lake-sherburne"]):
        lq, gt = scene(name, "mixed")
        made.append(make_candidate(tmp_path, f"good-{index}", lq, gt, degradation="mixed"))
        made.append(make_candidate(tmp_path, f"same-{index}", lq, lq, degradation="mixed"))
    folder = CandidateFolder(write_candidates(tmp_path, made))
    gate = MetricExaminer(thresholds=default_thresholds(), read_text=False)
    alone = control(folder, tmp_path / "one", [gate])
    many = control(folder, tmp_path / "two", [gate], num_workers=2)
    assert many.path.read_bytes() == alone.path.read_bytes()
    found = {verdict.key: verdict for verdict in alone.verdicts}
    assert [found[f"same-{i}"].rejected_at for i in range(3)] == ["metrics"] * 3
    assert "it is the input unchanged" in found["same-0"].checks[0].reason


RUN = """
import sys
from pathlib import Path
from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.control import control
from ggt_hf.quality.examiners import MetricExaminer
from ggt_hf.quality.thresholds import default_thresholds
gate = MetricExaminer(thresholds=default_thresholds(), read_text=False)
control(CandidateFolder(Path(sys.argv[1])), Path(sys.argv[2]), [gate])
"""


def test_a_killed_run_is_gone_on_with(tmp_path: Path) -> None:
    """kill -9 in the middle: what stands in the file is kept, and the end is the same."""
    lq, gt = scene("mixed-astronaut", "mixed")
    made = [make_candidate(tmp_path / "c", f"k{i:02d}", lq, gt) for i in range(24)]
    folder = CandidateFolder(write_candidates(tmp_path / "c", made))
    child = subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder.root), str(tmp_path / "out")], start_new_session=True
    )
    path = tmp_path / "out" / "verdicts.jsonl"
    deadline = time.monotonic() + 200
    while not (path.exists() and path.read_bytes().count(b"\n") >= 3):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    done = len(read_verdicts(path))
    assert done >= 3
    gate = MetricExaminer(thresholds=default_thresholds(), read_text=False)
    report = control(folder, tmp_path / "out", [gate])
    assert report.num_kept == done
    assert [verdict.key for verdict in report.verdicts] == [c.key for c in made]
    undisturbed = control(folder, tmp_path / "calm", [gate])
    assert report.path.read_bytes() == undisturbed.path.read_bytes()


def test_reviews_settle_what_a_judge_left_open(folder: CandidateFolder, tmp_path: Path) -> None:
    said = {"ada": ["accept", "reject", "accept", "unsure"], "ben": ["accept", "reject", "reject"]}
    for name, choices in said.items():
        log = DecisionLog(reviewer_file(folder.root, name))
        for candidate, choice in zip(folder.candidates, choices, strict=False):
            log.add(
                Decision(
                    key=candidate.key,
                    choice=choice,
                    reason="moved" if choice == "reject" else "",
                    pair=pair_id(candidate),
                    at="2026-01-01T00:00:00+00:00",
                )
            )
        log.close()
    judge = Sayer("vlm", dict.fromkeys([c.key for c in folder.candidates]))
    examiners = open_examiners(
        ["review"], folder, judge=lambda: pytest.fail("no judge"), calibrations=tmp_path
    )
    assert isinstance(examiners[0], ReviewExaminer)
    report = control(folder, tmp_path, [judge, *examiners])
    assert outcomes(report) == ["accepted", "rejected", "undecided", "undecided", "undecided"]
    reasons = [verdict.checks[-1].reason for verdict in report.verdicts]
    assert reasons[1] == "ada: reject (moved); ben: reject (moved)"
    assert reasons[4] == "nobody has reviewed it"


def test_stages_are_named_in_any_order_and_run_in_theirs() -> None:
    assert read_stages(" review, metrics") == ["metrics", "review"]
    for words in ("", "metric", "metrics,,nonsense"):
        with pytest.raises(UsageError, match="There is no stage"):
            read_stages(words)


def test_stages_out_of_order_are_refused(folder: CandidateFolder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in order"):
        control(folder, tmp_path, [Sayer("vlm", {}), Sayer("metrics", {})])


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        '{"key": "a"}',
        '{"key": "a", "pair": "b", "checks": [{"stage": "smell"}]}',
        '{"key": "a", "pair": "b", "checks": {"stage": 1}}',
        '{"key": "a", "pair": "b", "checks": [{"stage": "vlm", "passed": "yes", "scores": {}}]}',
        "not json",
    ],
)
def test_a_damaged_file_of_verdicts_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "verdicts.jsonl"
    good = {"key": "x", "pair": "y", "checks": []}
    path.write_text(f"{json.dumps(good)}\n{line}\n{json.dumps(good)}\n")
    with pytest.raises(FormatError, match="line 2"):
        read_verdicts(path)

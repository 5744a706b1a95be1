"""VLM-R: what a judge says of restored pictures, and whether a judge is to be believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ggt_hf.errors import ModelError, UsageError
from ggt_hf.evaluation import judging
from ggt_hf.evaluation.benchmark import run_benchmark
from ggt_hf.evaluation.claims import claims_of
from ggt_hf.evaluation.judging import JUDGED, JudgeChoice, judge_choice
from ggt_hf.evaluation.planted import planted_ladders, preference_agreement, score_agreement
from ggt_hf.evaluation.preference import VLMPreference
from ggt_hf.evaluation.report import write_report
from ggt_hf.evaluation.restorers import Input, Replay
from ggt_hf.evaluation.run import Settings
from ggt_hf.evaluation.scores import FILE, read_scores
from ggt_hf.evaluation.tables import to_markdown
from ggt_hf.evaluation.task import task_of
from ggt_hf.images import decode
from ggt_hf.quality.calibration import KINDS, Calibration, KindRanking
from ggt_hf.quality.vlm_judge import _INPUT, Encoded, Judgement
from ggt_hf.vlm import load
from ggt_hf.vlm.local import LocalVLM
from tests.evaluation.folders import Brighter, make_pairs
from tests.vlm.conftest import ChatServer, build, completion  # noqa: F401 - a fixture

SEES = Calibration(
    judge="any", kinds=tuple(KindRanking(kind=k, right=12, unsaid=0, total=12) for k in KINDS)
)
SETTINGS = Settings(metrics=("psnr",), quiet=True, num_workers=1, judge=JudgeChoice(name="x"))


class BrightJudge:
    """Says how much brighter a restoration is: a judge whose answers a test can compute."""

    name = "bright"

    def __init__(self) -> None:
        self.asked: list[Encoded] = []
        self.silent_on: int | None = None

    def judge_many(self, pairs: Sequence[Encoded]) -> list[Judgement]:
        self.asked += pairs
        return [self._one(len(self.asked) - len(pairs) + i, *p) for i, p in enumerate(pairs)]

    def _one(self, number: int, lq: bytes, made: bytes) -> Judgement:
        if number == self.silent_on:
            return Judgement(reason="the judge contradicts itself")
        gain = decode(made, "made").mean() - decode(lq, "lq").mean()
        return Judgement(removed=min(100.0, float(gain)), kept=81.0, reason="brighter")


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> BrightJudge:
    made = BrightJudge()
    monkeypatch.setattr(JudgeChoice, "open", lambda self: made)
    monkeypatch.setattr(judging, "kept_calibration", lambda *given: SEES)
    return made


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return make_pairs(tmp_path / "pairs")


def run(restorers, pairs, out, settings=SETTINGS, **more):
    return run_benchmark(restorers, [task_of(str(pairs))], out, settings, **more)


def test_vlm_r_is_the_root_of_removal_times_fidelity(judge, pairs, tmp_path):
    asked = replace(SETTINGS, metrics=("psnr", "vlm-r", "vlm-removal", "vlm-fidelity"))
    report = run([Input(), Brighter()], pairs, tmp_path / "out", asked)
    for row in report.scores.rows:
        assert list(row.scores) == ["psnr", "vlm_r", "vlm_removal", "vlm_fidelity"]
        assert row.scores["vlm_fidelity"] == 81
        assert row.scores["vlm_r"] == pytest.approx((row.scores["vlm_removal"] * 81) ** 0.5)
        if row.restorer == "input":
            assert row.scores["vlm_removal"] == 0
        else:
            assert row.scores["vlm_removal"] == pytest.approx(40, abs=3)
    again = read_scores(tmp_path / "out" / FILE)
    assert [dict(r.scores) for r in again.rows] == [dict(r.scores) for r in report.scores.rows]
    assert {p["metrics"]["vlm_r"]["code"] for p in again.fingerprints.values()} == {"bright"}


def test_a_judge_adds_vlm_r_and_says_who_it_is(judge, pairs, tmp_path):
    report = run([Brighter()], pairs, tmp_path / "out")
    assert list(report.scores.rows[0].scores) == ["psnr", "vlm_r"]
    assert "VLM-R is what x says." in to_markdown(report.summary)
    stand_in = run(
        [Brighter()], pairs, tmp_path / "two", replace(SETTINGS, judge=JudgeChoice(name="rules"))
    )
    assert "no vision-language model judged" in to_markdown(stand_in.summary)


def test_nothing_is_asked_twice_and_other_outputs_are_asked_anew(judge, pairs, tmp_path):
    first = run([Brighter()], pairs, tmp_path / "out")
    assert len(judge.asked) == 6
    kept = tmp_path / "out/pairs/brighter" / JUDGED
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text("".join(lines[:4]) + lines[4][:20])  # a kill in the middle of the fifth
    second = run([Brighter()], pairs, tmp_path / "out")
    assert len(judge.asked) == 8 and kept.read_text() == "".join(lines)
    assert [r.scores for r in second.scores.rows] == [r.scores for r in first.scores.rows]
    run([Brighter(by=10)], pairs, tmp_path / "out")
    assert len(judge.asked) == 14


def test_what_a_judge_cannot_say_is_counted_and_not_made_up(judge, pairs, tmp_path):
    judge.silent_on = 2
    report = run([Input(), Brighter()], pairs, tmp_path / "out", against="input")
    assert report.num_unsaid == 1
    [said] = [
        m.value.count
        for m in report.summary.means
        if (m.restorer, m.category, m.metric) == ("input", "all", "vlm_r")
    ]
    assert said == 5
    page = write_report(report).read_text()
    assert "of which it could not say: 1" in page and "VLM-R" in page


def test_a_page_stands_even_where_the_judge_says_nothing(judge, pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(judge, "_one", lambda *given: Judgement(reason="no"))
    report = run([Brighter()], pairs, tmp_path / "out", replace(SETTINGS, metrics=("vlm_r",)))
    assert report.num_unsaid == 6
    assert "random" in write_report(report).read_text()


def test_a_judge_s_words_are_not_claimed(judge, pairs, tmp_path):
    run([Brighter()], pairs, tmp_path / "out")
    [claim] = claims_of(tmp_path / "out", "brighter")
    assert claim.metrics == ("psnr",) and list(claim.fingerprint["metrics"]) == ["psnr"]
    assert all(list(one["scores"]) == ["psnr"] for one in claim.pictures.values())


def test_outputs_made_elsewhere_are_judged_where_they_lie(judge, pairs, tmp_path):
    outputs = Replay(name="theirs", folder=pairs / "rain/GT")
    rain = make_pairs(tmp_path / "only", 1)
    report = run([outputs], rain, tmp_path / "out")
    assert report.scores.rows[0].scores["vlm_r"] > 50


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(metrics=("vlm-r",)), "none is given"),
        (replace(SETTINGS, keep_pictures=False), "not to be kept"),
    ],
)
def test_a_judge_is_needed_and_needs_pictures(pairs, tmp_path, settings, says):
    with pytest.raises(UsageError, match=says):
        run([Input()], pairs, tmp_path / "out", settings)


def test_words_of_a_judge(tmp_path):
    assert judge_choice(None, None) is None
    assert judge_choice("a/b@main", None) == JudgeChoice(name="a/b", revision="main")
    assert judge_choice("a@b", "http://x/v1") == JudgeChoice(name="a@b", endpoint="http://x/v1")
    with pytest.raises(UsageError, match="several models"):
        judge_choice(None, "http://x/v1")
    with pytest.raises(UsageError, match="empty name"):
        judge_choice("", None)


def test_a_model_that_cannot_judge_is_refused(
    build: Callable[[str], Path],  # noqa: F811
    pairs,
    tmp_path,
    monkeypatch,
):
    """A random build of a real class: through the one generic path, and not to be believed."""
    monkeypatch.setattr(judging, "_NUM_SCENES", 1)
    monkeypatch.setenv("GGT_CACHE", str(tmp_path / "cache"))
    chosen = replace(SETTINGS, judge=JudgeChoice(name=str(build("idefics3"))))
    with pytest.raises(ModelError, match="not to be trusted as a judge"):
        run([Input()], pairs, tmp_path / "out", chosen)


class Seer(ChatServer):
    """A model behind an endpoint that says how much brighter a restoration is than its input."""

    def _next(self, asked, handler):
        self.requests.append(asked)
        first, second = shown_means(asked)
        text = asked["messages"][0]["content"][-1]["text"]
        gain = second - first if text.startswith(f"The first picture {_INPUT}") else first - second
        said = {"removed_reason": "a", "removed": round(max(0, min(100, gain))), "kept_reason": "b"}
        return completion(json.dumps({**said, "kept": 64}))


def shown_means(asked) -> list[float]:
    parts = [part for part in asked["messages"][0]["content"] if part["type"] == "image_url"]
    data = [base64.b64decode(p["image_url"]["url"].partition(",")[2]) for p in parts]
    return [float(decode(one, "sent").mean()) for one in data]


def test_a_judge_behind_an_endpoint(pairs, tmp_path, monkeypatch):
    """Both orders are asked, their pictures are told apart by the question, answers are kept."""
    monkeypatch.setattr(judging, "kept_calibration", lambda *given: SEES)
    monkeypatch.setenv("GGT_CACHE", str(tmp_path / "cache"))
    server = Seer()
    chosen = replace(SETTINGS, judge=JudgeChoice(name="seer", endpoint=server.url))
    report = run([Brighter()], pairs, tmp_path / "out", chosen)
    assert len(server.requests) == 12
    for row in report.scores.rows:
        assert row.scores["vlm_r"] == pytest.approx((40 * 64) ** 0.5, abs=2)
    run([Brighter()], pairs, tmp_path / "elsewhere", chosen)
    assert len(server.requests) == 12  # the answers' cache knows them
    server.close()


# --- preferences and planted rankings ---------------------------------------------------------


class Chooser(ChatServer):
    """A model behind an endpoint that sees brightness, or only places."""

    def __init__(self, choose: Callable[[list[float]], str]) -> None:
        super().__init__()
        self.choose = choose

    def _next(self, asked, handler):
        self.requests.append(asked)
        better = self.choose(shown_means(asked))
        return completion(json.dumps({"reason": "I see.", "better": better}))


@pytest.fixture
def triples() -> list[tuple[bytes, bytes, bytes]]:
    from ggt_hf.images import encode_png

    grey = [encode_png(np.full((16, 16, 3), level, np.uint8)) for level in (10, 80, 160)]
    return [(grey[0], grey[1], grey[2]), (grey[0], grey[2], grey[1])]


def prefer(choose, triples):
    server = Chooser(choose)
    try:
        return VLMPreference(load("seer", endpoint=server.url)).prefer_many(triples), server
    finally:
        server.close()


def test_a_preference_holds_in_both_orders_or_is_a_tie(triples):
    found, asked = prefer(lambda means: "second" if means[1] > means[2] else "third", triples)
    assert [one.better for one in found] == ["second", "first"]
    assert all(one.agreed for one in found) and len(asked.requests) == 4
    found, _ = prefer(lambda means: "second", triples)  # who always likes the first place
    assert [(one.better, one.agreed) for one in found] == [("tie", False)] * 2
    found, _ = prefer(lambda means: "same", triples)
    assert [(one.better, one.agreed) for one in found] == [("tie", True)] * 2
    found, _ = prefer(lambda means: "neither of them", triples)
    assert [one.better for one in found] == ["tie", "tie"] and "no answer" in found[0].reason


def test_a_tiny_model_answers_through_the_same_path(build: Callable[[str], Path], triples):  # noqa: F811
    judge = VLMPreference(LocalVLM.from_pretrained(build("idefics3"), dtype="float32"))
    assert [one.better for one in judge.prefer_many(triples[:1])] == ["tie"]
    assert judge.name.startswith("prefer.v1@")


def test_agreement_with_planted_rankings():
    ladders = planted_ladders(2)
    assert [len(ladder.rungs) for ladder in ladders] == [5, 5]
    assert ladders[0].rungs[-1] == ladders[0].lq
    order = {rung: place for ladder in ladders for place, rung in enumerate(ladder.rungs)}

    def knows(pairs: Sequence[Encoded]) -> list[Judgement]:
        return [Judgement(removed=100 - 10 * order[made], kept=100, reason="") for _, made in pairs]

    def errs(pairs: Sequence[Encoded]) -> list[Judgement]:
        return [Judgement(removed=10 * order[made], kept=100, reason="") for _, made in pairs]

    def says_nothing(pairs: Sequence[Encoded]) -> list[Judgement]:
        return [Judgement(reason="?") for _ in pairs]

    assert score_agreement(knows, ladders).accuracy == 1
    assert score_agreement(errs, ladders).accuracy == 0
    nothing = score_agreement(says_nothing, ladders)
    assert (nothing.accuracy, nothing.unsaid, nothing.total) == (0, 20, 20)
    found, _ = prefer(lambda means: "second", [])
    assert found == []
    server = Chooser(lambda means: "third")
    blind = VLMPreference(load("seer", endpoint=server.url))
    coin = preference_agreement(blind.prefer_many, ladders)
    server.close()
    assert (coin.accuracy, coin.ties) == (0.5, 20)

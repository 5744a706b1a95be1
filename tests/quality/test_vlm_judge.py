from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ggt_hf.errors import FormatError, UsageError
from ggt_hf.quality.calibration import (
    KINDS,
    Calibration,
    KindRanking,
    PlantedCase,
    calibrate,
    planted_cases,
    wilson_interval,
)
from ggt_hf.quality.opening import kept_calibration, open_judge
from ggt_hf.quality.thresholds import default_thresholds
from ggt_hf.quality.vlm_judge import (
    JUDGEMENT_SCHEMA,
    Judgement,
    VLMJudge,
    check,
    question,
)
from ggt_hf.vlm import VisionLanguageModel
from ggt_hf.vlm.chat import Chat, ChatModel, Reply, Settings
from tests.making import encoded, picture
from tests.vlm.conftest import build  # noqa: F401 - a fixture

Numbers = tuple[int, int]
PAIR = (encoded(picture(1) // 3), encoded(picture(1)))
SEES_ALL = Calibration(
    judge="any", kinds=tuple(KindRanking(kind=k, right=12, unsaid=0, total=12) for k in KINDS)
)


OURS = default_thresholds().judge


def judge_of(vlm: VisionLanguageModel) -> VLMJudge:
    return VLMJudge(vlm, max_gap=OURS.max_gap)


class ScriptedVLM(ChatModel):
    """Answers by a rule of the test: no real model small enough for tests judges pictures.

    Everything behind the answer (schema, repair, order of the pictures) is the real thing.
    """

    def __init__(self, answer: Callable[[bytes, bytes, bool], Numbers | str]) -> None:
        super().__init__("scripted", "1")
        self.answer = answer
        self.asked: list[Chat] = []

    def reply(self, chats: Sequence[Chat], settings: Settings) -> list[Reply]:
        assert settings.schema == JUDGEMENT_SCHEMA
        self.asked += chats
        return [Reply(text=self._one(chat)) for chat in chats]

    def _one(self, chat: Chat) -> str:
        first, second = chat.pictures
        assert isinstance(first, bytes) and isinstance(second, bytes)
        swapped = chat.turns[0].text == question(swapped=True)
        said = self.answer(*((second, first) if swapped else (first, second)), swapped)
        return said if isinstance(said, str) else spoken(*said)


def spoken(removed: int, kept: int) -> str:
    data = {"removed_reason": "Less rain.", "removed": removed, "kept_reason": "All.", "kept": kept}
    return f"I looked closely.\n```json\n{json.dumps(data)}\n```"


def judged(answer: Callable[[bytes, bytes, bool], Numbers | str]) -> Judgement:
    [found] = judge_of(ScriptedVLM(answer)).judge_many([PAIR])
    return found


def test_both_orders_are_asked_and_averaged() -> None:
    vlm = ScriptedVLM(lambda lq, gt, swapped: (90, 70) if swapped else (80, 80))
    [found] = judge_of(vlm).judge_many([PAIR])
    assert (found.removed, found.kept, found.gap) == (85, 75, 10)
    assert found.score == pytest.approx((85 * 75) ** 0.5)
    assert found.reason == "removed: Less rain. kept: All."
    assert [chat.pictures for chat in vlm.asked] == [PAIR, PAIR[::-1]]
    assert "The first picture is a degraded" in vlm.asked[0].turns[0].text
    assert "The second picture is a degraded" in vlm.asked[1].turns[0].text


def test_a_judge_that_contradicts_itself_cannot_say() -> None:
    found = judged(lambda lq, gt, swapped: (90, 20) if swapped else (90, 80))
    assert found.score is None
    assert "contradicts itself" in found.reason
    made = check(found, "j", OURS, SEES_ALL)
    assert made.passed is None
    assert made.scores == {"order_gap": 60}


@pytest.mark.parametrize(
    "said",
    ["I cannot help with that.", '{"removed": 90}', spoken(90, 120), spoken(-5, 50), "{" * 50],
)
def test_an_answer_that_breaks_the_schema_twice_cannot_be_used(said: str) -> None:
    found = judged(lambda lq, gt, swapped: said)
    assert found.score is None
    assert "cannot be used" in found.reason


@pytest.mark.parametrize(
    ("numbers", "passed", "words"),
    [
        ((90, 95), True, "removed: Less rain."),
        ((20, 95), False, "the degradation is still there (removed 20, at least 50)"),
        ((90, 40), False, "the content changed (kept 40, at least 70)"),
    ],
)
def test_a_decision_names_number_and_limit(numbers: Numbers, passed: bool, words: str) -> None:
    made = check(judged(lambda lq, gt, swapped: numbers), "judge", OURS, SEES_ALL)
    assert made.passed is passed
    assert made.reason.startswith(words)
    assert made.scores["df"] == pytest.approx((numbers[0] * numbers[1]) ** 0.5, abs=1e-3)
    assert made.judged_by.startswith("judge removed>=50 kept>=70 calibration@")


def test_limits_are_shares() -> None:
    with pytest.raises(UsageError, match="min_kept is 101"):
        replace(OURS, min_kept=101)


@pytest.fixture(scope="module")
def cases() -> list[PlantedCase]:
    return planted_cases(8)


def knowing(
    cases: list[PlantedCase], *, blind_to: str = ""
) -> Callable[[bytes, bytes, bool], Numbers]:
    """A judge that knows what was planted, all or but one kind."""
    right = {case.good[1] for case in cases}
    right |= {case.faulty[1] for case in cases if case.kind == blind_to}
    untouched = {case.faulty[1] for case in cases if case.kind == "unchanged"}
    return lambda lq, gt, swapped: (0 if gt in untouched else 90, 95 if gt in right else 30)


def test_a_judge_that_sees_is_believed(cases: list[PlantedCase]) -> None:
    found = calibrate(judge_of(ScriptedVLM(knowing(cases))), cases)
    assert {k.kind: (k.right, k.total) for k in found.kinds} == dict.fromkeys(sorted(KINDS), (8, 8))
    assert found.usable and not found.remarks
    assert Calibration.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_judge_that_sees_nothing_decides_nothing(cases: list[PlantedCase]) -> None:
    found = calibrate(judge_of(ScriptedVLM(lambda lq, gt, swapped: (90, 90))), cases)
    assert all(k.right == 0 for k in found.kinds), "a tie is not right"
    made = check(Judgement(removed=90, kept=90, reason="fine"), "j", OURS, found)
    assert made.passed is None
    assert "uncalibrated" in made.reason and "shift 0 of 8 right" in made.reason


def test_a_judge_that_misses_one_kind_says_so_each_time(cases: list[PlantedCase]) -> None:
    found = calibrate(judge_of(ScriptedVLM(knowing(cases, blind_to="text_altered"))), cases)
    assert [k.kind for k in found.blind_to] == ["text_altered"]
    made = check(Judgement(removed=90, kept=90, reason="fine"), "j", OURS, found)
    assert made.passed is True
    assert made.reason.endswith("not shown to see text_altered 0 of 8 right (95 %: 0% to 32%)")


def test_answers_that_are_unusable_count_as_wrong(cases: list[PlantedCase]) -> None:
    found = calibrate(judge_of(ScriptedVLM(lambda lq, gt, swapped: "no")), cases[:2])
    assert (found.kinds[0].right, found.kinds[0].unsaid) == (0, 2)
    assert not Calibration(judge="x", kinds=()).usable


def test_wilson_on_published_numbers() -> None:
    """Newcombe (1998), method 3: 81 of 263, and 0 of 20."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_cases_are_the_same_each_time(cases: list[PlantedCase]) -> None:
    assert planted_cases(1) == planted_cases(1)
    assert len({case.faulty for case in cases}) == len(cases)
    assert all(case.good[1] != case.faulty[1] for case in cases)


def test_rules_rank_what_can_be_measured_and_no_text(tmp_path: Path) -> None:
    judge = open_judge("rules", cache=None)
    told: list[str] = []
    found = kept_calibration(judge, tmp_path, 5, told.append)
    right = {k.kind: k.right for k in found.kinds}
    assert right["shift"] == 5 and right["unchanged"] == 5
    assert right["text_altered"] <= 2
    assert found.usable
    assert told[0] == "trying the judge measures.v4 observer rules@1 on planted faults:"
    again = kept_calibration(judge, tmp_path, 5, told.append)
    assert (again, len(told)) == (found, 6), "what was tried once is kept"
    [path] = tmp_path.glob("*.json")
    path.write_text('{"judge": "x", "kinds": [{"kind": "shift", "right": 9, "total": 2}]}')
    with pytest.raises(FormatError, match="calibration cannot be read"):
        kept_calibration(judge, tmp_path, 5, told.append)


def test_a_tiny_random_model_is_asked_and_found_wanting(
    build: Callable[[str], Path],  # noqa: F811 - the fixture
) -> None:
    """The very class of Idefics 3, loaded as ever; its words are noise, so it decides nothing."""
    from ggt_hf.vlm.local import LocalVLM

    vlm = LocalVLM.from_pretrained(build("idefics3"), dtype="float32")
    small = [(encoded(picture(1, 32, 32)), encoded(picture(2, 32, 32)))]
    [found] = judge_of(vlm).judge_many(small)
    assert found.score is None
    assert "cannot be used" in found.reason

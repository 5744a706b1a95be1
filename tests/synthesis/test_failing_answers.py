"""Answers that are useless, late, lost or refused: who is asked again, and what it costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ggt_hf.errors import EditorError
from ggt_hf.stages import read_candidates, read_rows
from ggt_hf.synthesis.asking import Patience
from tests.synthesis.runs import PRICE, by_turn, run
from tests.synthesis.service import Service


def test_asks_again_with_another_seed_where_an_answer_was_useless(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    service.script = by_turn("text")
    report = run(photos, tmp_path / "out")
    assert report.complete
    assert report.spent == pytest.approx(16 * PRICE)
    seeds = {candidate.seed for candidate in read_candidates(tmp_path / "out/candidates.jsonl")}
    assert len(seeds) == 1
    assert 0 not in seeds


def test_a_failure_is_paid_for_no_further_until_more_attempts_are_allowed(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    service.script = by_turn("refuse", "black", "unchanged")
    report = run(photos, tmp_path / "out")
    assert report.counts == {"blank": 8}
    assert not report.complete
    run(photos, tmp_path / "out")
    assert len(service.asked) == 16
    failed = [row["outcome"] for _, row in read_rows(tmp_path / "out" / "failures.jsonl")]
    assert failed == ["blank"] * 8
    report = run(photos, tmp_path / "out", num_attempts=4)
    assert report.complete
    assert len(service.asked) == 32
    assert report.spent == pytest.approx(32 * PRICE)
    assert not list(read_rows(tmp_path / "out" / "failures.jsonl"))


def test_a_busy_service_is_waited_for_and_costs_nothing(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    undisturbed = tmp_path / "undisturbed"
    run(photos, undisturbed)
    service.script = by_turn("429", "503", "500")
    report = run(photos, tmp_path / "out")
    assert report.complete
    assert report.spent == pytest.approx(8 * PRICE)
    assert len(service.asked) == 8 + 32
    same = [
        (folder / "candidates.jsonl").read_bytes() for folder in (undisturbed, tmp_path / "out")
    ]
    assert same[0] == same[1]


def test_patience_ends_and_the_next_run_goes_on(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    service.script = lambda asked, number: "500"
    report = run(photos, tmp_path / "out", patience=Patience(num_tries=2, first_wait=0.01))
    assert report.counts == {"unanswered": 8}
    assert report.spent == 0
    service.script = lambda asked, number: "image"
    assert run(photos, tmp_path / "out").complete


def test_a_wrong_key_ends_the_run_at_once(photos: Path, tmp_path: Path, service: Service) -> None:
    service.script = lambda asked, number: "401"
    report = run(photos, tmp_path / "out", num_workers=2)
    assert isinstance(report.stopped, EditorError)
    assert len(service.asked) <= 2
    assert report.spent == 0
    assert report.num_unknown == 0


def test_a_lost_answer_counts_as_paid_and_is_asked_for_with_consent_only(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    service.script = by_turn("drop")
    report = run(photos, tmp_path / "out")
    assert report.counts == {"unknown": 8}
    assert report.spent == pytest.approx(8 * PRICE)
    assert report.num_unknown == 8
    assert run(photos, tmp_path / "out").counts == {"unknown": 8}
    assert len(service.asked) == 8
    report = run(photos, tmp_path / "out", retry_unknown=True)
    assert report.complete
    assert len(service.asked) == 16
    assert report.spent == pytest.approx(16 * PRICE)


@pytest.mark.parametrize("editor", ["nano-banana-2", "gpt-image-2"])
def test_an_unreadable_answer_counts_as_paid_and_stops_nobody(
    photos: Path, tmp_path: Path, service: Service, editor: str
) -> None:
    service.script = lambda asked, number: "html" if number == 2 else "image"
    report = run(photos, tmp_path / "out", editor=editor, num_workers=1, num_attempts=1)
    assert report.num_made == 7
    assert len(report.failures) == 1
    assert report.spent == pytest.approx(8 * PRICE)

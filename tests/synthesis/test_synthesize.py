"""Runs against a paid service on loopback: what is made, what is paid, where it stops."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ggt_hf.errors import BudgetError, SourceError, UsageError
from ggt_hf.stages import read_candidates, read_rows, to_line
from ggt_hf.synthesis.editors.opening import open_editor
from ggt_hf.synthesis.instructions import read_instructions
from ggt_hf.synthesis.locking import alone
from ggt_hf.synthesis.prompt_file import find_pictures
from ggt_hf.synthesis.report import SynthOptions
from ggt_hf.synthesis.sources import SourceLabels, list_sources
from ggt_hf.synthesis.synthesize import Synthesis
from tests.making import encoded, picture
from tests.synthesis.runs import PRICE, planned, run
from tests.synthesis.service import Service


def test_makes_a_candidate_of_each_photograph(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    report = run(photos, tmp_path / "out")
    assert report.complete
    assert report.num_made == 8
    assert report.spent == pytest.approx(8 * PRICE)
    made = read_candidates(tmp_path / "out" / "candidates.jsonl")
    assert [candidate.key for candidate in made] == [f"rain-p{i}" for i in range(8)]
    for candidate in made:
        assert candidate.degradation == "rain"
        assert (candidate.width, candidate.height) == (96, 64)
        assert (candidate.fed_width, candidate.fed_height) == (96, 64)
        lq = (tmp_path / "out" / candidate.lq_path).read_bytes()
        assert lq == (photos / str(candidate.source)).read_bytes()
        assert (tmp_path / "out" / candidate.gt_path).is_file()


def test_the_same_command_again_does_nothing(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    run(photos, tmp_path / "out")
    before = (tmp_path / "out" / "candidates.jsonl").read_bytes()
    report = run(photos, tmp_path / "out")
    assert (report.num_made, report.num_reused) == (0, 8)
    assert len(service.asked) == 8
    assert (tmp_path / "out" / "candidates.jsonl").read_bytes() == before


def test_a_lost_target_is_made_again_from_the_answer_that_was_paid(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    run(photos, tmp_path / "out")
    before = (tmp_path / "out" / "candidates.jsonl").read_bytes()
    (tmp_path / "out" / "gt" / "rain-p3.png").unlink()
    assert run(photos, tmp_path / "out").num_made == 1
    assert len(service.asked) == 8
    assert (tmp_path / "out" / "candidates.jsonl").read_bytes() == before


def test_stops_hard_at_the_cap_and_goes_on_when_it_is_raised(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    report = run(photos, tmp_path / "out", max_cost=3 * PRICE + 0.01)
    assert isinstance(report.stopped, BudgetError)
    assert (report.num_made, report.num_left) == (3, 5)
    assert sum(service.paid.values()) == 3
    report = run(photos, tmp_path / "out", max_cost=8 * PRICE)
    assert report.complete
    assert sum(service.paid.values()) == 8
    assert report.spent == pytest.approx(8 * PRICE)


def test_quotes_without_touching_anything(photos: Path, tmp_path: Path, service: Service) -> None:
    quote = planned(photos, tmp_path / "out", max_cost=0.7, num_attempts=3).quote()
    assert quote.num_calls == 8
    assert quote.least == pytest.approx(8 * PRICE)
    assert quote.most == pytest.approx(0.7)
    assert not service.asked
    assert not (tmp_path / "out").exists()


def test_spends_nothing_without_a_price_or_a_cap(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match="--max-cost"):
        planned(photos, tmp_path, max_cost=None)
    sources = list_sources(photos, SourceLabels()).sources
    with pytest.raises(BudgetError, match="--price"):
        Synthesis(
            sources, read_instructions("fixed"), open_editor("gpt-image-2"), tmp_path,
            SynthOptions(max_cost=1.0),
        )  # fmt: skip


def test_what_a_run_made_is_no_source_of_the_next(photos: Path, service: Service) -> None:
    out = photos / "made"
    run(photos, out)
    again = list_sources(photos, SourceLabels(), out=out)
    assert len(again.sources) == 8


def test_two_equal_photographs_are_paid_once(tmp_path: Path, service: Service) -> None:
    folder = tmp_path / "twins"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.png").write_bytes(encoded(picture(1, 96, 64)))
    service.seconds = 0.2
    report = run(folder, tmp_path / "out", num_workers=3)
    assert report.num_made == 3
    assert len(service.asked) == 1
    assert report.spent == pytest.approx(PRICE)


def test_runs_that_share_a_ledger_share_what_was_paid(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    ledger = tmp_path / "ledger"
    run(photos, tmp_path / "one", ledger=ledger)
    report = run(photos, tmp_path / "two", ledger=ledger)
    assert report.num_made == 8
    assert len(service.asked) == 8
    same = [(tmp_path / name / "candidates.jsonl").read_bytes() for name in ("one", "two")]
    assert same[0] == same[1]


def test_a_kill_between_an_answer_and_its_line_loses_nothing(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    out = tmp_path / "out"
    run(photos, out)
    before = (out / "candidates.jsonl").read_bytes()
    calls = out / "ledger" / "calls.jsonl"
    ends = [row for _, row in read_rows(calls) if row["event"] == "end"]
    for kept in range(0, 16, 5):
        lines = calls.read_bytes().splitlines(keepends=True)
        calls.write_bytes(b"".join(lines[:kept]) + b'{"event":"en')
        (out / "candidates.jsonl").write_bytes(before[: 100 * kept])
        report = run(photos, out)
        assert report.complete
        assert (out / "candidates.jsonl").read_bytes() == before
    assert len(service.asked) == 8
    assert len(ends) == 8


def test_several_candidates_a_photograph_have_seeds_and_keys_of_their_own(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    run(photos, tmp_path / "out", num_candidates=2)
    made = read_candidates(tmp_path / "out" / "candidates.jsonl")
    assert [c.key for c in made[:3]] == ["rain-p0", "rain-p0-c2", "rain-p1"]
    assert {c.source_key for c in made} == {f"rain-p{i}" for i in range(8)}
    assert len({c.seed for c in made}) == 2


def test_a_folder_of_one_editor_takes_no_other(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    run(photos, tmp_path / "out")
    with pytest.raises(UsageError, match="another editor"):
        run(photos, tmp_path / "out", editor="gpt-image-2")
    with pytest.raises(UsageError, match="another seed"):
        run(photos, tmp_path / "out", seed=3)


def test_two_runs_cannot_pay_for_the_same(photos: Path, tmp_path: Path, service: Service) -> None:
    plan = planned(photos, tmp_path / "out")
    with alone(tmp_path / "out"), pytest.raises(UsageError, match="Another run"):
        plan.run()
    assert not service.asked


def test_says_what_an_accepted_pair_costs(photos: Path, tmp_path: Path, service: Service) -> None:
    out = tmp_path / "out"
    run(photos, out)
    lines = [{"key": f"rain-p{i}", "accepted": i < 4} for i in range(8)]
    (out / "verdicts.jsonl").write_bytes(b"".join(to_line(line) for line in lines))
    report = run(photos, out)
    assert report.num_accepted == 4
    assert report.cost_per_accepted == pytest.approx(2 * PRICE)


def test_a_broken_photograph_costs_nothing_and_stops_nobody(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    (photos / "rain" / "p2.png").write_bytes(encoded(picture(2, 96, 64), "JPEG")[:-300])
    report = run(photos, tmp_path / "out")
    assert report.counts == {"bad_input": 1}
    assert report.num_made == 7
    assert len(service.asked) == 7


def test_a_name_that_is_not_utf8_costs_nothing_and_stops_nobody(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    name = photos / "rain" / os.fsdecode(b"p2\xff.png")
    try:
        (photos / "rain" / "p2.png").rename(name)
    except OSError:
        pytest.skip("this file system takes no such name")
    assert "udcff" in str(list_sources(photos, SourceLabels()).problems)
    assert run(photos, tmp_path / "out").num_made == len(service.asked) == 7
    with pytest.raises(SourceError, match=r"udcff.*not valid UTF-8"):
        find_pictures([photos])


def test_prompts_come_from_a_file_by_key_or_by_path(
    photos: Path, tmp_path: Path, service: Service
) -> None:
    file = tmp_path / "prompts.jsonl"
    rows = [
        {"key": f"rain-p{i}", "text": f"Dry picture {i}.", "strategy": "fixed"} for i in range(4)
    ]
    nested = {"strategy": "adaptive", "template": "adaptive/v1", "vlm_id": "org/vlm"}
    rows += [
        {
            "path": str(photos / "rain" / f"p{i}.png"),
            "prompt": {"text": f"Dry picture {i}.", "degradation": "haze", **nested},
        }
        for i in range(4, 8)
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    plan = Synthesis(
        list_sources(photos, SourceLabels()).sources,
        read_instructions(str(file)),
        open_editor("nano-banana-2"),
        tmp_path / "out",
        SynthOptions(max_cost=5.0, quiet=True),
    )
    plan.run()
    made = read_candidates(tmp_path / "out" / "candidates.jsonl")
    assert [c.prompt for c in made] == [f"Dry picture {i}." for i in range(8)]
    assert sorted(asked.prompt for asked in service.asked) == [c.prompt for c in made]
    assert (made[7].prompter, made[7].prompt_template) == ("org/vlm", "adaptive/v1")
    # What the folder says of a photograph goes before what the prompter thought.
    assert made[7].degradation == "rain"

"""Rankings: what is made, what is paid, what the numbers are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ggt_hf.errors import BudgetError, UsageError
from ggt_hf.evaluation.ranking.axes import FIDELITY, PREFERENCE, Measure, scaled, stand
from ggt_hf.evaluation.ranking.contestants import contestants_of
from ggt_hf.evaluation.ranking.making import Spending, quote
from ggt_hf.evaluation.ranking.page import write_ranking
from ggt_hf.evaluation.ranking.panel import SimulatedRater, simulate_panel
from ggt_hf.evaluation.ranking.rank import RankOptions, rank, wanted_pictures
from ggt_hf.evaluation.ranking.study import read_study
from ggt_hf.evaluation.ranking.tables import place_of, to_latex, to_markdown
from ggt_hf.evaluation.run import Settings
from ggt_hf.evaluation.task import task_of
from ggt_hf.synthesis.editors.offline import ReplayEditor
from ggt_hf.synthesis.prompters import PrompterChoice
from tests import accessible
from tests.evaluation.folders import calls, darker, make_pairs
from tests.evaluation.ranking.studies import brightener
from tests.making import encoded, picture

BOTH = ("fixed", "adaptive")


@pytest.fixture
def options(tmp_path: Path) -> RankOptions:
    pairs = make_pairs(tmp_path / "pairs")
    real = tmp_path / "real"
    real.mkdir()
    for number in range(4):
        pixels = darker(picture(20 + number, 64, 48))
        (real / f"r{number}.png").write_bytes(encoded(pixels))
    return RankOptions(
        fidelity=task_of(f"pairs={pairs}"),
        perceptual=task_of(f"real={real}"),
        metrics=("psnr",),
        observer=PrompterChoice(model="rules"),
        settings=Settings(quiet=True, num_workers=1),
    )


def editors(**more):
    """Opens ``b40``, ``b10``, ... and what else is named."""
    return lambda name: more[name] if name in more else brightener(int(name[1:]))


def test_every_editor_with_every_kind_of_prompts(options, tmp_path):
    contestants = contestants_of(["b50", "b10"], BOTH, editors())
    names = [one.name for one in contestants]
    assert names == ["b50.fixed", "b50.adaptive", "b10.fixed", "b10.adaptive"]
    found = rank(contestants, tmp_path / "out", options)
    assert [row.contestant for row in found.standings] == [
        "b50.adaptive", "b50.fixed", "b10.adaptive", "b10.fixed",
    ]  # fmt: skip
    best, worst = found.standings[0], found.standings[-1]
    assert best.axes == {FIDELITY: 1.0} and worst.axes == {FIDELITY: 0.0}
    assert best.average.mean == 1 and best.metrics["psnr"] > worst.metrics["psnr"]
    assert sum(row.first for row in found.standings) == pytest.approx(1)
    assert any("Not measured" in note for note in found.notes)


def test_done_is_not_done_again_and_a_new_editor_costs_only_itself(options, tmp_path):
    log, more = tmp_path / "log", tmp_path / "more"
    one = brightener(40, log)
    two = contestants_of(["one", "b10"], BOTH, editors(one=one))
    first = rank(two, tmp_path / "out", options)
    assert calls(log) == 2 * (6 + 4)
    assert log.read_text().split().count("True") == 10
    again = rank(two, tmp_path / "out", options)
    assert calls(log) == 20 and again.standings == first.standings
    three = contestants_of(["one", "b10", "two"], BOTH, editors(one=one, two=brightener(20, more)))
    rank(three, tmp_path / "out", options)
    assert calls(log) == 20 and calls(more) == 20


def test_nothing_is_paid_twice_and_the_cap_holds(options, tmp_path):
    log = tmp_path / "log"
    paid = brightener(40, log, price=0.5)
    contestants = contestants_of(["paid", "b10"], ["fixed"], editors(paid=paid))
    pictures = wanted_pictures(options)
    assert not (tmp_path / "out").exists()
    with pytest.raises(BudgetError):
        rank(contestants, tmp_path / "out", options)
    assert calls(log) == 0
    little = replace(options, spending=Spending(max_cost=2.0))
    [asked, free] = quote(contestants, pictures, tmp_path / "out", little.spending)
    assert (asked.num_calls, asked.most, free.most) == (10, 5.0, 0)
    with pytest.raises(BudgetError):
        rank(contestants, tmp_path / "out", little)
    assert calls(log) == 4
    enough = replace(options, spending=Spending(max_cost=5.0))
    rank(contestants, tmp_path / "out", enough)
    assert calls(log) == 10
    # In another folder the ledger knows every answer.
    shared = replace(enough, spending=Spending(max_cost=5.0, ledger=tmp_path / "out/ledger"))
    rank(contestants, tmp_path / "elsewhere", shared)
    assert calls(log) == 10
    assert quote(contestants, pictures, tmp_path / "out", enough.spending)[0].num_calls == 0


def test_a_picture_that_is_not_made_counts_as_the_input(options, tmp_path):
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "r0.png").write_bytes(encoded(picture(20, 64, 48)))
    contestants = contestants_of(
        ["theirs", "b10"], ["fixed"], editors(theirs=ReplayEditor(outputs))
    )
    found = rank(contestants, tmp_path / "out", options)
    [row] = [row for row in found.standings if row.contestant == "theirs.fixed"]
    assert row.num_missing == 6 + 3
    floor = found.reports[FIDELITY].summary.mean("pairs", "input", "all", "psnr")
    assert row.metrics["psnr"] == pytest.approx(floor.value.mean)
    assert any("the input counts: 9." in note for note in found.notes)


def test_replayed_outputs_of_each_kind_of_prompts(tmp_path):
    for kind in BOTH:
        (tmp_path / "made" / kind).mkdir(parents=True)
        (tmp_path / "made" / kind / "x.png").write_bytes(encoded(picture(1)))
    opened: list[str] = []

    def open_editor(name):
        opened.append(name)
        return brightener(1)

    contestants_of([f"ours=replay:{tmp_path / 'made'}"], BOTH, open_editor)
    assert sorted(opened) == sorted(f"replay:{tmp_path / 'made' / kind}" for kind in BOTH)


@pytest.mark.parametrize(
    ("names", "kinds", "says"),
    [
        ([], BOTH, "nothing to rank"),
        (["b1"], ["both"], "no list of kinds"),
        (["b1"], [], "no list of kinds"),
        (["b1", "b1"], BOTH, "Two contestants"),
    ],
)
def test_what_cannot_be_ranked(names, kinds, says):
    with pytest.raises(UsageError, match=says):
        contestants_of(names, kinds, editors())


def test_one_contestant_is_no_ranking(options, tmp_path):
    with pytest.raises(UsageError, match="first and last"):
        rank(contestants_of(["b1"], ["fixed"], editors()), tmp_path / "out", options)


def test_other_pictures_of_the_same_names_are_not_taken_for_those(options, tmp_path):
    contestants = contestants_of(["b50", "b10"], ["fixed"], editors())
    rank(contestants, tmp_path / "out", options)
    path = tmp_path / "real/r0.png"
    path.write_bytes(encoded(picture(99, 64, 48)))
    with pytest.raises(UsageError, match="made of another picture called r0"):
        rank(contestants, tmp_path / "out", options)


def test_two_tasks_of_one_name_are_refused(options, tmp_path):
    twins = replace(options, perceptual=replace(options.perceptual, name="pairs"))
    with pytest.raises(UsageError, match="Two different tasks are called pairs"):
        rank(contestants_of(["b1", "b2"], ["fixed"], editors()), tmp_path / "out", twins)


def test_one_task_may_serve_both(options, tmp_path):
    one = replace(options, perceptual=options.fidelity, metrics=("psnr", "piqe"))
    found = rank(contestants_of(["b50", "b10"], ["fixed"], editors()), tmp_path / "out", one)
    assert found.standings[0].axes.keys() == {FIDELITY, "perceptual"}


def test_votes_make_the_fourth_axis_and_twins_share_them(options, tmp_path):
    same = ReplayEditor(make_outputs(tmp_path / "same"))
    contestants = contestants_of(["b40", "same"], BOTH, editors(same=same))
    out = tmp_path / "out"
    rank(contestants, out, options)
    study = read_study(out)
    versions = study.versions
    assert set(versions) == {"r0", "r1", "r2", "r3"} and study.about["r0"].category == ""
    assert set(versions["r0"]) == {"b40.adaptive", "b40.fixed", "same.adaptive"} or set(
        versions["r0"]
    ) == {"b40.adaptive", "b40.fixed", "same.fixed"}
    liked = {name: 3.0 * name.startswith("same") for name in versions["r0"]}
    raters = [SimulatedRater(name=f"r{i}", strengths=liked) for i in range(6)]
    simulate_panel(raters, versions, out)
    found = rank(contestants, out, options)
    assert found.poll.votes and all(PREFERENCE in row.axes for row in found.standings)
    rows = {row.contestant: row for row in found.standings}
    assert rows["same.fixed"].axes[PREFERENCE] == rows["same.adaptive"].axes[PREFERENCE] == 1
    assert rows["same.fixed"].preferred == rows["same.adaptive"].preferred
    assert rows["same.fixed"].chosen == rows["same.adaptive"].chosen > 0.5
    assert (rows["same.adaptive"].twin_of, rows["same.fixed"].twin_of).count(None) == 1
    places = {name: place_of(row, found.standings) for name, row in rows.items()}
    assert places["same.fixed"] == places["same.adaptive"] == 0, "equals share a place"
    page = write_ranking(found).read_text()
    assert "Human preference" in page or "human preference" in page
    assert "win share" in to_markdown(found) and "Human preference" in to_latex(found)
    flat = pq.read_table(out / "ranking.parquet").to_pylist()
    said = json.loads((out / "ranking.json").read_text())
    assert [r["contestant"] for r in flat] == [r["contestant"] for r in said["standings"]]
    assert {path.name for path in (out / "figures").iterdir()} >= {"ranking.svg", "ranking.png"}


def test_a_new_contestant_takes_no_votes_from_its_twin(options, tmp_path):
    """Fixed prompts come before adaptive ones, so the new one is the stem."""
    out, same = tmp_path / "out", ReplayEditor(make_outputs(tmp_path / "same"))
    kinds = ["adaptive"]
    rank(contestants_of(["b40", "same"], kinds, editors(same=same)), out, options)
    versions = read_study(out).versions
    liked = {"b40.adaptive": 0.0, "same.adaptive": 3.0}
    simulate_panel([SimulatedRater(name="ada", strengths=liked)], versions, out)
    before = rank(contestants_of(["b40", "same"], kinds, editors(same=same)), out, options)
    after = rank(contestants_of(["b40", "same"], BOTH, editors(same=same)), out, options)
    assert read_study(out).twins == {"same.adaptive": "same.fixed"}
    assert after.poll.num_stale == 0 and len(after.poll.votes) == len(before.poll.votes) > 0
    chosen = {row.contestant: row.chosen for row in (*before.standings, *after.standings)}
    assert chosen["same.fixed"] == chosen["same.adaptive"] > 0.5


def test_votes_on_pictures_no_longer_ranked_are_told(options, tmp_path):
    out = tmp_path / "out"
    rank(contestants_of(["b50", "b10"], ["fixed"], editors()), out, options)
    liked = {"b50.fixed": 0.0, "b10.fixed": 1.0}
    simulate_panel([SimulatedRater(name="ada", strengths=liked)], read_study(out).versions, out)
    found = rank(contestants_of(["b50", "b40"], ["fixed"], editors()), out, options)
    assert found.poll.num_stale > 0 and not found.poll.votes
    assert any("not ranked any more" in note for note in found.notes)


@pytest.mark.needs("chromium")
def test_the_page_sorts_and_everybody_can_use_it(options, tmp_path, browser, page):
    contestants = contestants_of(["b50", "b10"], BOTH, editors())
    written = write_ranking(rank(contestants, tmp_path / "out", options))
    accessible.check_everywhere(browser, written.as_uri())
    page.goto(written.as_uri())
    table = page.locator("table.sortable").nth(1)
    table.get_by_role("button", name="PSNR").click()
    numbers = [float(text) for text in table.locator("td:nth-child(2) > span").all_inner_texts()]
    assert numbers == sorted(numbers, reverse=True) and len(numbers) == 4
    table.get_by_role("button", name="PSNR").click()
    assert table.locator("td:first-child").first.inner_text() == "b10.fixed"


def make_outputs(folder: Path) -> Path:
    folder.mkdir()
    for number in range(4):
        (folder / f"r{number}.png").write_bytes(encoded(picture(20 + number, 64, 48)))
    return folder


def test_the_formula_by_hand():
    """Two metrics of one axis, one of them lower-is-better, and another axis."""
    scores = np.array([[10.0, 20.0], [20.0, 30.0], [30.0, 40.0]])
    measures = [
        Measure(axis=FIDELITY, name="psnr", task="t", scores=scores),
        Measure(axis=FIDELITY, name="lpips", task="t", scores=scores / 100),
        Measure(
            axis="VLM-R", name="vlm_r", task="u", scores=np.array([[1.0, np.nan], [3, 3], [5, 5]])
        ),
    ]
    rows = {row.contestant: row for row in stand(["a", "b", "c"], measures, [], {})}
    assert rows["a"].axes == {FIDELITY: 0.5, "VLM-R": 0.0}
    assert rows["b"].axes == {FIDELITY: 0.5, "VLM-R": 0.5}
    assert rows["c"].average.mean == pytest.approx(0.75) and rows["c"].average.count == 2
    assert rows["c"].first == 1.0
    assert list(scaled(np.array([4.0, 4.0]))) == [0.5, 0.5]


def test_draws_without_a_score_do_not_count_as_zero():
    """One of eight pictures has a judge's word on a: most draws lack it."""
    silent = [np.nan] * 7
    scores = np.array([[90.0, *silent], [10.0] * 8])
    [best, worst] = stand(
        ["a", "b"], [Measure(axis="VLM-R", name="vlm_r", task="t", scores=scores)], [], {}
    )
    assert (best.contestant, best.first, best.average.low) == ("a", 1.0, 1.0)
    assert (worst.first, worst.average.high) == (0.0, 0.0)

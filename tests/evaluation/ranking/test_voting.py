"""The review page in pairwise mode, in a real browser: by keyboard, mouse and finger."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ggt_hf.errors import FormatError, UsageError
from ggt_hf.evaluation.ranking.ballot import draw_ballot
from ggt_hf.evaluation.ranking.study import CONTESTANTS, read_study
from ggt_hf.evaluation.ranking.votes import read_poll
from ggt_hf.evaluation.ranking.voting import open_voting, ruined
from ggt_hf.images import decode
from ggt_hf.quality.review_server import ReviewServer
from tests import accessible
from tests.evaluation.ranking.studies import make_versions
from tests.making import picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ["alpha-editor", "beta-editor", "gamma-editor"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of a ranking, as far as raters need it."""
    root = tmp_path / "ranking"
    versions = make_versions(root / "files", NAMES)
    said = {
        key: {
            "about": {"input": f"files/{key[1:]}-0.png", "category": "rain", "credit": "Ada, CC0"},
            "versions": {
                name: {"path": f"files/{one.path.name}", "sha256": one.sha256}
                for name, one in made.items()
            },
        }
        for key, made in versions.items()
    }
    (root / CONTESTANTS).write_text(json.dumps(said))
    return root


@pytest.fixture
def server(out: Path) -> Iterator[ReviewServer]:
    with open_voting(out, "ada", num_comparisons=6) as opened:
        yield opened


def saved(out: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (out / "votes/ada.jsonl").read_text().splitlines()]


def settled(page: Page) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#saved")).to_have_text("saved")


def await_number(page: Page, number: int) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#number")).to_have_text(f"{number} / 18")


@pytest.mark.needs("chromium")
def test_preferences_by_keyboard_and_mouse(server: ReviewServer, page: Page, out: Path) -> None:
    page.goto(server.url)
    assert page.locator("#question").inner_text() == "Which is the better restoration?"
    for number, key in enumerate("asd", 1):
        await_number(page, number)
        page.keyboard.press(key)
    await_number(page, 4)
    page.get_by_role("button", name="Right D").click()
    await_number(page, 5)
    page.keyboard.press("Backspace")
    await_number(page, 4)
    page.get_by_role("button", name="Left A").click()
    settled(page)
    ballot = draw_ballot(read_study(out).versions, "ada", num_comparisons=6)
    rows = saved(out)
    assert [row["choice"] for row in rows] == ["left", "same", "right", "right", "undo", "left"]
    assert [row["key"] for row in rows] == [ballot[i].key for i in (0, 1, 2, 3, 3, 3)]
    assert rows[0]["left"] == ballot[0].left.contestant
    with open_voting(out, "ada", num_comparisons=6) as again:
        page.goto(again.url)
        await_number(page, 5)


@pytest.mark.needs("chromium")
def test_the_input_is_shown_while_it_is_asked_for(server: ReviewServer, page: Page) -> None:
    page.goto(server.url)
    await_number(page, 1)
    third = page.locator("#stage img.reference")
    assert third.evaluate("image => getComputedStyle(image).visibility") == "hidden"
    page.keyboard.down("i")
    assert third.evaluate("image => getComputedStyle(image).visibility") == "visible"
    page.keyboard.up("i")
    assert third.evaluate("image => getComputedStyle(image).visibility") == "hidden"
    box = page.get_by_role("button", name="Show input").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    assert third.evaluate("image => getComputedStyle(image).visibility") == "visible"
    page.mouse.up()
    assert third.evaluate("image => getComputedStyle(image).visibility") == "hidden"
    assert page.locator("#decided").inner_text() == "0 decided"


@pytest.mark.needs("chromium")
def test_a_whole_ballot_counts(server: ReviewServer, page: Page, out: Path) -> None:
    """A rater who looks: the answer of each check is told to the test, not to the page."""
    ballot = draw_ballot(read_study(out).versions, "ada", num_comparisons=6)
    page.goto(server.url)
    for number, one in enumerate(ballot, 1):
        await_number(page, number)
        page.keyboard.press({"left": "a", "right": "d", None: "s"}[one.expected])
    settled(page)
    assert page.locator("#message").inner_text() == "All pairs are decided."
    poll = read_poll(out, read_study(out))
    assert [rater.says for rater in poll.raters] == ["counts: 0 of 12 checks missed"]
    assert len(poll.votes) == 6


@pytest.mark.needs("chromium")
def test_everybody_can_vote(server: ReviewServer, browser: Browser) -> None:
    accessible.check_everywhere(browser, server.url)


def get(url: str) -> tuple[bytes, str]:
    with urllib.request.urlopen(url) as answer:
        return answer.read(), answer.headers["content-type"]


def test_nothing_that_the_browser_gets_names_a_contestant(server: ReviewServer) -> None:
    page, _ = get(server.url)
    for word in (*NAMES, "check", ".png", "sha256", *(f'"p{n}"' for n in range(6))):
        assert word.encode() not in page
    sizes = set()
    for index in range(server.num_shown):
        for side in ("left", "right", "input"):
            data, kind = get(f"{server.url}picture/{index}/{side}")
            assert kind == "image/png"
            pixels = decode(data, "shown")
            sizes.add(pixels.shape)
    assert sizes == {(48, 64, 3)}


def test_a_ruined_picture_is_coarse_and_of_its_size() -> None:
    whole = picture(1, 200, 120)
    coarse = ruined(whole)
    assert coarse.shape == whole.shape
    assert (coarse[:10, :10] == coarse[0, 0]).all()
    assert len({tuple(c) for c in coarse.reshape(-1, 3)}) <= 20 * 12


@pytest.mark.parametrize(
    "path", ["picture/99/left", "picture/-1/left", "picture/0/gt", "picture/0"]
)
def test_other_addresses_find_nothing(server: ReviewServer, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(f"{server.url}{path}")


def test_what_cannot_be_voted_on(out: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no pictures of ggt rank"):
        open_voting(tmp_path, "ada")
    with pytest.raises(UsageError, match="cannot be called"):
        open_voting(out, "../ada")
    with open_voting(out, "ada") as first, pytest.raises(UsageError, match="port"):
        open_voting(out, "ben", port=first.port)


@pytest.mark.parametrize(
    "asked", [None, [], {}, {"key": "x", "choice": "left"}, {"choice": "accept"}]
)
def test_what_is_no_vote_is_not_written(out: Path, asked: object) -> None:
    from ggt_hf.evaluation.ranking.voting import _VotingSite

    study = read_study(out)
    ballot = draw_ballot(study.versions, "ada", num_comparisons=2)
    site = _VotingSite(out, ballot, study.about, "ada")
    if isinstance(asked, dict) and "choice" in asked and "key" not in asked:
        asked["key"] = ballot[0].key
    assert site.decide(asked) is False
    site.close()
    assert not (out / "votes/ada.jsonl").read_text()

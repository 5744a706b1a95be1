"""The review page in a real browser, by keyboard, mouse and finger."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.review import export_review, open_review
from ggt_hf.quality.review_server import ReviewServer
from tests import accessible
from tests.making import picture
from tests.quality.folders import make_candidate, make_folder, write_candidates
from tests.quality.review_waits import await_key, settled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def folder(tmp_path: Path) -> CandidateFolder:
    return CandidateFolder(make_folder(tmp_path / "candidates", 5))


@pytest.fixture
def server(folder: CandidateFolder) -> Iterator[ReviewServer]:
    with open_review(folder, "ada") as opened:
        yield opened


def saved(folder: CandidateFolder) -> list[tuple[str, str, str]]:
    lines = (folder.root / "reviews/ada.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["key"], row["choice"], row["reason"]) for row in rows]


def shown(page: Page) -> str:
    return page.locator("#key").inner_text()


def test_everybody_can_use_the_page(server: ReviewServer, browser: Browser) -> None:
    accessible.check_everywhere(browser, server.url)


def test_verdicts_by_keyboard(server: ReviewServer, page: Page, folder: CandidateFolder) -> None:
    page.goto(server.url)
    await_key(page, "pair-000")
    page.keyboard.press("a")
    await_key(page, "pair-001")
    page.keyboard.press("r")
    page.keyboard.press("3")
    page.keyboard.press("r")
    page.locator("#typed").click()
    page.keyboard.type("a third arm 1")
    page.keyboard.press("Enter")
    page.keyboard.press("u")
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    await_key(page, "pair-004")
    settled(page)
    assert saved(folder) == [
        ("pair-000", "accept", ""),
        ("pair-001", "reject", "text changed"),
        ("pair-002", "reject", "a third arm 1"),
        ("pair-003", "unsure", ""),
    ]
    page.keyboard.press("a")
    assert page.locator("#message").inner_text() == "All pairs are decided."


def test_undo_takes_back_one_after_the_other(
    server: ReviewServer, page: Page, folder: CandidateFolder
) -> None:
    page.goto(server.url)
    for key in "au":
        page.keyboard.press(key)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("a")  # what was unsure is accepted now
    page.keyboard.press("Backspace")
    assert (shown(page), page.locator("#verdict").inner_text()) == ("pair-001", "Unsure")
    page.keyboard.press("Control+z")
    assert (shown(page), page.locator("#verdict").inner_text()) == ("pair-001", "")
    page.get_by_role("button", name="Undo").click()
    await_key(page, "pair-000")
    settled(page)
    assert page.locator("#decided").inner_text() == "0 decided"
    with open_review(folder, "ada") as again:
        page.goto(again.url)
        assert page.locator("#decided").inner_text() == "0 decided"


def test_it_goes_on_after_the_server_was_started_again(page: Page, folder: CandidateFolder) -> None:
    with open_review(folder, "ada") as first:
        page.goto(first.url)
        page.keyboard.press("a")
        page.keyboard.press("u")
        settled(page)
    with open_review(folder, "ada") as second, open_review(folder, "ben") as other:
        page.goto(second.url)
        await_key(page, "pair-002")
        assert page.locator("#counts").inner_text() == "Accept 1 · Reject 0 · Unsure 1"
        page.goto(other.url)
        await_key(page, "pair-000")
        assert page.locator("#counts").inner_text() == "Accept 0 · Reject 0 · Unsure 0"


def test_a_server_that_is_gone_is_said_and_nothing_is_lost(
    browser: Browser, folder: CandidateFolder
) -> None:
    # The answers are faked: a server that ended does not come back under the same address.
    page = browser.new_page()
    with open_review(folder, "ada") as server:
        page.goto(server.url)
        page.evaluate(
            "() => { send = fetch; fetch = () => Promise.reject(new TypeError('failed')); }"
        )
        page.keyboard.press("a")
        page.keyboard.press("u")
        page.wait_for_selector("#saved.failed")
        assert page.locator("#saved").inner_text().startswith("2 not saved: no answer")
        page.evaluate("() => { fetch = send; }")
        settled(page)
        assert [row[:2] for row in saved(folder)] == [
            ("pair-000", "accept"),
            ("pair-001", "unsure"),
        ]
    page.close()


def test_a_full_disk_is_said_and_the_verdict_is_written_when_it_can_be(
    server: ReviewServer, browser: Browser, folder: CandidateFolder
) -> None:
    page = browser.new_page()
    page.goto(server.url)
    log = next((folder.root / "reviews").iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Five bytes fit yet.
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 5, limits[1]))
    try:
        page.keyboard.press("a")
        page.wait_for_selector("#saved.failed")
        assert "1 not saved: [Errno" in page.locator("#saved").inner_text()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    settled(page)
    assert [row[:2] for row in saved(folder)] == [("pair-000", "accept")]
    page.close()


def test_verdicts_by_mouse(server: ReviewServer, page: Page, folder: CandidateFolder) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Accept").click()
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("button", name="colours changed").click()
    page.get_by_role("button", name="Previous").click()
    assert page.locator("#verdict").inner_text() == "Reject: colours changed"
    page.get_by_role("button", name="Next undecided").click()
    await_key(page, "pair-002")
    page.keyboard.press(" ")  # the button was left: space decides nothing
    await_key(page, "pair-002")
    settled(page)
    assert len(saved(folder)) == 2
    strip = page.locator("#strip")
    box = strip.bounding_box()
    assert box is not None
    strip.click(position={"x": box["width"] * 0.95, "y": 3})
    await_key(page, "pair-004")


def test_names_from_outside_are_text(page: Page, tmp_path: Path) -> None:
    evil = '</script><script>window.evil = 1</script><img src=x onerror="evil=1">'
    made = make_candidate(tmp_path, "one", picture(1), picture(2))
    write_candidates(tmp_path, [replace(made, prompt=evil, credit=evil)])
    with open_review(CandidateFolder(tmp_path), "ada") as server:
        page.goto(server.url)
        assert page.locator("#prompt").inner_text() == evil
        assert page.evaluate("window.evil") is None


def test_an_exported_page_works_from_the_disk(
    page: Page, folder: CandidateFolder, tmp_path: Path
) -> None:
    html = export_review(folder, "ada", tmp_path / "page").as_uri()
    page.goto(html)
    page.keyboard.press("a")
    page.keyboard.press("r")
    page.keyboard.press("9")
    page.goto(html)
    await_key(page, "pair-002")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save decisions").click()
    assert download.value.suggested_filename == "ada.jsonl"
    (folder.root / "reviews").mkdir()
    download.value.save_as(folder.root / "reviews/ada.jsonl")
    assert saved(folder) == [("pair-000", "accept", ""), ("pair-001", "reject", "unchanged")]
    with open_review(folder, "ada") as server:
        page.goto(server.url)
        await_key(page, "pair-002")

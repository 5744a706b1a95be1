"""The review page in a real browser, by keyboard, mouse and finger."""

from __future__ import annotations

import json
import resource
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.review import export_review, open_review
from ggt_hf.quality.review_server import ReviewServer
from tests import accessible
from tests.making import picture
from tests.quality.folders import make_candidate, make_folder, write_candidates

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> CandidateFolder:
    root = make_folder(tmp_path_factory.mktemp("many"), 50)
    made = CandidateFolder(root).candidates
    again = [replace(made[i % 50], key=f"pair-{i:03d}") for i in range(500)]
    return CandidateFolder(write_candidates(root, again))


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


def settled(page: Page) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#saved")).to_have_text("saved")


def await_key(page: Page, key: str) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#key")).to_have_text(key)


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


def cut(page: Page) -> Any:
    return page.evaluate(
        "[Number(range.value), view.scale, Math.round(view.x), Math.round(view.y)]"
    )


def test_slider_and_zoom(server: ReviewServer, page: Page) -> None:
    page.goto(server.url)
    box = page.locator("#stage").bounding_box()
    assert box is not None
    x, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(x + box["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] * 0.25, y)
    page.mouse.up()
    assert cut(page)[0] == pytest.approx(25, abs=1)
    page.keyboard.press("]")
    assert cut(page)[0] == pytest.approx(30, abs=1)
    page.mouse.move(x + box["width"] * 0.75, y)
    page.mouse.wheel(0, -600)
    share, scale, left, _ = cut(page)
    assert scale > 2
    # What lay under the pointer stays under it.
    assert left == pytest.approx(box["width"] * 0.75 * (1 - scale), abs=2)
    page.mouse.down()
    page.mouse.move(x + box["width"] * 0.75 + 60, y)
    page.mouse.up()
    assert cut(page)[:3] == [share, scale, left + 60], "away from the handle a drag moves the view"
    page.keyboard.press("Shift+ArrowRight")
    assert cut(page)[2] == left - 20
    page.keyboard.press("0")
    assert cut(page)[1:] == [1, 0, 0]
    page.keyboard.press("Tab")
    await_key(page, "pair-000")


def test_the_picture_left_of_the_handle_is_the_input_at_every_zoom(
    server: ReviewServer, page: Page
) -> None:
    """The LQ is a third as bright as its target: the left half must stay the darker one."""
    import io

    import numpy as np
    from PIL import Image

    page.goto(server.url)
    page.wait_for_selector("#stage:not(.loading)")
    for key in ("0", "z", "+"):
        page.keyboard.press(key)
        pixels = np.asarray(Image.open(io.BytesIO(page.locator("#stage").screenshot())))
        half = pixels.shape[1] // 2
        left, right = pixels[:-60, 40 : half - 40, :3], pixels[:-60, half + 40 : -40, :3]
        assert left.mean() < 0.6 * right.mean()
    page.keyboard.down(" ")
    pixels = np.asarray(Image.open(io.BytesIO(page.locator("#stage").screenshot())))
    assert pixels[:-60, half + 40 : -40, :3].mean() < 0.6 * right.mean()
    page.keyboard.up(" ")


def test_two_fingers_zoom(browser: Browser, server: ReviewServer) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(server.url)
    box = page.locator("#stage").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = context.new_cdp_session(page)

    def fingers(kind: str, *places: float) -> None:
        points = [{"x": place, "y": y, "id": i} for i, place in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", x - 30, x + 30)
    for step in (40, 60, 90):
        fingers("touchMove", x - step, x + step)
    fingers("touchEnd")
    page.wait_for_function("Math.abs(view.scale - 3) < 0.3")
    page.get_by_role("button", name="Accept").tap()
    await_key(page, "pair-001")
    context.close()


def test_five_hundred_pairs_without_lag(page: Page, many: CandidateFolder) -> None:
    """Pairs are asked for before they are turned to, and shown at once: the median of 60."""
    with open_review(many, "ada") as server:
        page.goto(server.url)
        page.wait_for_selector("#stage:not(.loading)")
        assert page.locator("#number").inner_text() == "1 / 500"
        asked, took = page.evaluate(TURNED)
        assert page.locator("#number").inner_text() == "61 / 500"
        assert all(asked), "the next pair was on its way before anybody turned to it"
        # 13 ms on two busy cores; a picture that is fetched only when shown takes far longer.
        assert statistics.median(took) < 100
        assert page.evaluate("pairs.size") <= 10, "pictures that are far away are dropped"
        page.keyboard.press("End")
        page.keyboard.press("n")
        settled(page)


TURNED = """async () => {
  const asked = [], took = [];
  for (let i = 0; i < 60; i++) {
    await pairs.get(current).ready;
    asked.push(pairs.has(current + 1));
    await new Promise((r) => setTimeout(r, 40));
    const start = performance.now();
    window.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
    await pairs.get(current).ready;
    await new Promise((r) => requestAnimationFrame(() => setTimeout(r)));
    took.push(performance.now() - start);
  }
  return [asked, took];
}"""


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_every_screen(
    server: ReviewServer, page: Page, width: int, scheme: str
) -> None:
    page.set_viewport_size({"width": width, "height": 720})
    page.emulate_media(color_scheme=scheme)
    page.goto(server.url)
    fits = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    assert page.evaluate(fits) <= [width, 720]
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert (ink == "rgb(233, 231, 226)") == (scheme == "dark")
    stage = page.locator("#stage").bounding_box()
    assert stage is not None and stage["width"] > 0.5 * min(width, 720)
    assert stage["width"] / stage["height"] == pytest.approx(96 / 64, rel=0.01)


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

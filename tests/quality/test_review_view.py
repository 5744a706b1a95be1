"""What the review page shows, in a real browser: slider, zoom, fingers, five hundred pairs."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.review import open_review
from ggt_hf.quality.review_server import ReviewServer
from tests.quality.folders import make_folder, write_candidates
from tests.quality.review_waits import await_key, settled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReviewServer]:
    with open_review(CandidateFolder(make_folder(tmp_path / "candidates", 5)), "ada") as opened:
        yield opened


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> CandidateFolder:
    root = make_folder(tmp_path_factory.mktemp("many"), 50)
    made = CandidateFolder(root).candidates
    again = [replace(made[i % 50], key=f"pair-{i:03d}") for i in range(500)]
    return CandidateFolder(write_candidates(root, again))


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

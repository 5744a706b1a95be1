"""Pages that everybody can use: axe's rules, in light and dark, on a wide screen and a phone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from axe_playwright_python.sync_playwright import Axe

from tests.browser import PATIENCE_MS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

VIEWS = [("light", 1280, 900), ("dark", 390, 844)]
"""Colour scheme, width and height: every colour and every layout is seen once."""


def check(page: Page) -> None:
    """Fail with what axe finds: its rule, how bad it is, and the first element concerned."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    said = [
        f"{rule['id']} ({rule['impact']}): {len(rule['nodes'])}, such as "
        f"{rule['nodes'][0]['html'][:200]}; {rule['nodes'][0]['failureSummary'][:300]}"
        for rule in found
    ]
    assert not said, "\n".join(said)


@contextmanager
def seen(browser: Browser, url: str) -> Iterator[list[Page]]:
    """The page in all `VIEWS`, the phone with a touch screen."""
    contexts = [
        browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            has_touch=width < 500,
        )
        for scheme, width, height in VIEWS
    ]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
    yield pages
    for context in contexts:
        context.close()


def check_everywhere(browser: Browser, url: str) -> None:
    """Fail where axe finds something in any of `VIEWS`, or where the page is too wide."""
    with seen(browser, url) as pages:
        for page in pages:
            check(page)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert page.viewport_size and width <= page.viewport_size["width"]


def place(slider: Locator) -> float:
    """Where a slider's handle stands: 0 = left, 1 = right."""
    style = slider.get_attribute("style") or ""
    return float(style.partition("--at:")[2].strip(" %;")) / 100


def await_place(page: Page, slider: Locator, wanted: float, within: float = 1e-6) -> None:
    """Fail where the handle does not come to stand at `wanted`: pages may take their time."""
    deadline = time.monotonic() + 60
    while not abs(place(slider) - wanted) <= within:
        assert time.monotonic() < deadline, f"it stands at {place(slider)}, not at {wanted}"
        page.wait_for_timeout(20)


def check_moves(page: Page, slider: Locator) -> None:
    """Fail where a slider does not follow mouse, keyboard and, if the page has one, the finger."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2

    page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, middle, steps=4)
    page.mouse.up()
    await_place(page, slider, 0.2, 0.06)

    before = place(slider)
    slider.locator("input").focus()
    page.keyboard.press("ArrowRight")
    await_place(page, slider, before + 0.01)
    page.keyboard.press("End")
    await_place(page, slider, 1)

    if page.evaluate("navigator.maxTouchPoints"):
        page.touchscreen.tap(box["x"] + box["width"] * 0.7, middle)
        await_place(page, slider, 0.7, 0.06)

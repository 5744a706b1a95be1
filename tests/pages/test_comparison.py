from __future__ import annotations

import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ggt_hf.pages.comparison import (
    Comparison,
    ComparisonGroup,
    ComparisonPage,
    EncodedImage,
    PageTable,
)
from tests.making import encoded, picture

if TYPE_CHECKING:
    from playwright.sync_api import Page

EVIL = '<script>window.evil = 1</script>"'


def make_page() -> ComparisonPage:
    before = EncodedImage(data=encoded(picture(1, 96, 64) // 3), format="png")
    after = EncodedImage(data=encoded(picture(1, 96, 64)), format="png")
    return ComparisonPage(
        title="Two pairs",
        lead="What one sees.",
        facts={"Pairs": "2"},
        tables=[PageTable(heading="Counts", columns=["split", "pairs"], rows=[["train", "2"]])],
        next_commands={"ggt info .": "Counts."},
        groups=[
            ComparisonGroup(
                heading="rain",
                comparisons=[
                    Comparison(
                        title=title,
                        before=before,
                        after=after,
                        width=96,
                        height=64,
                        badge="synthetic",
                        notes=["CC0-1.0"],
                    )
                    for title in ("first", EVIL)
                ],
            )
        ],
    )


def test_text_is_escaped() -> None:
    class Scripts(HTMLParser):
        found = 0

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found += tag == "script"

    scripts = Scripts()
    scripts.feed(make_page().to_html())
    assert scripts.found == 1


def test_half_characters_in_names_spoil_no_page(tmp_path: Path) -> None:
    page = replace(make_page(), title=os.fsdecode(b"bad\xff.jpg"))
    page.write(tmp_path / "index.html")
    assert "<h1>bad?.jpg</h1>" in (tmp_path / "index.html").read_text()


def test_a_page_fetches_nothing(tmp_path: Path) -> None:
    make_page().write(tmp_path / "index.html")
    html = (tmp_path / "index.html").read_text()
    assert "http://" not in html
    assert "https://" not in html
    assert [file.name for file in tmp_path.iterdir()] == ["index.html"]


def position(page: Page, index: int = 0) -> str:
    return page.locator(".slider").nth(index).evaluate("s => s.style.getPropertyValue('--at')")


@pytest.mark.needs("chromium")
def test_sliders_work_by_keyboard_and_mouse(tmp_path: Path, page: Page) -> None:
    make_page().write(tmp_path / "index.html")
    page.goto((tmp_path / "index.html").as_uri())
    assert position(page) == "50%"
    page.locator(".slider input").first.focus()
    page.keyboard.press("ArrowRight")
    assert position(page) == "51%"
    page.keyboard.press("Home")
    assert position(page) == "0%"
    box = page.locator(".slider").nth(1).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)
    assert 74 <= int(position(page, 1).rstrip("%")) <= 86
    assert page.evaluate("window.evil") is None


@pytest.mark.needs("chromium")
def test_a_slider_shows_before_on_the_left_and_after_on_the_right(
    tmp_path: Path, page: Page
) -> None:
    make_page().write(tmp_path / "index.html")
    page.goto((tmp_path / "index.html").as_uri())
    slider = page.locator(".slider").first
    shots = []
    for value in ("0", "100"):
        slider.locator("input").fill(value)
        shots.append(_mean(slider.screenshot()))
    after, before = shots
    assert after > 2 * before


def _mean(png: bytes) -> float:
    import io

    import numpy as np
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    height, width = pixels.shape
    return float(pixels[5 : height // 3, width // 4 : width // 2 - 20].mean())


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_every_screen(tmp_path: Path, page: Page, width: int, scheme: str) -> None:
    long = "a-name-without-a-space_" * 12
    groups = [ComparisonGroup(heading=long, lead=long), *make_page().groups]
    named = replace(make_page(), title=long, lead=long, facts={long: long}, groups=groups)
    named.write(tmp_path / "index.html")
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto((tmp_path / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert (ink == "rgb(233, 231, 226)") == (scheme == "dark")

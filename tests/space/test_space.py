"""The Space, as its files say, in a real browser and without a network."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from packaging.requirements import Requirement

from ggt_hf import sample
from ggt_hf.space.files import GRADIO, NAMES, space_files
from ggt_hf.version import __version__
from tests import accessible
from tests.browser import PATIENCE_MS
from tests.hub_server.loopback import REPOSITORY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("gradio")

RAIN = sample.ROOT / "real" / "rain" / "weather-showers.jpg"
START = "Look at it and restore it"


def test_the_files_say_what_the_hub_asks() -> None:
    from huggingface_hub import SpaceCard

    files = {path: content.decode() for path, content in space_files("org/model", "rules").items()}
    assert tuple(files) == NAMES
    card = SpaceCard(files["README.md"]).data.to_dict()
    assert (card["sdk"], card["sdk_version"], card["app_file"]) == ("gradio", GRADIO, "app.py")
    assert card["models"] == ["org/model"]
    assert len(card["short_description"]) <= 60  # the Hub refuses longer ones
    assert 'serve(restorer="org/model", observer="rules")' in files["app.py"]
    ast.parse(files["app.py"])
    assert Requirement(files["requirements.txt"].strip()).specifier.contains(
        __version__, prereleases=True
    )
    assert "models" not in yaml.safe_load(space_files()["README.md"].decode().split("---")[1])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Space's own app.py, started where there is no Hub."""
    folder = tmp_path_factory.mktemp("space")
    for path, content in space_files().items():
        (folder / path).write_bytes(content)
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder / "temporary"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
    }
    server = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert server.stdout
    said = ""
    for line in server.stdout:
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            yield found[0]
            break
    else:
        pytest.fail(f"it did not start:\n{said}")
    server.terminate()
    server.communicate(timeout=200)


def upload(page: Page, photograph: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(photograph)
    page.locator(f"img[src*='{photograph.stem}']").first.wait_for()
    page.get_by_role("button", name=START).click()


@pytest.mark.needs("chromium")
def test_a_photograph_is_seen_worded_and_restored(address: str, browser: Browser) -> None:
    elsewhere: list[str] = []
    with accessible.seen(browser, address) as pages:
        for page in pages:
            page.on("request", lambda request: elsewhere.append(request.url))
            upload(page, RAIN)
            slider = page.locator(".slider")
            slider.wait_for()
            assert "rain" in page.get_by_label("What the observer sees").input_value()
            asked = page.get_by_label("What an editing model would be asked").input_value()
            assert "Remove:" in asked and "rain streaks" in asked
            before, after = (
                slider.locator(f"img.{side}").get_attribute("src") for side in ("before", "after")
            )
            assert before != after
            accessible.check_moves(page, slider)
            accessible.check(page)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert page.viewport_size and width <= page.viewport_size["width"]
    assert not [url for url in elsewhere if not url.startswith((address, "data:", "blob:"))]


@pytest.mark.needs("chromium")
def test_what_cannot_be_restored_is_said_in_words(
    address: str, browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    page.get_by_role("button", name=START).click()
    page.get_by_text("Give a photograph first.").wait_for()
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(RAIN.read_bytes()[:9000])
    page.locator("input[type=file]").first.set_input_files(broken)
    page.locator("img[src*='broken']").first.wait_for(state="attached")
    page.get_by_role("button", name=START).click()
    said = page.get_by_text("Your photograph").first
    said.wait_for()
    assert str(tmp_path) not in page.content()
    page.close()

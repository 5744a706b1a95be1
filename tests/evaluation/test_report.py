"""The report of a run, in a real browser."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from ggt_hf.evaluation.benchmark import run_benchmark
from ggt_hf.evaluation.report import FIGURES, choose, write_report
from ggt_hf.evaluation.restorers import Input
from ggt_hf.evaluation.run import BenchmarkReport, Settings
from ggt_hf.evaluation.scores import PictureScore
from ggt_hf.evaluation.task import task_of
from tests import accessible
from tests.evaluation.folders import Brighter, make_pairs

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkReport:
    root = tmp_path_factory.mktemp("report")
    pairs = make_pairs(root / "pairs", 12)
    restorers = [Input(), Brighter(name="ten", by=10), Brighter(name="forty", by=40)]
    settings = Settings(metrics=("psnr", "ssim"), quiet=True, num_workers=1)
    tasks = [task_of(str(pairs))]
    return run_benchmark(restorers, tasks, root / "out", settings, against="input")


@pytest.fixture(scope="module")
def written(report):
    return write_report(report)


@pytest.fixture
def opened(page: Page, written) -> Page:
    page.goto(written.as_uri())
    return page


def rows(page: Page) -> list[str]:
    return page.locator("table.sortable").first.locator("tbody td:first-child").all_inner_texts()


@pytest.mark.needs("chromium")
def test_a_click_on_a_column_sorts_by_it_and_a_second_one_turns_it(opened):
    psnr = opened.locator("table.sortable").first.get_by_role("button", name="PSNR ↑")
    psnr.click()
    falling = rows(opened)
    assert falling[-1] == "input" and set(falling) == {"input", "ten", "forty"}
    assert opened.locator('th[aria-sort="descending"]').count() == 1
    psnr.click()
    assert rows(opened) == falling[::-1]


@pytest.mark.needs("chromium")
def test_any_two_versions_lie_under_the_sliders(opened):
    assert opened.locator(".slider").count() == 6
    badges = opened.locator("figure .badge").all_inner_texts()
    assert badges == ["best", "median", "worst", *["random"] * 3]
    left, right = opened.locator(".pick select").all()
    assert (left.input_value(), right.input_value()) == ("input", "forty")
    left.select_option("ten")
    right.select_option("ground truth")
    shown = opened.locator(".slider").first.locator("img:visible")
    assert {one.get_attribute("data-version") for one in shown.all()} == {"ten", "ground truth"}
    assert opened.locator(".slider .label.before").first.inner_text() == "ten"
    right.select_option("ten")  # one version on both sides
    assert opened.locator(".slider").first.locator("img:visible").count() == 1


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_on_a_phone(browser, written, scheme):
    page = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page.goto(written.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    ink, paper = (
        page.evaluate(f"getComputedStyle(document.body).{name}")
        for name in ("color", "backgroundColor")
    )
    brightness = [sum(map(int, re.findall(r"\d+", color)[:3])) for color in (ink, paper)]
    assert (brightness[0] > brightness[1]) == (scheme == "dark")
    page.close()


def test_everybody_can_use_the_page(browser, written):
    accessible.check_everywhere(browser, written.as_uri())


def test_the_page_needs_nothing_from_elsewhere(written):
    text = written.read_text(encoding="utf-8")
    without_data = re.sub(r"data:image/webp;base64,[A-Za-z0-9+/=]+", "", text)
    assert "http://" not in without_data and "https://" not in without_data
    assert 'src=""' in without_data and "<link" not in without_data


def test_figures_are_files_too(report, written):
    folder = report.out / FIGURES
    names = {path.stem for path in folder.glob("*.svg")}
    assert names == {path.stem for path in folder.glob("*.png")}
    assert {"pairs-psnr", "pairs-psnr-difference", "pairs-time"} <= names
    for path in folder.glob("*.svg"):
        assert ET.fromstring(path.read_text()).attrib["role"] == "img"
    with Image.open(folder / "pairs-psnr.png") as image:
        assert image.width == 1440 and len(image.getcolors(1 << 20)) > 20


def test_names_are_text_and_never_code(tmp_path):
    pairs = make_pairs(tmp_path / "pairs", 2)
    settings = Settings(metrics=("psnr",), quiet=True, num_workers=1)
    task = task_of(str(pairs))
    made = run_benchmark([Input(name="input")], [task], tmp_path / "out", settings)
    object.__setattr__(task, "title", HOSTILE)
    object.__setattr__(task, "about", HOSTILE)
    made.tasks = {task.name: task}
    text = write_report(made).read_text(encoding="utf-8")
    assert HOSTILE not in text and "&lt;script&gt;alert(1)" in text


def score(key: str, psnr: float) -> PictureScore:
    return PictureScore(
        task="t", restorer="r", key=key, category=None, width=1, height=1, seed=0,
        scores={"psnr": psnr}, output=None, output_sha256="", restore_seconds=None,
        score_seconds=0, fingerprint="",
    )  # fmt: skip


def test_best_and_worst_are_by_the_gain_where_something_is_compared():
    made = [score(f"k{i}", float(i)) for i in range(9)]
    alone = {one.why: one.key for one in choose(made, "r", {})}
    assert (alone["best"], alone["median"], alone["worst"]) == ("k8", "k4", "k0")
    others = {f"k{i}": 2.0 * i for i in range(9)}  # the gain falls with i
    gained = {one.why: one.key for one in choose(made, "r", others)}
    assert (gained["best"], gained["worst"]) == ("k0", "k8")
    assert [one.key for one in choose(made[:1], "r", {})] == ["k0"]

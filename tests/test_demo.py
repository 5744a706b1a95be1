from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ggt_hf import sample
from ggt_hf.data.format.schema import INFO_PATH
from ggt_hf.data.loading.bare_name import BARE_NAME
from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.degradation import REVISION
from ggt_hf.demo.report import DemoReport, Steps
from ggt_hf.demo.restoring import run_restoring
from ggt_hf.images import inspect
from ggt_hf.quality.verdict_file import read_verdicts
from ggt_hf.training.record import RunRecord
from ggt_hf.vlm import offline_model
from tests import accessible

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# The demo takes a minute of both cores, and several where others want them as well.
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ggt demo` as a user runs it: another process, no network wanted."""
    root = tmp_path_factory.mktemp("demo")
    ran = subprocess.run(
        [sys.executable, "-m", "ggt_hf", "demo", "--json"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(ran.stdout)
    assert report["num_pairs"] == len(sample.PAIRS.read_text().splitlines())
    assert [line.split()[0] for line in ran.stderr.splitlines()] == list(report["seconds"])
    return root / "ggt-demo"


def test_plain_datasets_loads_what_the_demo_built(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.chdir(demo)
    rain = datasets.load_dataset("ggt-100k", "rain", split="test", streaming=True)
    assert len(list(rain)) == 2


@pytest.mark.needs("chromium")
def test_the_page_shows_every_pair(demo: Path, page: Page) -> None:
    page.goto((demo / "index.html").as_uri())
    num_real = len(list(sample.real_photographs()))
    assert page.locator(".slider").count() == 60 + num_real
    assert page.locator(".strip").count() == num_real
    assert page.locator(".badge", has_text="synthetic").count() == 60
    assert page.locator("figcaption", has_text="measured").count() == num_real
    shown = page.evaluate(
        "Promise.all([...document.images].map(image => image.decode().then(() => true)))"
    )
    assert shown == [True] * (2 * (60 + num_real) + 3 * num_real)
    page.locator(".slider input").nth(30).fill("10")
    style = page.locator(".slider").nth(30).get_attribute("style")
    assert style is not None
    assert "10%" in style


OBSERVERS = {"embedded": "the tiny model of the package", "rules": "image statistics"}


@pytest.mark.needs("chromium")
def test_the_page_gives_each_verdict_with_its_reasons(demo: Path, page: Page) -> None:
    page.goto((demo / "index.html").as_uri())
    verdicts = read_verdicts(demo / "candidates" / "verdicts.jsonl")
    assert {check.stage for verdict in verdicts for check in verdict.checks} == {"metrics", "vlm"}
    for verdict in verdicts:
        title = page.locator("figcaption > strong", has_text=re.compile(f"^{verdict.key}$"))
        shown = title.locator("..").inner_text()
        assert verdict.outcome in shown
        for check in verdict.checks:
            assert check.reason.partition("; not shown")[0] in shown
        assert "Restore this" in shown and OBSERVERS[offline_model()] in shown
    accepted = [verdict.key for verdict in verdicts if verdict.accepted]
    with open_dataset(demo / "generated") as store:
        assert sorted(row.key for row in store.manifest) == sorted(accepted)
    assert page.locator("table", has_text="ranked right").count() == 1


def test_the_embedded_restorer_is_finetuned_and_put_to_work(demo: Path) -> None:
    record = RunRecord.read(demo / "finetuned")
    assert record.finished
    assert record.ratio == [1, 1]
    assert [source.get("simulator") for source in record.data] == [None, REVISION]
    assert record.data[0]["root_hash"] == json.loads((demo / INFO).read_text())["root_hash"]
    for photograph in sample.real_photographs():
        before = inspect(photograph.path.read_bytes(), "before")
        results = [demo / "restored" / name / photograph.path.name for name in RESTORERS]
        made = [result.read_bytes() for result in results]
        assert made[0] != made[1]
        sizes = {(info.width, info.height) for info in (inspect(data, "made") for data in made)}
        assert sizes == {(before.width, before.height)}


RESTORERS = ("embedded", "finetuned")
INFO = f"{BARE_NAME}/{INFO_PATH}"


def test_without_what_training_needs_restoring_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    report = DemoReport(out=tmp_path, dataset=tmp_path / "set", page=tmp_path / "index.html")
    said: list[str] = []
    run_restoring(report, Steps(report, said.append))
    assert "pip install 'ggt-hf[train]'" in said[0]
    assert report.restoring_left_out
    assert (report.restored, report.comparison, list(tmp_path.iterdir())) == ({}, None, [])


@pytest.mark.needs("chromium")
def test_the_demo_ends_with_a_report(demo: Path, page: Page) -> None:
    page.goto((demo / "index.html").as_uri())
    page.get_by_role("link", name="Report: restorers compared").click()
    rows = page.locator("table").first.locator("tbody tr")
    names = [rows.nth(row).locator("td").first.inner_text() for row in range(rows.count())]
    assert names == ["input", "classical", *RESTORERS]
    assert rows.locator("small", has_text=re.compile(r"\d to \d")).count() >= 2 * len(names)


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [360, 1440])
def test_the_page_fits(demo: Path, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto((demo / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.needs("chromium")
def test_everybody_can_use_the_page(demo: Path, browser: Browser) -> None:
    address = (demo / "index.html").as_uri()
    accessible.check_everywhere(browser, address)
    with accessible.seen(browser, address) as pages:
        for page in pages:
            accessible.check_moves(page, page.locator(".slider").nth(3))

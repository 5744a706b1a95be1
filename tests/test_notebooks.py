"""The notebooks run as they are, offline, and each cell gives what its text promises.

What only the real models and data would show is tried as far as it goes here: the same cells again,
with a repository of the loopback Hub in the place of the default.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from packaging.requirements import Requirement

from ggt_hf import push_dataset
from ggt_hf.data.loading.sample_shards import sample_dataset
from tests.hub_server.loopback import REPOSITORY, Hub

pytestmark = pytest.mark.slow

FOLDER = REPOSITORY / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
SECONDS = 180
"""What one notebook may take on a CPU."""


def opened(number: int) -> NotebookNode:
    return nbformat.read(NOTEBOOKS[number - 1], as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


class Executed:
    """A notebook after it was run from top to bottom."""

    def __init__(self, notebook: NotebookNode) -> None:
        self.cells = code_cells(notebook)

    def cell(self, words: str) -> NotebookNode:
        """The last cell whose code holds `words`."""
        return next(cell for cell in reversed(self.cells) if words in cell.source)

    def text(self, words: str) -> str:
        """What that cell printed."""
        return said(self.cell(words))


def said(cell: NotebookNode) -> str:
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")


def shown(cell: NotebookNode, kind: str) -> list[Any]:
    data = [out.data for out in cell.outputs if "data" in out]
    return [each[kind] for each in data if kind in each]


@pytest.fixture
def environment(hub: Hub, tmp_path: Path) -> dict[str, str]:
    """A machine with `ggt` on its path; the Hub that it knows is the loopback one."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "ggt").write_text(f'#!/bin/sh\nexec {sys.executable} -m ggt_hf "$@"\n')
    (tools / "ggt").chmod(0o755)
    env = hub.env()
    return env | {"PATH": f"{tools}:{env['PATH']}", "GGT_CACHE": str(tmp_path / "cache")}


def run(
    number: int,
    folder: Path,
    environment: Mapping[str, str],
    again: Mapping[str, tuple[str, ...]] | None = None,
) -> Executed:
    """Run a notebook; then, for each line of `again`, the cells that hold one of its words."""
    notebook = opened(number)
    for line, wanted in (again or {}).items():
        cells = [c for c in code_cells(notebook) if any(words in c.source for words in wanted)]
        assert len(cells) >= len(wanted)
        notebook.cells.append(nbformat.v4.new_code_cell(line))
        notebook.cells.extend(nbformat.v4.new_code_cell(cell.source) for cell in cells)
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": folder}},
    )
    client.execute(env=dict(environment))
    executed = Executed(notebook)
    for cell in executed.cells:
        check(cell)
    return executed


def check(cell: NotebookNode) -> None:
    """A cell shows the pictures and texts that its code is for, and no warning."""
    streams = [out for out in cell.outputs if out.output_type == "stream"]
    assert all(out.name == "stdout" for out in streams), (cell.source, said(cell))
    assert "error:" not in said(cell), said(cell)
    if re.search(r"^(sheet\(|    display\(Figure)", cell.source, re.M):
        assert shown(cell, "image/png"), f"no picture:\n{cell.source}"
    if re.search(r"^(print\(|!ggt)", cell.source, re.M):
        assert said(cell).strip(), f"nothing was said:\n{cell.source}"
        assert "\x1b" not in said(cell), "a progress bar was stored"


def test_pairs_are_streamed(hub: Hub, environment: dict[str, str], tmp_path: Path) -> None:
    push_dataset(sample_dataset(), "ggt/ggt-100k", quiet=True)
    executed = run(
        1,
        tmp_path,
        environment,
        again={'DATASET = "ggt/ggt-100k"': ("pair = next", "batch.floats()", "state_dict()")},
    )
    for cell in executed.cells:
        if "batch.floats()" in cell.source:
            assert "torch.Size([6, 3, 192, 192]) torch.float32" in said(cell)
        if "state_dict()" in cell.source:
            assert "48 pairs, 48 of them different, 48 in the epoch" in said(cell)
    assert executed.text("pair = next").split() == ["True", "synthetic"]


def test_ground_truth_is_made(environment: dict[str, str], tmp_path: Path) -> None:
    executed = run(2, tmp_path, environment)
    assert "3 candidates to make, free" in executed.text("--dry-run")
    assert "Remove:" in executed.text('"text"')
    verdicts = executed.text("verdict.outcome").splitlines()
    outcomes = [line.split()[1] for line in verdicts]
    assert len(outcomes) == 3
    accepted = outcomes.count("accepted")
    assert 1 <= accepted < 3
    assert executed.text('pairs = list(load_dataset("my-pairs"').strip() == f"{accepted} pairs"


def test_a_restorer_is_finetuned_and_pushed(
    hub: Hub, environment: dict[str, str], tmp_path: Path
) -> None:
    again = {'PUSH_TO = "ggt/finetuned"': ("render_model_card", "push_model")}
    executed = run(3, tmp_path, environment, again)
    first, *_, last = re.findall(r"([\d.]+) -> ([\d.]+) dB", executed.text("psnr_lq"))
    assert first[0] == last[0]  # of the same inputs
    assert all(float(restored) > float(given) + 2 for given, restored in (first, last))
    before, after = (c for c in executed.cells if "push_model" in c.source)
    assert "nothing was sent" in said(before)
    assert re.search(r"\d+ files proven at [0-9a-f]{40}", said(after))
    assert hub.api().model_info("ggt/finetuned").private
    assert (tmp_path / "from-hub.png").stat().st_size > 1000
    [card] = shown(executed.cell("render_model_card"), "text/markdown")
    assert "ggt/finetuned" in card and "1:1" in card


def test_restorers_are_compared(environment: dict[str, str], tmp_path: Path) -> None:
    executed = run(4, tmp_path, environment)
    [table] = shown(executed.cell("Markdown("), "text/markdown")
    means = dict(re.findall(r"^\| (\w+) \| \W*([\d.]+)\W* \(", table, re.M))
    assert means.keys() == {"input", "classical", "embedded"}
    assert 10 < float(means["input"]) < float(means["embedded"]) < 40
    assert len(shown(executed.cell("Figure(path)"), "image/png")) == 2
    assert shown(executed.cell("pd.read_parquet"), "text/html")
    least, most = map(float, re.findall(r"([+-][\d.]+) dB", executed.text("worst, best")))
    assert least < most
    assert "report.html" in executed.text("report.resolve()")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestAsItIsStored:
    """What a reader of the repository meets."""

    def test_outputs_are_not_stored(self, path: Path) -> None:
        for cell in code_cells(nbformat.read(path, as_version=4)):
            assert cell.outputs == []
            assert cell.execution_count is None

    def test_it_opens_in_colab(self, path: Path) -> None:
        opening = nbformat.read(path, as_version=4).cells[0].source
        home = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
        assert (
            f"colab.research.google.com/github/{home}/blob/main/notebooks/{path.name})" in opening
        )
        assert "**Which GPU?**" in opening

    def test_the_first_cell_installs_extras_that_there_are(self, path: Path) -> None:
        source = code_cells(nbformat.read(path, as_version=4))[0].source
        [asked] = re.findall(r'%pip install --quiet "(.+)"', source)
        assert source.startswith("from importlib.util import find_spec")
        assert Requirement(asked).name == PROJECT["name"]
        assert Requirement(asked).extras <= PROJECT["optional-dependencies"].keys()

    def test_each_step_is_explained(self, path: Path) -> None:
        headings = [
            cell.source
            for cell in nbformat.read(path, as_version=4).cells
            if cell.cell_type == "markdown" and cell.source.startswith("## ")
        ]
        for text in headings:
            prose = text.partition("\n\n")[2]
            assert 1 <= len(re.findall(r"[.?!](?:\s|$)", prose)) <= 4, text

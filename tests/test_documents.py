"""The code in the documents runs: each page's Python in order, its commands as they stand.

`ORG/ggt-100k` is the embedded sample, pushed to the loopback Hub; `ggt-demo/` is what `ggt demo`
leaves in the working directory.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import ggt_hf
from ggt_hf import build_dataset, push_dataset, sample
from ggt_hf.cli.app import app
from tests.hub_server.loopback import REPOSITORY, Hub

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
OWNER = "ggt"


def pages_with_code() -> list[Path]:
    return [page for page in PAGES if BLOCK.search(page.read_text())]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("documents")
    build_dataset(sample.PAIRS, root / "ggt-demo" / "ggt-100k", quiet=True)
    return root


@pytest.mark.parametrize("page", pages_with_code(), ids=lambda page: page.name)
def test_python_runs_as_it_stands(hub: Hub, demo: Path, page: Path) -> None:
    push_dataset(demo / "ggt-demo" / "ggt-100k", f"{OWNER}/ggt-100k", quiet=True)
    blocks = BLOCK.findall(page.read_text())
    code = "\n".join(blocks).replace("ORG/", f"{OWNER}/")
    script = demo / f"{page.stem}.py"
    script.write_text(f"if __name__ == '__main__':\n{_indented(code)}")
    env = hub.env() | {"GGT_CACHE": str(demo / "cache")}
    ran = subprocess.run(
        [sys.executable, script], cwd=demo, env=env, capture_output=True, text=True, timeout=280
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    for promised in re.findall(r"print\(.*\)  # (.+)", code):
        assert promised in ran.stdout, f"{page.name} promises {promised!r}"


def _indented(code: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in code.splitlines())


DOCUMENTS = [
    *PAGES,
    *REPOSITORY.glob("*/README.md"),
    *REPOSITORY.glob("notebooks/*.ipynb"),
    *REPOSITORY.glob("ggt_hf/sample/*/README.md"),
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "CHANGELOG.md",
]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
URLS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["urls"]
HOME = f"{URLS['Repository']}/blob/main/"
"""How a page of the site calls a file of the repository that is no page of it."""


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    if page.parent.name == "docs":  # on the site, nothing lies beside docs/
        assert not re.findall(r"\]\(\.\./[^)]*\)", text), f"{page.name}: begin it with {HOME}"
        text = text.replace(f"]({HOME}", "](../")
    assert f"]({URLS['Repository']}/" not in text, f"{page.name}: link to what lies here"
    for target, anchor in LINK.findall(text):
        place = page.parent / target if target else page
        assert place.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(place), f"{page.name} links to {target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links, on the Hub and on the site."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


SHELL = re.compile(r"^```(?:bash|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documents_can_be_typed(page: Path) -> None:
    for block in SHELL.findall(page.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.partition(" > ")[0], comments=True)
            if words[:1] == ["ggt"] and len(words) > 1 and not words[1].startswith("-"):
                refuse_unknown([word for word in words[1:] if word != "&"])


def refuse_unknown(words: list[str]) -> None:
    """Fail where the command line does not know a word; nothing is done."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    command.make_context("ggt", words)


def test_the_api_page_has_every_public_name() -> None:
    listed = re.findall(r"^::: ggt_hf\.(\w+)$", (REPOSITORY / "docs" / "api.md").read_text(), re.M)
    assert sorted(listed) == sorted(set(ggt_hf.__all__) - {"__version__"})


def test_the_site_lists_every_page() -> None:
    navigation = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text())["nav"]
    listed = {page if isinstance(page, str) else next(iter(page.values())) for page in navigation}
    assert listed == {page.name for page in (REPOSITORY / "docs").glob("*.md")}

"""What is built from this repository: everything that is needed, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path, PurePosixPath

import pytest

from ggt_hf.version import __version__
from tests.hub_server.loopback import REPOSITORY

pytest.importorskip("hatchling")

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
NAME = f"ggt_hf-{__version__}"
NEVER = {"__pycache__", ".venv", ".git", "site", "dist", "ggt-demo", "ggt-eval"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel and an sdist; hatchling and its plugins are there already."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    assert {path.suffix for path in out.iterdir()} == {".whl", ".gz"}
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return message_from_bytes(wheel.read(f"{NAME}.dist-info/METADATA"))


def tracked(folder: str) -> set[str]:
    """Files of a folder of the repository, as they are meant to be there."""
    root = REPOSITORY / folder
    return {
        path.relative_to(REPOSITORY).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not NEVER & set(path.parts) and path.suffix != ".pyc"
    }


def test_the_wheel_holds_the_package_and_the_cards_and_nothing_else(
    wheel: zipfile.ZipFile,
) -> None:
    cards = {f"ggt_hf/{path}" for path in tracked("model_cards")}
    about = {f"{NAME}.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD")}
    about |= {f"{NAME}.dist-info/{name}" for name in ("entry_points.txt", "licenses/LICENSE")}
    assert set(wheel.namelist()) == tracked("ggt_hf") | cards | about
    assert "ggt_hf/py.typed" in wheel.namelist()


TEXTS = {".py", ".md", ".yaml", ".json", ".jsonl", ".txt", ".j2", ".css", ".js"}


def test_nothing_in_the_wheel_speaks_of_how_it_was_made(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        if PurePosixPath(name).suffix in TEXTS:
            text = wheel.read(name).decode()
            assert "<<<<<<< " not in text and ">>>>>>> " not in text, f"half a merge in {name}"
            assert not re.search("/(root|home)/", text), name
            assert str(REPOSITORY) not in text, name


def test_the_sdist_can_be_tested(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as opened:
        held = {name.partition("/")[2] for name in opened.getnames()}
    folders = ("benchmarks", "docs", "ggt_hf", "loading_scripts", "model_cards", "notebooks")
    wanted = set().union(*(tracked(folder) for folder in (*folders, "scripts", "tests")))
    single = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile"}
    made = {"PKG-INFO", "pyproject.toml", "constraints.txt", "mkdocs.yml", ".gitignore"}
    assert held == wanted | single | made


def test_the_version_is_said_in_one_place(metadata: Message) -> None:
    assert metadata["Version"] == __version__
    for path in ("pyproject.toml", "README.md", "mkdocs.yml", "Makefile"):
        assert __version__ not in (REPOSITORY / path).read_text(), path


def test_the_metadata_says_what_the_project_says(metadata: Message) -> None:
    extras = set(PROJECT["project"]["optional-dependencies"])
    assert set(metadata.get_all("Provides-Extra", [])) == extras
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_the_commands_are_there(wheel: zipfile.ZipFile) -> None:
    text = wheel.read(f"{NAME}.dist-info/entry_points.txt").decode()
    assert "ggt = ggt_hf.cli.app:main" in text
    assert "hf-ggt = ggt_hf.cli.app:main" in text

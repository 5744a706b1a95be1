"""Every command's help has examples; they can be typed as they stand, and some are run here."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ggt_hf import build_dataset, sample
from ggt_hf.cli.app import app
from ggt_hf.sample import real_photographs

ROOT: Any = typer.main.get_command(app)
EXAMPLE = re.compile(r"^ {2}(ggt .*)$", re.MULTILINE)


def commands(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield " ".join(path), command


COMMANDS = dict(commands())


def examples(name: str) -> list[str]:
    """The examples in a command's help; a line of options belongs to the one before."""
    text = inspect.cleandoc(COMMANDS[name].callback.__doc__ or "")
    heading, _, listed = text.partition("Examples:\n")
    assert heading and listed, f"ggt {name} --help has no examples"
    return EXAMPLE.findall(re.sub(r"\n +(?=--)", " ", listed))


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_can_be_typed(name: str) -> None:
    found = examples(name)
    assert found
    for line in found:
        words = shlex.split(line.partition(" > ")[0])[1:]
        called = name.split()
        assert words[: len(called)] == called, line
        COMMANDS[name].make_context(name, words[len(called) :])  # refuses what it does not know


OFFLINE = [
    "ggt info out/",
    "ggt ls out/ --limit 10",
    "ggt validate out/ --quick",
    "ggt build pairs.jsonl my-pairs --dry-run",
    "ggt prompt photos/ --strategy fixed --category rain --json",
    "ggt synth photos/ made --editor embedded",
    "ggt train --list",
    "ggt train nafnet --print",
    "ggt restore old/ restored/",
    "ggt restore photo.jpg restored.png --page compare.html",
    "ggt contamination check photos/ test-set.parquet",
    "ggt card dataset out/",
    "ggt card croissant out/ --write",
    "ggt doctor --offline --json",
]
"""Examples that need neither a Hub nor a trained model, as they stand in the help."""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the examples name."""
    root = tmp_path_factory.mktemp("examples")
    for folder in ("photos", "old", "out"):
        (root / folder).mkdir()
    (root / "out").rmdir()
    build_dataset(sample.PAIRS, root / "out", quiet=True)
    # The third and fourth: the embedded restorer leaves some photographs as they are.
    _, _, first, second, *_ = (photograph.path for photograph in real_photographs())
    (root / "photos" / "one.jpg").write_bytes(first.read_bytes())
    (root / "old" / "two.jpg").write_bytes(second.read_bytes())
    (root / "photo.jpg").write_bytes(first.read_bytes())
    (root / "pairs.jsonl").symlink_to(sample.PAIRS)
    for side in ("pairs", "real"):
        (root / side).symlink_to(sample.ROOT / side)
    indexed = CliRunner().invoke(
        app, ["contamination", "index", str(root / "old"), str(root / "test-set.parquet")]
    )
    assert indexed.exit_code == 0, indexed.output
    return root


@pytest.mark.parametrize("line", OFFLINE)
def test_examples_run(
    line: str, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any(line in example for name in COMMANDS for example in examples(name))
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("GGT_CACHE", str(tmp_path))
    ran = CliRunner().invoke(app, shlex.split(line)[1:])
    assert ran.exit_code == 0, ran.output
    assert ran.output.strip()

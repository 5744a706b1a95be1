"""Recipes: what is wrong is told by line, field and remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from ggt_hf.errors import UsageError
from ggt_hf.training.reading import parse_recipe, read_recipe, recipe_names

GOOD = """\
name: mine
model:
  kind: one_step
data:
  sources:
    - pairs: ggt-100k
      split: train
  crop: 64
steps: 5
"""

WRONG = [
    ("split: train", "splt: train", 7, "no field data.sources.1.splt", "Did you mean split?"),
    ("steps: 5", "", 1, "steps is missing", "Updates of the weights"),
    ("steps: 5", "steps: 0", 9, "steps: Input should be greater", "Updates of the weights"),
    ("one_step", "one_shot", 2, "model has no kind", "one_step, regression"),
    ("kind: one_step", "base: x", 2, "model has no kind", "one_step, regression"),
    ("one_step", "one_step\n  rank: 8", 4, "no field model.rank", "base, blocks, channels"),
    ("one_step", "regression", 2, "give architecture", "What is trained"),
    ("crop: 64", "crop: 64\n  ratio: [1, 1]", 4, "ratio has 2 numbers for 1", "trained on"),
    ("crop: 64", "crop: wide", 8, "data.crop: Input should be a valid integer", "square crops"),
    ("crop: 64", "crop: 64\n  stop: never", 9, "'shortest' or 'longest', got 'never'", "ends an"),
    ("- pairs: ggt-100k", "- pair: ggt-100k", 6, "data.sources.1.pairs is missing", "ORG/NAME"),
    ("- pairs: ggt-100k\n      split: train", "- 5", 6, "got 5", "One source"),
    ("name: mine", "name: My Recipe", 1, "name: String should match", "Names the run"),
    ("steps: 5", "steps: 5\nx: [", 11, "is no YAML", "Mend the line"),
    (GOOD, "just words", None, "is no recipe", "ggt train --list"),
]


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "hint"), WRONG, ids=lambda value: str(value)
)
def test_a_mistake_is_told_with_its_line_and_a_remedy(
    old: str, new: str, line: int | None, what: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse_recipe(GOOD.replace(old, new), "mine.yaml")
    told = caught.value.message
    assert told.startswith(f"mine.yaml, line {line}" if line else "mine.yaml")
    assert what in told
    assert hint in caught.value.hint


def test_a_good_recipe_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    recipe = read_recipe(tmp_path / "mine.yaml")
    assert (recipe.name, recipe.steps, recipe.model.kind) == ("mine", 5, "one_step")


def test_a_missing_one_is_named() -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yaml cannot be read"):
        read_recipe("nowhere.yaml")
    with pytest.raises(UsageError, match="no recipe nowhere"):
        read_recipe("nowhere")


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_of_the_package_is_whole(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.description.endswith(".")
    assert recipe.validation is not None


def test_the_list_says_what_each_takes() -> None:
    done = CliRunner().invoke(app, ["train", "--list", "--json"])
    rows = json.loads(done.stdout)
    assert {row["recipe"] for row in rows} == set(recipe_names())
    assert all(row["memory"] and row["time"] for row in rows)


def test_what_is_no_text_is_not_printed(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"\xff\xfe\x00")
    done = CliRunner().invoke(app, ["train", str(tmp_path / "weights"), "--print"])
    assert isinstance(done.exception, UsageError) and "cannot be read" in str(done.exception)


def test_a_recipe_is_printed_to_be_changed(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["train", "one-step", "--print"])
    (tmp_path / "mine.yaml").write_text(done.stdout)
    assert read_recipe(tmp_path / "mine.yaml") == read_recipe("one-step")

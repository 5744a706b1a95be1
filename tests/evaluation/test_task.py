"""Tasks: those of the package, folders, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from ggt_hf.errors import GgtError, SourceError, UsageError
from ggt_hf.evaluation.cases import list_cases
from ggt_hf.evaluation.recipe import read_recipe
from ggt_hf.evaluation.task import FOLDER, read_task, task_names, task_of
from tests.evaluation.folders import make_pairs, make_pictures
from tests.making import encoded, picture


@pytest.mark.parametrize("name", task_names())
def test_every_task_of_the_package_can_be_read(name):
    task = read_task(FOLDER / f"{name}.yaml")
    assert task.title and task.about and task.metrics
    assert task.data or task.needs


def test_the_sample_is_twelve_pairs_in_six_categories():
    cases = list_cases(task_of("sample"))
    assert len(cases) == 12 and len({case.category for case in cases}) == 6
    assert all(case.gt is not None and case.license != "unknown" for case in cases)


def test_a_task_without_its_pictures_says_what_it_needs():
    with pytest.raises(UsageError, match=r"RealDeg|realdeg needs a folder") as refused:
        task_of("realdeg")
    assert refused.value.hint == "Give it: realdeg=WHERE"


def test_a_task_with_its_pictures_keeps_its_rules(tmp_path):
    task = task_of(f"realdeg={make_pictures(tmp_path / 'x')}")
    assert (task.name, task.multiple, task.reference) == ("realdeg", 32, False)
    assert [case.gt for case in list_cases(task)] == [None, None, None]


def test_a_folder_is_a_task_of_its_own_name(tmp_path):
    task = task_of(str(make_pairs(tmp_path / "my pairs")))
    assert (task.name, task.title, task.multiple) == ("my-pairs", "my pairs", 1)
    assert len(list_cases(task)) == 6
    assert task_of(f"other={tmp_path / 'my pairs'}").name == "other"


def test_a_paired_task_refuses_pictures_alone(tmp_path):
    with pytest.raises(UsageError, match="no ground truth, which the task ggt-test needs"):
        list_cases(task_of(f"ggt-test={make_pictures(tmp_path / 'x')}"))


def test_a_picture_without_partner_stops_the_task(tmp_path):
    pairs = make_pairs(tmp_path / "pairs")
    (pairs / "rain/GT/p0.png").unlink()
    with pytest.raises(SourceError, match=r"makes no pair \(problems: 1\).*p0"):
        list_cases(task_of(str(pairs)))


def test_two_pictures_of_one_name_are_refused(tmp_path):
    folder = make_pictures(tmp_path / "x")
    (folder / "photo-0.jpg").write_bytes(encoded(picture(9), "JPEG"))
    with pytest.raises(SourceError, match="same key, photo-0"):
        list_cases(task_of(str(folder)))


@pytest.mark.parametrize("text", ["nonsense", "./not/there", ""])
def test_what_is_no_task_is_refused(text):
    with pytest.raises(GgtError, match=r"no task|no folder"):
        list_cases(task_of(text))


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        ("restorers: {a: input}\n", "is no recipe"),
        ("restorers: [a]\ntasks: [sample]\n", "says of restorers cannot"),
        ("restorers: {a: }\ntasks: []\n", "of restorers, tasks cannot"),
        ("restorers: {a: b}\ntasks: [c]\nmetrics: psnr\nagainst: [a]\n", "of against, metrics"),
        ("restorers: {a: b}\ntasks: [c]\nlimit: 0\nseed: x\njudge: 3\n", "limit, seed, judge"),
        ("restorers: {a: b}\ntasks: [sample]\nextra: 1\n", "is no recipe"),
        (": : :", "cannot be read"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path, yaml, says):
    (tmp_path / "recipe.yaml").write_text(yaml)
    with pytest.raises(UsageError, match=says):
        read_recipe(tmp_path / "recipe.yaml")


def test_folders_of_a_recipe_are_beside_it(tmp_path: Path, monkeypatch):
    make_pairs(tmp_path / "data")
    (tmp_path / "recipe.yaml").write_text(
        "restorers: {x: data, y: input}\ntasks: [sample, data, n=data]\nagainst: {x: y}\n"
    )
    monkeypatch.chdir("/")
    recipe = read_recipe(tmp_path / "recipe.yaml")
    assert recipe.restorers == (f"x={tmp_path}/data", "y=input")
    assert recipe.tasks == ("sample", f"{tmp_path}/data", f"n={tmp_path}/data")
    assert recipe.against == {"x": "y"}

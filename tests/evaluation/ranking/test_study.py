"""The list of what raters compare, damaged, or from somebody who means no good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ggt_hf.errors import FormatError
from ggt_hf.evaluation.ranking.study import CONTESTANTS, read_study

ABOUT = {"input": "inputs/a.png", "category": "rain", "credit": ""}


def listed(about: Any = ABOUT, path: Any = "made/a.png") -> str:
    return json.dumps({"a": {"about": about, "versions": {"x": {"path": path, "sha256": "1"}}}})


def test_a_study_is_read(tmp_path: Path) -> None:
    (tmp_path / CONTESTANTS).write_text(listed())
    study = read_study(tmp_path)
    assert study.versions["a"]["x"].path == tmp_path / "made/a.png"
    assert study.about["a"].input == tmp_path / "inputs/a.png" and not study.twins


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "Expecting"),
        ("[]", "no attribute"),
        ('{"a": 1}', "not subscriptable"),
        (listed(about={}), "lacks 'input'"),
        (listed(about={"input": 3}), "str"),
        (listed(path="../../secret.png"), "lies outside"),
        (listed(path="/etc/secret.png"), "lies outside"),
        (listed(about={**ABOUT, "input": "inputs/../../secret.png"}), "lies outside"),
    ],
)
def test_damaged_lists_are_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / CONTESTANTS).write_text(text)
    with pytest.raises(FormatError, match=says) as caught:
        read_study(tmp_path)
    assert "ggt rank" in (caught.value.hint or "")

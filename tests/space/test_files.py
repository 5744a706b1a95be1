"""A Space that could not find its models is not made."""

from __future__ import annotations

from pathlib import Path

import pytest

from ggt_hf.errors import UsageError
from ggt_hf.space.files import space_files


@pytest.mark.parametrize(
    ("restorer", "observer", "says"),
    [
        ("rules", "embedded", "'rules' is no model's name"),
        ("embedded", "", "'' is no model's name"),
        ("a/b/c", "embedded", "'a/b/c' is no model's name"),
        ("../b", "embedded", "'../b' is no model's name"),
        ("a/b\nlicense: mit", "embedded", "is no model's name"),
        ("embedded", 'a/b"); quit("', "is no model's name"),
    ],
)
def test_names_that_the_hub_cannot_know(restorer: str, observer: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        space_files(restorer, observer)
    assert "ORG/NAME" in (caught.value.hint or "")


def test_a_folder_here_is_to_be_pushed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs/mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="a Space cannot read it") as caught:
        space_files("runs/mine")
    assert "ggt push model" in (caught.value.hint or "")

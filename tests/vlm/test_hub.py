"""A model of the Hub: resolved once, pinned, and nothing fetched but data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ggt_hf.errors import ModelError
from ggt_hf.vlm.local import LocalVLM
from tests.making import encoded, picture


def test_a_branch_is_resolved_to_its_commit(hub, build: Callable[[str], Path]) -> None:
    api = hub.api()
    repo = api.create_repo("alice/tiny-seer").repo_id
    folder = build("idefics3")
    api.upload_folder(repo_id=repo, folder_path=folder)
    api.upload_file(
        path_or_fileobj=b"raise SystemExit('code was run')",
        path_in_repo="modeling.py",
        repo_id=repo,
    )
    commit = api.model_info(repo).sha
    vlm = LocalVLM.from_pretrained(repo, revision="main")
    assert (vlm.model_id, vlm.revision) == (repo, commit)
    answer = vlm.ask([encoded(picture(1))], "What?", max_new_tokens=3)
    assert answer.revision == commit
    fetched = {path.name for path in Path(vlm.model.config._name_or_path).iterdir()}
    assert "model.safetensors" in fetched and "modeling.py" not in fetched


def test_an_unknown_model_is_named(hub) -> None:
    with pytest.raises(ModelError, match="alice/nobody"):
        LocalVLM.from_pretrained("alice/nobody")

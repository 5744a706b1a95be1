"""Fixtures of the server's own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hub_server.loopback import Hub
from tests.hub_server.pairs import PART, REPO, write_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set's folder: a card, a text file, two shards."""
    write_folder(tmp_path / "pairs")
    return tmp_path / "pairs"


@pytest.fixture
def pairs(hub: Hub, folder: Path) -> str:
    """The folder, pushed as `ggt/pairs`; returns its commit."""
    hub.configure(part_size=PART)
    hub.api().create_repo(REPO, repo_type="dataset")
    hub.api().upload_folder(repo_id=REPO, repo_type="dataset", folder_path=folder)
    return hub.api().list_repo_commits(REPO, repo_type="dataset")[0].commit_id

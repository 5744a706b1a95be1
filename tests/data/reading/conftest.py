from __future__ import annotations

from pathlib import Path

import pytest

from ggt_hf.data.reading.reader import DiskCache
from tests.data.reading.pushed import PAIRS, REPO
from tests.hub_server.loopback import Hub
from tests.making import make_dataset


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pairs in four shards."""
    return make_dataset(tmp_path_factory.mktemp("made") / "pairs", PAIRS)


@pytest.fixture
def pushed(hub: Hub, folder: Path) -> Hub:
    """`folder` as the dataset REPO; the log is empty."""
    hub.api().create_repo(REPO, repo_type="dataset")
    hub.api().upload_folder(repo_id=REPO, repo_type="dataset", folder_path=folder)
    hub.log.clear()
    return hub


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "cache")

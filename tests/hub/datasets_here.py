"""Datasets to push, and what must be true of a repository that holds one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ggt_hf.data.reading.folder import DatasetFolder
from ggt_hf.hub.dataset import is_shard, local_files
from ggt_hf.hub.plan import differences
from ggt_hf.hub.remote import Remote
from ggt_hf.records import Pair
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair

REPO = "ggt/ggt-100k"
KINDS = ("rain", "snow")


def some_pairs(count: int = 5, *, size: tuple[int, int] = (48, 32)) -> list[Pair]:
    return [make_pair(i, kind, size=size) for i in range(count) for kind in KINDS]


def dataset_at(root: Path, pairs: list[Pair] | None = None) -> Path:
    root.mkdir(parents=True)
    return make_dataset(root, some_pairs() if pairs is None else pairs)


def tree(hub: Hub, revision: str = "main", repo: str = REPO) -> dict[str, tuple[int, str]]:
    """Path -> (size, hash) of everything but git's own file."""
    state = Remote(repo).state(revision)
    assert state is not None
    return {
        path: (file.size, file.sha256 or file.git_sha1)
        for path, file in state.files.items()
        if path != ".gitattributes"
    }


def commits(hub: Hub, repo: str = REPO) -> list[str]:
    """Full names, the newest first; the Hub's own initial commit is one of them."""
    return [c.commit_id for c in hub.api().list_repo_commits(repo, repo_type="dataset")]


def is_whole(hub: Hub, root: Path, revision: str = "main") -> bool:
    """Whether the repository holds exactly the dataset at `root`, card included."""
    dataset = DatasetFolder.open(root)
    state = Remote(REPO).state(revision)
    return differences(local_files(dataset, dataset.card(repo_id=REPO)), state, is_shard) == (
        (),
        (),
    )


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

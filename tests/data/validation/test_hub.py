"""The same checks on a dataset on the Hub, which can fail in more ways than a disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from ggt_hf.data.validation import validate
from ggt_hf.errors import GgtError, HubError
from tests.data.validation.tampering import SHARD, dataset, failed, replace_bytes, said
from tests.hub_server.accounts import BOB
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair

REPO = "ggt/pairs"


def push(hub: Hub, folder: Path) -> str:
    hub.api().create_repo(REPO, repo_type="dataset", private=True)
    return hub.api().upload_folder(repo_id=REPO, repo_type="dataset", folder_path=folder).oid


def test_a_dataset_on_the_hub(hub: Hub, hub_mode: str, tmp_path: Path) -> None:
    pairs = [make_pair(i, d) for i in range(3) for d in ("rain", "snow")]
    commit = push(hub, make_dataset(tmp_path, pairs, pairs_a_shard=2))
    report = validate(REPO, level="full")
    assert not report.findings
    assert [check.outcome for check in report.checks] == ["pass"] * 9
    assert report.revision == commit
    assert report["readers"].looked_at == "30 rows by webdataset and datasets"


def test_damage_on_the_hub_is_found_there(hub: Hub, tmp_path: Path) -> None:
    root = dataset(tmp_path)
    replace_bytes(root, lambda data: data[: len(data) // 1024 * 512])
    push(hub, root)
    assert {"tars", "pixels", "keys", "readers"} & failed(validate(REPO))


def test_a_byte_that_flips_on_the_way(hub: Hub, tmp_path: Path) -> None:
    push(hub, dataset(tmp_path))
    hub.fault(server="cdn", corrupt=2000, skip=1)  # The manifest comes first.
    report = validate(REPO)
    assert "hashes" in failed(report)
    assert "its SHA-256 is" in said(report, "hashes")


def test_a_passing_fault_costs_nothing(hub: Hub, tmp_path: Path) -> None:
    push(hub, dataset(tmp_path))
    hub.fault(server="cdn", drop_after=3000, times=1)
    assert validate(REPO, readers_limit=1).ok


def test_a_shard_that_cannot_be_fetched_is_a_finding(hub: Hub, tmp_path: Path) -> None:
    push(hub, dataset(tmp_path))
    hub.fault(server="hub", path=r"/resolve/.*\.tar", status=403, times=99)
    report = validate(REPO)
    assert SHARD in said(report, "hashes")
    assert "403" in said(report, "hashes")


def test_what_the_hub_does_not_show(hub: Hub, tmp_path: Path) -> None:
    push(hub, dataset(tmp_path))
    with pytest.raises(HubError, match="private"):
        validate(REPO, token=BOB)
    with pytest.raises(GgtError, match="nowhere"):
        validate(REPO, revision="nowhere")

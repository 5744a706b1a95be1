"""What clients write, when nothing goes wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import Dataset, load_dataset
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    DatasetCard,
    HfFileSystem,
    hf_hub_download,
)
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    HfHubHTTPError,
    RevisionNotFoundError,
)

from tests.hub_server.accounts import BOB, READER
from tests.hub_server.loopback import Hub, Mode
from tests.hub_server.pairs import PART, REPO, shard


def test_repositories(hub: Hub) -> None:
    api = hub.api()
    assert api.create_repo(REPO, repo_type="dataset").repo_id == REPO
    api.create_repo(REPO, repo_type="dataset", exist_ok=True)
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo(REPO, repo_type="dataset")
    for token in (BOB, READER):
        with pytest.raises(HfHubHTTPError, match="403"):
            hub.api(token).create_repo("ggt/other", repo_type="dataset")
    for kind in ("model", "space"):
        api.create_repo(
            "alice/thing", repo_type=kind, space_sdk="static" if kind == "space" else None
        )
        assert api.repo_info("alice/thing", repo_type=kind).id == "alice/thing"
    assert [d.id for d in api.list_datasets(author="ggt")] == [REPO]
    api.move_repo(REPO, "ggt/renamed", repo_type="dataset")
    assert api.dataset_info(REPO).id == "ggt/renamed"
    api.delete_repo("ggt/renamed", repo_type="dataset")
    assert not api.repo_exists("ggt/renamed", repo_type="dataset")


def test_upload_file(hub: Hub, hub_mode: Mode, tmp_path: Path) -> None:
    hub.configure(part_size=PART)
    api, data = hub.api(), os.urandom(3 * PART - 1)
    (tmp_path / "weights.bin").write_bytes(data)
    api.create_repo("alice/model")
    for content, name in ((b"{}", "config.json"), (tmp_path / "weights.bin", "weights.bin")):
        api.upload_file(repo_id="alice/model", path_or_fileobj=content, path_in_repo=name)
    parts = [e.received for e in hub.log.select("/upload/", method="PUT")]
    assert sorted(parts) == ([] if hub_mode == "xet" else [PART - 1, PART, PART])
    assert len(hub.log.select("/v1/xorbs")) == (1 if hub_mode == "xet" else 0)
    assert Path(hf_hub_download("alice/model", "weights.bin")).read_bytes() == data
    assert Path(hf_hub_download("alice/model", "config.json")).read_bytes() == b"{}"


def test_upload_folder_again_sends_nothing(
    hub: Hub, hub_mode: Mode, folder: Path, pairs: str
) -> None:
    listed = {f.rfilename for f in hub.api().dataset_info(REPO).siblings}
    assert listed - {".gitattributes"} == {
        str(p.relative_to(folder)) for p in folder.rglob("*.*") if p.is_file()
    }
    hub.log.clear()
    hub.api().upload_folder(repo_id=REPO, repo_type="dataset", folder_path=folder)
    assert not hub.log.select("/v1/xorbs/|/upload/", server="cdn")
    assert hub.api().dataset_info(REPO).sha == pairs


def test_commits(hub: Hub, pairs: str) -> None:
    api = hub.api()
    operations = [
        CommitOperationAdd("notes.txt", b"hello"),
        CommitOperationDelete("meta.json"),
        CommitOperationDelete("data/", is_folder=True),
    ]
    info = api.create_commit(
        REPO, operations, commit_message="Tidy", repo_type="dataset", parent_commit=pairs
    )
    names = set(api.list_repo_files(REPO, repo_type="dataset"))
    assert names == {".gitattributes", "README.md", "notes.txt"}
    with pytest.raises(HfHubHTTPError, match="412"):
        api.create_commit(
            REPO,
            [CommitOperationAdd("late.txt", b"")],
            commit_message="Late",
            repo_type="dataset",
            parent_commit=pairs,
        )
    with pytest.raises(EntryNotFoundError):
        api.delete_file("absent.txt", REPO, repo_type="dataset")
    commits = api.list_repo_commits(REPO, repo_type="dataset")
    assert (commits[0].commit_id, commits[0].title) == (info.oid, "Tidy")
    api.super_squash_history(REPO, repo_type="dataset")
    assert len(api.list_repo_commits(REPO, repo_type="dataset")) == 1


def test_card(hub: Hub, pairs: str) -> None:
    card = DatasetCard.load(REPO)
    assert card.data.tags == ["image-restoration"]
    card.text += "\nMore.\n"
    card.push_to_hub(REPO)
    assert "More." in DatasetCard.load(REPO).text
    assert hub.api().dataset_info(REPO).card_data.tags == ["image-restoration"]
    with pytest.raises((ValueError, BadRequestError)):
        hub.api().upload_file(
            repo_id=REPO,
            repo_type="dataset",
            path_or_fileobj=b"---\n: [\n---\n",
            path_in_repo="README.md",
        )


def test_refs(hub: Hub, pairs: str) -> None:
    api = hub.api()
    api.create_tag(REPO, tag="v1", repo_type="dataset")
    api.create_branch(REPO, branch="fix/one", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag(REPO, tag="v1", repo_type="dataset")
    api.upload_file(
        repo_id=REPO,
        repo_type="dataset",
        path_or_fileobj=b"x",
        path_in_repo="x.txt",
        revision="fix/one",
    )
    refs = api.list_repo_refs(REPO, repo_type="dataset")
    assert {(t.name, t.target_commit) for t in refs.tags} == {("v1", pairs)}
    assert {b.name for b in refs.branches} == {"main", "fix/one"}
    assert api.file_exists(REPO, "x.txt", repo_type="dataset", revision="fix/one")
    assert not api.file_exists(REPO, "x.txt", repo_type="dataset")
    api.delete_branch(REPO, branch="fix/one", repo_type="dataset")
    api.delete_tag(REPO, tag="v1", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.dataset_info(REPO, revision="v1")


def test_pull_request(hub: Hub, hub_mode: Mode, pairs: str, tmp_path: Path) -> None:
    path, data = tmp_path / "extra.tar", shard(range(100, 103))
    path.write_bytes(data)
    info = hub.api(BOB).create_commit(
        REPO,
        [CommitOperationAdd("data/extra.tar", path)],
        commit_message="More",
        repo_type="dataset",
        create_pr=True,
    )
    assert info.pr_num == 1
    got = hf_hub_download(REPO, "data/extra.tar", repo_type="dataset", revision="refs/pr/1")
    assert Path(got).read_bytes() == data
    api = hub.api()
    assert [d.title for d in api.get_repo_discussions(REPO, repo_type="dataset")] == ["More"]
    api.comment_discussion(REPO, 1, "Thank you", repo_type="dataset")
    api.merge_pull_request(REPO, 1, repo_type="dataset")
    assert api.get_discussion_details(REPO, 1, repo_type="dataset").status == "merged"
    assert api.file_exists(REPO, "data/extra.tar", repo_type="dataset")


@pytest.mark.parametrize(
    "write",
    [
        lambda api: api.create_repo("ggt/new", repo_type="dataset"),
        lambda api: api.delete_repo(REPO, repo_type="dataset"),
        lambda api: api.create_tag(REPO, tag="v2", repo_type="dataset"),
        lambda api: api.update_repo_settings(REPO, private=True, repo_type="dataset"),
    ],
    ids=["create", "delete", "tag", "settings"],
)
@pytest.mark.parametrize("token", [BOB, READER])
def test_strangers_and_readers_do_not_write(
    hub: Hub, token: str, write: Callable[[object], object]
) -> None:
    hub.api().create_repo(REPO, repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="403"):
        write(hub.api(token))


def test_copy_within_a_repository(hub: Hub, hub_mode: Mode, pairs: str, folder: Path) -> None:
    name = "data/train-00000-of-00002.tar"
    operations = [CommitOperationCopy(name, "copy.tar"), CommitOperationCopy("meta.json", "m.json")]
    hub.log.clear()
    hub.api().create_commit(REPO, operations, commit_message="Copy", repo_type="dataset")
    assert hub.log.received(server="cdn") == 0
    for source, copy in ((name, "copy.tar"), ("meta.json", "m.json")):
        got = hf_hub_download(REPO, copy, repo_type="dataset")
        assert Path(got).read_bytes() == (folder / source).read_bytes()


def test_write_through_the_file_system(hub: Hub, hub_mode: Mode, pairs: str) -> None:
    fs, root = HfFileSystem(), f"datasets/{REPO}"
    with fs.open(f"{root}/notes.bin", "wb") as file:
        file.write(b"\0" * 1000)
    fs.cp_file(f"{root}/notes.bin", f"{root}/more.bin")
    fs.rm(f"{root}/notes.bin")
    fs.invalidate_cache()
    assert fs.size(f"{root}/more.bin") == 1000
    assert not fs.exists(f"{root}/notes.bin")


def test_push_a_dataset(hub: Hub, hub_mode: Mode) -> None:
    Dataset.from_dict({"n": list(range(5))}).push_to_hub("ggt/table", private=True)
    assert load_dataset("ggt/table", split="train")["n"] == list(range(5))
    assert DatasetCard.load("ggt/table").data.dataset_info["splits"][0]["num_examples"] == 5


def test_discussion(hub: Hub, pairs: str) -> None:
    api = hub.api()
    number = api.create_pull_request(REPO, "Draft", repo_type="dataset").num
    api.rename_discussion(REPO, number, "Better", repo_type="dataset")
    api.change_discussion_status(REPO, number, "closed", repo_type="dataset")
    details = api.get_discussion_details(REPO, number, repo_type="dataset")
    assert (details.title, details.status) == ("Better", "closed")
    assert not list(api.get_repo_discussions(REPO, repo_type="dataset", discussion_status="open"))

"""What huggingface_hub and datasets do with the server when nothing goes wrong."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import load_dataset
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    DatasetCard,
    HfFileSystem,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.hub_server.accounts import ALICE, BOB, READER
from tests.hub_server.loopback import Hub, Mode

REPO = "ggt/pairs"
PART = 200_000
"""Part size that makes a multipart upload of the shard below."""


def shard(keys: range) -> bytes:
    """A webdataset tar: two members a key, 30 kB each key."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key in keys:
            for suffix, data in (("bin", os.urandom(30_000)), ("json", b'{"n": %d}' % key)):
                member = tarfile.TarInfo(f"{key:04d}.{suffix}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set's folder: a card, a text file, two shards."""
    root = tmp_path / "pairs"
    (root / "data").mkdir(parents=True)
    (root / "README.md").write_text("---\ntags:\n- image-restoration\n---\n# Pairs\n")
    (root / "meta.json").write_text('{"version": 1}')
    for i in range(2):
        (root / "data" / f"train-{i:05d}-of-00002.tar").write_bytes(
            shard(range(10 * i, 10 * i + 10))
        )
    return root


@pytest.fixture
def pairs(hub: Hub, folder: Path) -> str:
    """The folder, pushed as `ggt/pairs`; returns its commit."""
    hub.configure(part_size=PART)
    hub.api().create_repo(REPO, repo_type="dataset")
    hub.api().upload_folder(repo_id=REPO, repo_type="dataset", folder_path=folder)
    return hub.api().dataset_info(REPO).sha


def test_whoami(hub: Hub) -> None:
    assert hub.api().whoami()["name"] == "alice"
    assert hub.api(READER).whoami()["auth"]["accessToken"]["role"] == "read"
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        hub.api("hf_unknown").whoami()


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


@pytest.mark.parametrize("page_size", [1000, 2])
def test_tree(hub: Hub, pairs: str, page_size: int, folder: Path) -> None:
    hub.configure(page_size=page_size)
    api = hub.api()
    top = api.list_repo_tree(REPO, repo_type="dataset")
    assert {e.path for e in top} == {".gitattributes", "README.md", "meta.json", "data"}
    found = {e.path: e for e in api.list_repo_tree(REPO, "data", repo_type="dataset", expand=True)}
    path = "data/train-00000-of-00002.tar"
    assert found[path].lfs.size == (folder / path).stat().st_size
    assert found[path].last_commit.oid == pairs
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(REPO, "absent", repo_type="dataset"))
    infos = api.get_paths_info(REPO, [path, "data", "absent"], repo_type="dataset")
    assert [info.path for info in infos] == [path, "data"]


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


@pytest.mark.parametrize("resolve_cache", [False, True])
def test_download(hub: Hub, hub_mode: Mode, pairs: str, folder: Path, resolve_cache: bool) -> None:
    hub.configure(resolve_cache=resolve_cache)
    for name in ("meta.json", "data/train-00001-of-00002.tar"):
        got = hf_hub_download(REPO, name, repo_type="dataset")
        assert Path(got).read_bytes() == (folder / name).read_bytes()
    hub.log.clear()
    hf_hub_download(REPO, "data/train-00001-of-00002.tar", repo_type="dataset")
    assert [e.method for e in hub.log] == ["HEAD"]
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(REPO, "absent.json", repo_type="dataset")


def test_snapshot_at_a_commit_asks_once(hub: Hub, pairs: str, folder: Path) -> None:
    root = Path(snapshot_download(REPO, repo_type="dataset", revision=pairs))
    for path in folder.rglob("*.*"):
        assert (root / path.relative_to(folder)).read_bytes() == path.read_bytes()
    hub.log.clear()
    assert snapshot_download(REPO, repo_type="dataset", revision=pairs) == str(root)
    assert len(hub.log) == 0


def test_private(hub: Hub, pairs: str) -> None:
    hub.api().update_repo_settings(REPO, repo_type="dataset", private=True)
    assert hub.api(READER).dataset_info(REPO).private
    for token in (BOB, False):
        with pytest.raises(RepositoryNotFoundError):
            hub.api(token).dataset_info(REPO)
        with pytest.raises(RepositoryNotFoundError):
            hf_hub_download(REPO, "meta.json", repo_type="dataset", token=token)
    with pytest.raises(HfHubHTTPError, match="403"):
        hub.api(READER).upload_file(
            repo_id=REPO, repo_type="dataset", path_or_fileobj=b"", path_in_repo="x.txt"
        )


def test_gated(hub: Hub, pairs: str) -> None:
    hub.api().update_repo_settings(REPO, repo_type="dataset", gated="manual")
    for token in (BOB, False):
        with pytest.raises(GatedRepoError):
            hf_hub_download(REPO, "meta.json", repo_type="dataset", token=token)
    hub.api().grant_access(REPO, "bob", repo_type="dataset")
    hub.api(BOB).auth_check(REPO, repo_type="dataset")
    hf_hub_download(REPO, "meta.json", repo_type="dataset", token=BOB)


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


def test_file_system(hub: Hub, pairs: str, folder: Path) -> None:
    fs, root = HfFileSystem(), f"datasets/{REPO}"
    assert fs.glob(f"{root}/data/*.tar") == sorted(
        f"{root}/{p.relative_to(folder)}" for p in folder.glob("data/*.tar")
    )
    name = "data/train-00000-of-00002.tar"
    expected = (folder / name).read_bytes()
    with fs.open(f"{root}/{name}", "rb", block_size=0) as stream:
        assert stream.read(1000) + stream.read() == expected
    hub.log.clear()
    with fs.open(f"{root}/{name}", "rb", block_size=10_000) as file:
        file.seek(100_000)
        assert file.read(10) == expected[100_000:100_010]
    assert hub.log.sent(server="cdn") < len(expected)


def test_stream_by_tag(hub: Hub, hub_mode: Mode, pairs: str) -> None:
    api = hub.api()
    api.create_tag(REPO, tag="v1", repo_type="dataset")
    api.delete_file("data/train-00001-of-00002.tar", REPO, repo_type="dataset")

    def keys(revision: str | None) -> list[int]:
        rows = load_dataset(REPO, split="train", streaming=True, revision=revision)
        return sorted(row["json"]["n"] for row in rows)

    assert keys("v1") == list(range(20))
    assert keys(None) == list(range(10))


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


def test_another_process(hub: Hub, hub_mode: Mode, pairs: str) -> None:
    code = f"""
import json, os
from huggingface_hub import HfApi, constants, snapshot_download
root = snapshot_download({REPO!r}, repo_type="dataset")
name = HfApi().whoami()["name"]
print(json.dumps([name, constants.HF_HUB_DISABLE_XET, sorted(os.listdir(root))]))
"""
    done = hub.run_python("-c", code)
    assert done.returncode == 0, done.stderr
    name, without_xet, files = json.loads(done.stdout)
    assert (name, without_xet) == ("alice", hub_mode == "lfs")
    assert files == [".gitattributes", "README.md", "data", "meta.json"]
    anonymous = hub.run_python(
        "-c", "from huggingface_hub import whoami; whoami()", env=hub.env(token=None)
    )
    assert "LocalTokenNotFoundError" in anonymous.stderr


def test_xet_serves_one_token_for_many_files(hub: Hub, pairs: str) -> None:
    snapshot_download(REPO, repo_type="dataset", token=ALICE)
    assert len(hub.log.select("/xet-read-token/")) == 1
    assert len(hub.log.select("/v1/reconstructions/")) == 2
    assert not hub.log.select("/lfs/", server="cdn")

"""What clients read, when nothing goes wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import webdataset
from datasets import load_dataset
from huggingface_hub import (
    HfFileSystem,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
)

from tests.hub_server.accounts import ALICE, BOB, READER
from tests.hub_server.loopback import Hub, Mode
from tests.hub_server.pairs import REPO


def test_whoami(hub: Hub) -> None:
    assert hub.api().whoami()["name"] == "alice"
    assert hub.api(READER).whoami()["auth"]["accessToken"]["role"] == "read"
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        hub.api("hf_unknown").whoami()


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


def test_command_line(hub: Hub, hub_mode: Mode, folder: Path) -> None:
    env, cli = hub.env(), ("-m", "huggingface_hub.cli.hf")
    hub.api().create_repo(REPO, repo_type="dataset")
    for arguments in (
        ("auth", "whoami"),
        ("upload", REPO, str(folder), "--repo-type", "dataset"),
        ("download", REPO, "--repo-type", "dataset"),
    ):
        done = hub.run_python(*cli, *arguments, env=env)
        assert done.returncode == 0, done.stderr
    assert hub.api().file_exists(REPO, "meta.json", repo_type="dataset")


def test_offline_serves_what_is_cached(hub: Hub, pairs: str) -> None:
    code = f"""
from huggingface_hub import hf_hub_download
print(hf_hub_download({REPO!r}, "meta.json", repo_type="dataset"))
"""
    env = hub.env()
    assert "LocalEntryNotFoundError" in hub.run_python("-c", code, env=offline(env)).stderr
    online = hub.run_python("-c", code, env=env)
    hub.log.clear()
    assert hub.run_python("-c", code, env=offline(env)).stdout == online.stdout
    assert len(hub.log) == 0


def offline(env: dict[str, str]) -> dict[str, str]:
    return env | {"HF_HUB_OFFLINE": "1"}


def test_checksums(hub: Hub, hub_mode: Mode, pairs: str) -> None:
    snapshot_download(REPO, repo_type="dataset")
    checked = hub.api().verify_repo_checksums(REPO, repo_type="dataset")
    assert (checked.checked_count, checked.mismatches) == (5, [])


@pytest.mark.skipif(shutil.which("curl") is None, reason="webdataset reads the Hub through curl")
def test_webdataset(hub: Hub, hub_mode: Mode, pairs: str) -> None:
    urls = [f"hf://datasets/{REPO}@main/data/train-{i:05d}-of-00002.tar" for i in range(2)]
    rows = webdataset.WebDataset(urls, shardshuffle=False)
    assert [row["__key__"] for row in rows] == [f"{i:04d}" for i in range(20)]

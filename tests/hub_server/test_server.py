"""The server itself: as a process, under many threads, and emptied between tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import hf_hub_download

from tests.hub_server.accounts import ALICE
from tests.hub_server.loopback import REPOSITORY, Hub, Mode

AUTHORIZED = {"Authorization": f"Bearer {ALICE}"}


def test_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.hub_server", "--root", str(tmp_path), "--no-xet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        try:
            assert process.stdout is not None
            endpoint = json.loads(process.stdout.readline())["endpoint"]
            httpx2.post(f"{endpoint}/__admin__/faults", json={"path": "whoami", "status": 503})
            answers = [httpx2.get(f"{endpoint}/api/whoami-v2", headers=AUTHORIZED) for _ in "12"]
            assert [answer.status_code for answer in answers] == [503, 200]
            log = httpx2.get(f"{endpoint}/__admin__/requests").json()
            assert [entry["faulty"] for entry in log] == [False, True, False, False]
            wrong = httpx2.post(f"{endpoint}/__admin__/faults", json={"explode": True})
            assert wrong.status_code == 400
        finally:
            process.terminate()


def test_sixteen_threads(hub: Hub, hub_mode: Mode, tmp_path: Path) -> None:
    hub.api().create_repo("ggt/many", repo_type="dataset")
    contents = {f"{i}.bin": os.urandom(50_000) for i in range(16)}

    def push_and_pull(name: str) -> bool:
        (tmp_path / name).write_bytes(contents[name])
        common = {"repo_id": "ggt/many", "repo_type": "dataset"}
        hub.api().upload_file(
            path_or_fileobj=tmp_path / name, path_in_repo=name, revision="main", **common
        )
        return Path(hf_hub_download(filename=name, **common)).read_bytes() == contents[name]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(push_and_pull, contents))
    assert len(hub.api().list_repo_commits("ggt/many", repo_type="dataset")) == 17


@pytest.mark.parametrize("round_", [1, 2])
def test_each_test_finds_an_empty_hub(hub: Hub, hub_mode: Mode, round_: int) -> None:
    assert list(hub.api().list_datasets()) == []
    hub.configure(page_size=3)
    hub.fault(path="/never", status=500)
    hub.api().create_repo("ggt/left-over", repo_type="dataset")
    hub.api().upload_file(
        repo_id="ggt/left-over",
        repo_type="dataset",
        path_or_fileobj=b"the same bytes each time" * 1000,
        path_in_repo="same.bin",
    )
    path = hf_hub_download("ggt/left-over", "same.bin", repo_type="dataset")
    assert Path(path).read_bytes() == b"the same bytes each time" * 1000


def test_moved_names_and_other_origins(hub: Hub) -> None:
    api = hub.api()
    api.create_repo("ggt/old", repo_type="dataset")
    api.move_repo("ggt/old", "ggt/new", repo_type="dataset")
    url = f"{hub.endpoint}/datasets/ggt/old/resolve/main/.gitattributes"
    assert httpx2.get(url).status_code == 200
    assert httpx2.get(f"{hub.state.cdn_url}/lfs/{'0' * 64}?exp=1&sig=x").status_code == 403
    assert httpx2.get(f"{hub.state.cdn_url}/api/whoami-v2").status_code == 404
    assert httpx2.get(f"{hub.endpoint}/api/nothing").headers["X-Error-Message"] == "Not Found"


def test_a_token_at_the_storage_origin_is_noticed(hub: Hub) -> None:
    httpx2.get(f"{hub.state.cdn_url}/lfs/x", headers=AUTHORIZED)
    assert hub.leaked_tokens() == {ALICE}
    hub.log.clear()

"""Each fault, and what today's clients make of it.

Several of these reactions are defects: data lost or damaged without a word. They are written down
because ggt_hf's own reader exists to withstand them, and must be tried against the same faults.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from datasets import load_dataset
from huggingface_hub import HfFileSystem, constants, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from tests.hub_server.faults import FOREVER, Fault
from tests.hub_server.loopback import Hub, Mode
from tests.hub_server.pairs import REPO

NAME = "data/train-00000-of-00001.tar"
MEMBER = 8192 - 512
"""Bytes of a tar member, so that header and data take 8 KiB."""
MEMBERS = 40

lfs_only = pytest.mark.hub_mode("lfs")


def tar_bytes() -> bytes:
    """A webdataset tar of one member a sample."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key in range(MEMBERS):
            member = tarfile.TarInfo(f"{key:04d}.bin")
            member.size = MEMBER
            tar.addfile(member, io.BytesIO(os.urandom(MEMBER)))
    return buffer.getvalue()


@pytest.fixture
def data(hub: Hub) -> bytes:
    """One shard, pushed as `ggt/pairs`; the log is empty."""
    content = tar_bytes()
    hub.api().create_repo(REPO, repo_type="dataset")
    hub.api().upload_file(
        repo_id=REPO, repo_type="dataset", path_or_fileobj=content, path_in_repo=NAME
    )
    hub.log.clear()
    return content


def download() -> bytes:
    return Path(hf_hub_download(REPO, NAME, repo_type="dataset")).read_bytes()


def upload(hub: Hub, path: Path) -> None:
    hub.api().upload_file(
        repo_id=REPO, repo_type="dataset", path_or_fileobj=path, path_in_repo=path.name
    )


def test_rules_are_checked_and_counted(hub: Hub) -> None:
    with pytest.raises(ValueError, match="no action"):
        hub.fault(path="/lfs/")
    with pytest.raises(TypeError):
        hub.fault(path="/lfs/", explode=True)
    fault = hub.fault(path="whoami", status=418, skip=1, times=2)
    seen = [httpx2.get(f"{hub.endpoint}/api/whoami-v2").status_code for _ in range(4)]
    assert seen == [401, 418, 418, 401]
    assert (fault.seen, fault.fired) == (4, 2)
    assert [entry.faulty for entry in hub.log] == [False, True, True, False]


@lfs_only
@pytest.mark.parametrize(
    "rule",
    [
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"drop_after": 100_000},
        {"drop_after": 100_000, "ignore_range": True},
        {"chunked_cut": 100_000},
        {"delay": 0.2},
    ],
    ids=lambda rule: "-".join(rule),
)
def test_download_survives(hub: Hub, data: bytes, rule: dict[str, Any]) -> None:
    fault = hub.fault(server="cdn", path="/lfs/", **rule)
    assert download() == data
    assert fault.fired == 1


@lfs_only
@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        ({"status": 500}, HfHubHTTPError, "500"),
        ({"drop_after": 9000, "reset": True}, httpx2.ReadError, None),
        ({"truncate": 9000}, OSError, "Consistency check failed"),
        ({"chunked_cut": 9000, "clean_end": True}, OSError, "Consistency check failed"),
    ],
    ids=["status", "reset", "truncate", "clean_end"],
)
def test_download_raises(
    hub: Hub, data: bytes, rule: dict[str, Any], error: type[Exception], message: str | None
) -> None:
    hub.fault(server="cdn", path="/lfs/", **rule)
    with pytest.raises(error, match=message):
        download()
    assert download() == data


@lfs_only
def test_download_accepts_a_flipped_byte(hub: Hub, data: bytes) -> None:
    hub.fault(server="cdn", corrupt=70_000)
    damaged = download()
    assert [i for i in range(len(data)) if data[i] != damaged[i]] == [70_000]


@lfs_only
def test_download_reconnects_after_a_stall(
    hub: Hub, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    hub.fault(server="cdn", stall_after=100_000, stall_s=3)
    assert download() == data
    assert len(hub.log.select("/lfs/")) >= 2


@lfs_only
def test_slow(hub: Hub, data: bytes) -> None:
    hub.fault(server="cdn", slow=len(data))
    start = time.monotonic()
    assert download() == data
    assert time.monotonic() - start > 0.8


@lfs_only
@pytest.mark.parametrize(
    ("headers", "error", "message"),
    [
        ({"X-Linked-Size": "5"}, OSError, "Consistency check failed"),
        ({"X-Repo-Commit": None}, LocalEntryNotFoundError, "X-Repo-Commit"),
        ({"ETag": None, "X-Linked-Etag": None}, LocalEntryNotFoundError, "ETag"),
    ],
    ids=["size", "commit", "etag"],
)
def test_headers(
    hub: Hub, data: bytes, headers: dict[str, str | None], error: type[Exception], message: str
) -> None:
    hub.fault(server="hub", method="HEAD", set_headers=headers, times=FOREVER)
    with pytest.raises(error) as caught:
        download()
    assert message in f"{caught.value} {caught.value.__cause__}"


@lfs_only
def test_expired_urls(hub: Hub, data: bytes) -> None:
    hub.configure(url_ttl=-1)
    with pytest.raises(HfHubHTTPError, match="403"):
        download()


@lfs_only
def test_hub_hangs_up(hub: Hub, data: bytes) -> None:
    hub.fault(server="hub", method="HEAD", close=True)
    with pytest.raises(httpx2.RemoteProtocolError):
        download()


def test_a_range_beyond_the_file(hub: Hub, hub_mode: Mode, data: bytes) -> None:
    url = httpx2.head(f"{hub.endpoint}/datasets/{REPO}/resolve/main/{NAME}").headers["Location"]
    answers = {
        "bytes=0-9": (206, data[:10]),
        f"bytes={len(data) - 5}-": (206, data[-5:]),
        "bytes=-7": (206, data[-7:]),
        "furlongs=1-2": (200, data),
    }
    for header, expected in answers.items():
        answer = httpx2.get(url, headers={"Range": header})
        assert (answer.status_code, answer.content) == expected
    assert httpx2.get(url, headers={"Range": f"bytes={len(data)}-"}).status_code == 416


@lfs_only
def test_outage_is_waited_out(hub: Hub, data: bytes) -> None:
    def gone_for_a_second() -> None:
        with hub.outage("cdn"):
            down.set()
            time.sleep(1)

    down = threading.Event()
    outage = threading.Thread(target=gone_for_a_second)
    outage.start()
    down.wait()
    assert download() == data
    outage.join()


@pytest.mark.parametrize(
    "rule",
    [{"status": 503}, {"drop_after": 9000}, {"drop_after": 9000, "reset": True}, {"close": True}],
    ids=lambda rule: "-".join(rule),
)
def test_xet_download_survives(hub: Hub, data: bytes, rule: dict[str, Any]) -> None:
    fault = hub.fault(path="/v1/get_xorb/", **rule)
    assert download() == data
    assert fault.fired == 1


# Uploads


@pytest.fixture
def picture(hub: Hub, tmp_path: Path) -> Path:
    """A file to upload in three parts, and the repository for it."""
    hub.configure(part_size=100_000)
    hub.api().create_repo(REPO, repo_type="dataset")
    path = tmp_path / "picture.bin"
    path.write_bytes(os.urandom(250_000))
    return path


def stored(hub: Hub, path: Path) -> str | None:
    """sha256 of the uploaded file as the Hub has it; None if it has none."""
    infos = hub.api().get_paths_info(REPO, path.name, repo_type="dataset")
    return infos[0].lfs.sha256 if infos else None


@pytest.mark.parametrize(
    "rule",
    [{"status": 503}, {"cut_upload_after": 60_000}, {"lost_response": True}],
    ids=lambda rule: "-".join(rule),
)
def test_upload_survives(hub: Hub, hub_mode: Mode, picture: Path, rule: dict[str, Any]) -> None:
    path = "/v1/xorbs/" if hub_mode == "xet" else "/upload/"
    fault = hub.fault(server="cdn", path=path, **rule)
    upload(hub, picture)
    assert fault.fired == 1
    assert stored(hub, picture) == hashlib.sha256(picture.read_bytes()).hexdigest()


def test_discarded_upload_is_noticed_and_repaired(hub: Hub, hub_mode: Mode, picture: Path) -> None:
    fault = hub.fault(server="cdn", path="/upload/|/v1/xorbs/", discard_upload=True)
    with pytest.raises(RuntimeError if hub_mode == "lfs" else ConnectionError):
        upload(hub, picture)
    assert fault.fired == 1
    assert stored(hub, picture) is None
    upload(hub, picture)
    assert stored(hub, picture) == hashlib.sha256(picture.read_bytes()).hexdigest()


def test_lost_answer_to_a_commit(hub: Hub, hub_mode: Mode, picture: Path) -> None:
    hub.fault(path="/commit/", lost_response=True)
    with pytest.raises(httpx2.RemoteProtocolError):
        upload(hub, picture)
    assert stored(hub, picture) is not None
    hub.log.clear()
    upload(hub, picture)
    assert not hub.log.select("/upload/|/v1/xorbs/", server="cdn")


# Streams


def count() -> int:
    return sum(1 for _ in load_dataset(REPO, split="train", streaming=True))


def test_stream_resumes(hub: Hub, hub_mode: Mode, data: bytes) -> None:
    hub.fault(server="cdn", range="^$", drop_after=100_000, times=FOREVER)
    assert count() == MEMBERS
    last = hub.log.select("/lfs/")[-1]
    assert last.status == 206
    assert (last.range or "").startswith("bytes=")


def test_stream_loses_the_rest_of_a_short_shard(hub: Hub, data: bytes) -> None:
    hub.fault(server="cdn", truncate=8192 * 10, times=FOREVER)
    assert count() < MEMBERS


def test_stream_with_a_flipped_byte_in_a_header(hub: Hub, data: bytes) -> None:
    hub.fault(server="cdn", corrupt=8192 * 20 + 3, times=FOREVER)
    assert count() < MEMBERS


def test_blocks_trust_a_whole_answer_to_a_range(hub: Hub, data: bytes) -> None:
    hub.fault(server="cdn", ignore_range=True, times=FOREVER)
    with HfFileSystem().open(f"datasets/{REPO}/{NAME}", "rb", block_size=8192) as file:
        file.seek(50_000)
        assert file.read(10) == data[:10] != data[50_000:50_010]


def test_a_fault_says_what_it_does() -> None:
    assert not Fault(path="x", times=3).does_something()
    assert Fault(drop_after=0).does_something()

"""What the network and the server do wrong, and what a push makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ggt_hf.data.reading.folder import DatasetFolder
from ggt_hf.errors import HubError, IntegrityError, UsageError
from ggt_hf.hub.push import push_dataset
from tests.hub.datasets_here import REPO, commits, dataset_at, is_whole, some_pairs
from tests.hub_server.accounts import BOB, READER
from tests.hub_server.faults import FOREVER
from tests.hub_server.loopback import Hub, Mode
from tests.making import make_pair

COMMIT = r"/commit/main"


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"close": True},
        {"close": True, "reset": True},
        {"lost_response": True},
        {"lost_response": True, "reset": True},
    ],
    ids=["503", "429", "closed", "reset", "answer-lost", "answer-lost-reset"],
)
def test_a_commit_is_repeated_but_never_made_twice(
    hub: Hub, hub_mode: Mode, root: Path, fault: dict[str, object]
) -> None:
    rule = hub.fault(method="POST", path=COMMIT, times=2, **fault)
    push_dataset(root, REPO)
    assert rule.fired >= 1
    assert len(commits(hub)) == 2
    assert is_whole(hub, root, "format-v1")


def test_a_pull_request_is_never_opened_twice(hub: Hub, root: Path, tmp_path: Path) -> None:
    push_dataset(root, REPO)
    new = dataset_at(tmp_path / "new", some_pairs(2))
    hub.fault(method="POST", path=COMMIT, lost_response=True)
    report = push_dataset(new, REPO, create_pr=True)
    found = list(hub.api().get_repo_discussions(REPO, repo_type="dataset"))
    assert [f"refs/pr/{pr.num}" for pr in found] == [report.pull_request]


@pytest.mark.parametrize(
    "path",
    [
        "/whoami",
        "/tree/",
        "/repos/create",
        "/refs",
        "/tag/",
        "/resolve/",
        "/auth-check",
        "/revision/",
    ],
)
@pytest.mark.parametrize("fault", [{"status": 503}, {"lost_response": True}], ids=str)
def test_small_questions_are_asked_again(
    hub: Hub, root: Path, path: str, fault: dict[str, object]
) -> None:
    if path == "/auth-check":
        hub.api().create_repo(REPO, repo_type="dataset", private=True)
    rule = hub.fault(path=path, **fault)
    push_dataset(root, REPO)
    assert rule.fired == 1
    assert is_whole(hub, root, "format-v1")


@pytest.mark.hub_mode("lfs")
@pytest.mark.parametrize("path", ["/preupload/", "objects/batch", "/upload/"])
def test_a_stumble_while_bytes_move_is_survived(hub: Hub, root: Path, path: str) -> None:
    rule = hub.fault(path=path, status=503)
    push_dataset(root, REPO)
    assert rule.fired == 1
    assert is_whole(hub, root)


@pytest.mark.parametrize("path", ["/xet-write-token/", "/v1/xorbs/", "/v1/shards"])
def test_a_stumble_of_xet_is_survived(hub: Hub, tmp_path: Path, path: str) -> None:
    # Pixels that no other test sends: a Xet session never sends a chunk twice.
    seed = 1000 + len(path)
    root = dataset_at(tmp_path / "new", [make_pair(seed + i) for i in range(4)])
    rule = hub.fault(path=path, status=503)
    push_dataset(root, REPO)
    assert rule.fired == 1
    assert is_whole(hub, root)


def test_a_storage_that_xet_gives_up_on_is_tried_once_more(hub: Hub, tmp_path: Path) -> None:
    root = dataset_at(tmp_path / "new", [make_pair(3000 + i) for i in range(4)])
    hub.fault(path="/v1/xorbs/", status=503, times=3)
    push_dataset(root, REPO)
    assert is_whole(hub, root)


def test_a_commit_refused_for_good_says_what_to_do_and_changes_nothing(
    hub: Hub, root: Path, tmp_path: Path
) -> None:
    push_dataset(root, REPO)
    hub.fault(method="POST", path=COMMIT, status=503, times=FOREVER)
    with pytest.raises(HubError, match=r"ggt/ggt-100k: committing to main failed: status 503") as e:
        push_dataset(dataset_at(tmp_path / "new", some_pairs(2)), REPO)
    assert "same command again" in e.value.hint
    assert is_whole(hub, root)


def test_somebody_else_s_commit_is_built_upon(hub: Hub, root: Path, tmp_path: Path) -> None:
    push_dataset(root, REPO)
    new = dataset_at(tmp_path / "new", some_pairs(2))
    once = iter([True])

    def meddle(plan: object) -> bool:
        if next(once, False):
            push_dataset(dataset_at(tmp_path / "other", some_pairs(3)), REPO)
        return True

    push_dataset(new, REPO, confirm=meddle)
    assert len(commits(hub)) == 4
    assert is_whole(hub, new)


def test_two_pushes_of_one_dataset_make_one_commit(hub: Hub, root: Path) -> None:
    def be_faster(plan: object) -> bool:
        push_dataset(root, REPO)
        return True

    push_dataset(root, REPO, confirm=be_faster)
    assert len(commits(hub)) == 2


def test_a_shard_that_reads_back_as_garbage_is_found(hub: Hub, root: Path) -> None:
    manifest = DatasetFolder.open(root).manifest
    hub.fault(server="cdn", method="GET", corrupt=manifest.row(0).json.offset, times=FOREVER)
    with pytest.raises(HubError, match="reads back differently at byte"):
        push_dataset(root, REPO)
    assert not hub.api().list_repo_refs(REPO, repo_type="dataset").tags
    hub.heal()
    assert push_dataset(root, REPO).num_proven == 7


@pytest.mark.hub_mode("lfs")
def test_discarded_bytes_are_found_and_sent_again(hub: Hub, root: Path) -> None:
    hub.fault(method="PUT", discard_upload=True)
    with pytest.raises(HubError, match=r"sending data/rain/train-00000-of-00002\.tar"):
        push_dataset(root, REPO)
    assert len(commits(hub)) == 1
    push_dataset(root, REPO)
    assert is_whole(hub, root)


@pytest.mark.parametrize(
    ("token", "cause", "hint"),
    [
        ("hf_wrong_token", "status 401", "hf auth login"),
        (READER, "may only read", "role write"),
        (BOB, "status 403", "may create repositories of ggt"),
    ],
)
def test_a_token_without_rights_is_named_before_bytes_move(
    hub: Hub, root: Path, token: str, cause: str, hint: str
) -> None:
    with pytest.raises(HubError, match=cause) as error:
        push_dataset(root, REPO, token=token)
    assert hint in error.value.hint
    assert token not in str(error.value)
    assert not hub.log.select("preupload|/commit/|/upload/")


def test_a_stranger_may_not_write_into_a_public_dataset(hub: Hub, root: Path) -> None:
    push_dataset(root, REPO, private=False)
    with pytest.raises(HubError, match="status 403"):
        push_dataset(root, REPO, private=False, token=BOB)


def test_without_a_token_the_next_step_is_told(
    hub: Hub, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="there is none") as error:
        push_dataset(root, REPO)
    assert "hf auth login" in error.value.hint


def test_a_dead_hub_is_told_as_such(hub: Hub, root: Path) -> None:
    hub.fault(path="/api/", close=True, times=FOREVER)
    with pytest.raises(HubError, match="asking who the token belongs to failed") as error:
        push_dataset(root, REPO)
    assert "same command again" in error.value.hint


@pytest.mark.parametrize(
    ("card", "cause"),
    [
        ("# x\n", "no YAML head"),
        ("---\nlicense: [\n---\n# x\n", "is broken"),
        ("---\nlicense: mit\n---\n# x\n", "another configs"),
    ],
)
def test_a_card_that_would_break_loading_is_refused_before_bytes_move(
    hub: Hub, root: Path, card: str, cause: str
) -> None:
    with pytest.raises(UsageError, match=cause):
        push_dataset(root, REPO, card=card)
    assert len(hub.log) == 0


def test_a_shard_that_changes_while_it_is_sent_is_not_committed(hub: Hub, root: Path) -> None:
    def rebuild(plan: object) -> bool:
        shard = root / "data/rain/train-00000-of-00002.tar"
        data = bytearray(shard.read_bytes())
        data[600] ^= 1
        shard.write_bytes(data)
        return True

    with pytest.raises(IntegrityError, match="changed while it was sent"):
        push_dataset(root, REPO, confirm=rebuild)
    assert len(commits(hub)) == 1

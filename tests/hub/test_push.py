from __future__ import annotations

import io
from pathlib import Path

import pytest

from ggt_hf.errors import IncompleteError, IntegrityError, UsageError
from ggt_hf.hub.push import push_dataset
from ggt_hf.images import decode
from tests.hub.datasets_here import REPO, commits, dataset_at, is_whole, some_pairs, tree
from tests.hub_server.loopback import Hub, Mode
from tests.making import make_pair


def test_a_pushed_dataset_is_there_whole_private_and_tagged(
    hub: Hub, hub_mode: Mode, root: Path
) -> None:
    report = push_dataset(root, REPO)
    assert is_whole(hub, root)
    assert commits(hub)[0] == report.commit
    assert len(commits(hub)) == 2
    assert hub.api().dataset_info(REPO).private
    assert tree(hub, "format-v1") == tree(hub)
    assert report.num_sent == report.num_proven == len(tree(hub))


def test_stock_datasets_streams_equal_pixels(hub: Hub, hub_mode: Mode, root: Path) -> None:
    import datasets

    push_dataset(root, REPO)
    streamed = list(datasets.load_dataset(REPO, "rain", split="train", streaming=True))
    originals = [pair for pair in some_pairs() if pair.info.degradation == "rain"]
    assert len(streamed) == len(originals)
    for got, pair in zip(streamed, originals, strict=True):
        assert got["json"]["prompt"] == pair.info.prompt
        assert pixels(got["lq"]) == decode(pair.lq, "lq").tobytes()
        assert pixels(got["gt"]) == decode(pair.gt, "gt").tobytes()


def pixels(image: object) -> bytes:
    import numpy as np

    return np.asarray(image.convert("RGB")).tobytes()  # type: ignore[attr-defined]


def test_webdataset_reads_equal_bytes_from_the_card_s_address(hub: Hub, root: Path) -> None:
    import webdataset

    push_dataset(root, REPO, private=False)
    base = f"{hub.endpoint}/datasets/{REPO}/resolve/main/data/snow"
    url = base + "/train-{00000..00001}-of-00002.tar"
    got = list(webdataset.WebDataset(url, shardshuffle=False))
    originals = [pair for pair in some_pairs() if pair.info.degradation == "snow"]
    assert [(g["lq"], g["gt"]) for g in got] == [(p.lq, p.gt) for p in originals]


def test_a_single_file_downloads_as_it_lies_here(hub: Hub, hub_mode: Mode, root: Path) -> None:
    from huggingface_hub import hf_hub_download

    push_dataset(root, REPO)
    name = "data/rain/train-00000-of-00002.tar"
    there = Path(hf_hub_download(REPO, name, repo_type="dataset"))
    assert there.read_bytes() == (root / name).read_bytes()


def test_pushing_again_changes_and_sends_nothing(hub: Hub, hub_mode: Mode, root: Path) -> None:
    first = push_dataset(root, REPO)
    hub.log.clear()
    second = push_dataset(root, REPO)
    assert second.plan.is_done
    assert second.commit == first.commit
    assert not hub.log.select(method="POST")
    assert not hub.log.select(method="PUT")
    assert len(commits(hub)) == 2


def test_a_changed_dataset_replaces_the_old_one_in_one_commit(
    hub: Hub, hub_mode: Mode, root: Path, tmp_path: Path
) -> None:
    push_dataset(root, REPO)
    smaller = dataset_at(tmp_path / "new", [make_pair(40 + i, "rain") for i in range(3)])
    report = push_dataset(smaller, REPO)
    assert report.num_deleted == 4
    assert is_whole(hub, smaller)
    newest, before, _ = commits(hub)
    assert is_whole(hub, smaller, newest)
    assert is_whole(hub, root, before)
    assert tree(hub, "format-v1") == tree(hub, newest)


def test_other_people_s_files_stay(hub: Hub, root: Path, tmp_path: Path) -> None:
    push_dataset(root, REPO)
    hub.api().upload_file(
        path_or_fileobj=io.BytesIO(b"thanks"),
        path_in_repo="THANKS.txt",
        repo_id=REPO,
        repo_type="dataset",
    )
    push_dataset(dataset_at(tmp_path / "new", some_pairs(2)), REPO)
    assert "THANKS.txt" in tree(hub)


def test_a_dry_run_touches_nothing(hub: Hub, root: Path) -> None:
    report = push_dataset(root, REPO, dry_run=True)
    assert report.commit is None
    assert report.plan.parent is None
    assert len(report.plan.uploads) == 7
    assert not hub.log.select(method="POST")
    assert not hub.api().repo_exists(REPO, repo_type="dataset")


def test_a_pull_request_leaves_main_alone(hub: Hub, root: Path, tmp_path: Path) -> None:
    push_dataset(root, REPO)
    new = dataset_at(tmp_path / "new", some_pairs(2))
    report = push_dataset(new, REPO, create_pr=True)
    assert report.pull_request == "refs/pr/1"
    assert is_whole(hub, new, "refs/pr/1")
    assert is_whole(hub, root)
    assert report.tag is None


def test_a_branch_gets_no_tag(hub: Hub, root: Path, tmp_path: Path) -> None:
    push_dataset(root, REPO)
    hub.api().create_branch(REPO, branch="next", repo_type="dataset")
    new = dataset_at(tmp_path / "new", some_pairs(2))
    push_dataset(new, REPO, revision="next")
    assert is_whole(hub, new, "next")
    assert is_whole(hub, root, "format-v1")


def test_what_is_no_part_of_the_dataset_stays_here(hub: Hub, root: Path) -> None:
    (root / "diary.txt").write_text("secret")
    report = push_dataset(root, REPO)
    assert "Files that are no part of the dataset stay here: 1." in report.plan.remarks
    assert "diary.txt" not in tree(hub)


def test_public_has_to_be_said(hub: Hub, root: Path) -> None:
    push_dataset(root, REPO, private=False)
    with pytest.raises(UsageError, match="is public"):
        push_dataset(root, REPO)
    assert push_dataset(root, REPO, private=False).plan.is_done


def test_a_private_repository_stays_private(hub: Hub, root: Path) -> None:
    push_dataset(root, REPO)
    report = push_dataset(root, REPO, private=False)
    assert hub.api().dataset_info(REPO).private
    assert any("--public" in remark for remark in report.plan.remarks)


def test_a_card_of_one_s_own_is_kept_where_that_is_said(hub: Hub, root: Path) -> None:
    remarks = push_dataset(root, REPO, dry_run=True).plan.remarks
    assert any("say --card" in remark for remark in remarks)
    card = (root / "README.md").read_text() + "\nMine.\n"
    push_dataset(root, REPO, card=card)
    assert tree(hub)["README.md"][0] == len(card.encode())


def test_a_damaged_shard_never_leaves(hub: Hub, root: Path) -> None:
    shard = root / "data/rain/train-00000-of-00002.tar"
    data = bytearray(shard.read_bytes())
    data[700] ^= 1
    shard.write_bytes(data)
    with pytest.raises(IntegrityError, match="train-00000-of-00002"):
        push_dataset(root, REPO)
    assert not hub.log.select(method="POST")


def test_an_unfinished_dataset_never_leaves(hub: Hub, root: Path) -> None:
    (root / "meta/info.json").unlink()
    with pytest.raises(IncompleteError, match=r"it has no meta/info\.json"):
        push_dataset(root, REPO)


def test_a_hash_is_remembered_outside_of_the_folder(
    hub: Hub, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(root.rglob("*"))
    push_dataset(root, REPO, dry_run=True)
    assert sorted(root.rglob("*")) == before
    assert list((tmp_path / "cache/sha256").iterdir())

    def hash_nothing(*_: object) -> None:
        raise AssertionError("a shard was hashed again")

    monkeypatch.setattr("hashlib.file_digest", hash_nothing)
    push_dataset(root, REPO, dry_run=True)


@pytest.mark.parametrize("name", ["no-owner", "a/b/c", "ns/../x", "ns/na me"])
def test_a_bad_name_is_refused(hub: Hub, root: Path, name: str) -> None:
    with pytest.raises(UsageError, match="ORG/"):
        push_dataset(root, name)

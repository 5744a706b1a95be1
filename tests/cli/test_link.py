from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from ggt_hf.errors import FormatError, GgtError, HubError, UsageError
from tests.data.loading.loaded import assert_pairs
from tests.hub_server.loopback import Hub
from tests.making import make_dataset, make_pair

PAIRS = [make_pair(i, d) for d in ("haze", "rain") for i in range(3)]


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory that holds the dataset data/pairs."""
    monkeypatch.setenv("GGT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return make_dataset(tmp_path / "work/data/pairs", PAIRS)


def ggt(*arguments: str) -> tuple[str, str]:
    """Run the command; its stdout and stderr, or the error it ends with."""
    done = CliRunner().invoke(app, arguments)
    if done.exception:
        raise done.exception
    return done.stdout, done.stderr


@pytest.mark.parametrize("absolute", [False, True])
def test_a_linked_directory_loads_by_the_bare_name(
    root: Path, absolute: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    out, remarks = ggt("link", "there", "--to", str(root if absolute else "data/pairs"))
    assert (out, "Linked" in remarks) == ("there/ggt-100k\n", True)
    assert [file.name for file in Path("there/ggt-100k").iterdir()] == ["README.md"]
    assert (str(root) in Path("there/ggt-100k/README.md").read_text()) == absolute
    monkeypatch.chdir("there")
    assert_pairs(datasets.load_dataset("ggt-100k", split="train"), PAIRS)
    stream = datasets.load_dataset("ggt-100k", "rain", split="train", streaming=True)
    assert_pairs(stream, PAIRS[3:])
    assert datasets.get_dataset_config_names("ggt-100k") == ["default", "haze", "rain"]


def test_linking_again_renews_and_says_whether_it_did(root: Path, tmp_path: Path) -> None:
    def changed(*arguments: str) -> bool:
        return bool(json.loads(ggt("link", "--json", "--quiet", *arguments)[0])["changed"])

    assert changed("--to", "data/pairs")
    assert not changed("--to", "data/pairs")
    make_dataset(tmp_path / "other", PAIRS)
    assert changed("--to", str(tmp_path / "other"))


def test_a_dry_run_builds_no_sample(tmp_path: Path) -> None:
    _, remarks = ggt("link", "new", "--dry-run")
    assert "would name the embedded sample" in remarks
    assert not (tmp_path / "cache").exists() and not Path("new").exists()


def test_a_dry_run_touches_nothing(tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    out, _ = ggt("link", "new", "--to", "data/pairs", "--dry-run")
    assert out.startswith("---\n# Written by `ggt link`")
    ggt("link", "--to", "data/pairs", "--everywhere", "--dry-run")
    assert sorted(tmp_path.rglob("*")) == before


def test_everywhere_is_for_our_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ggt_hf import load_dataset

    ggt("link", "--everywhere", "--to", "data/pairs")
    monkeypatch.chdir(tmp_path)
    assert_pairs(load_dataset("ggt-100k", "haze", split="train", streaming=True), PAIRS[:3])
    with pytest.raises(UsageError, match="exclude each other"):
        ggt("link", "here", "--everywhere", "--to", "data/pairs")


@pytest.mark.parametrize("kind", ["dataset", "notes", "file", "symlink", "more"])
def test_nothing_but_a_stub_is_overwritten(root: Path, tmp_path: Path, kind: str) -> None:
    target = Path("ggt-100k")
    if kind == "dataset":
        make_dataset(target, PAIRS[:1])
    elif kind == "file":
        target.write_text("mine")
    elif kind == "symlink":
        target.symlink_to(root)
    else:
        target.mkdir()
        (target / "README.md").write_text("# mine\n")
    if kind == "more":
        (target / "README.md").write_text("---\nggt_link: {to: data/pairs}\n---\n")
        (target / "notes.txt").write_text("mine")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for more in ([], ["--dry-run"]):
        with pytest.raises(UsageError, match="no stub that ggt link wrote"):
            ggt("link", "--to", "data/pairs", *more)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_what_is_no_dataset_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.api().create_repo("alice/empty", repo_type="dataset")
    (tmp_path / "empty").mkdir()
    refusals: list[tuple[list[str], type[GgtError], str]] = [
        (["--to", "nowhere"], UsageError, "neither a folder nor"),
        (["--to", "a/b/c"], UsageError, "neither a folder nor"),
        (["--to", str(tmp_path / "empty")], FormatError, "meta/info.json"),
        (["--to", "data/pairs", "--revision", "v1"], UsageError, "no revisions"),
        (["--to", "alice/empty"], FormatError, "meta/info.json"),
        (["--to", "alice/empty", "--revision", "v9"], HubError, "v9"),
        (["--to", "alice/absent"], HubError, "alice/absent"),
        (["--to", "alice/a--b"], HubError, "alice/a--b"),
    ]
    for arguments, error, cause in refusals:
        with pytest.raises(error, match=cause):
            ggt("link", *arguments)
    assert not Path("ggt-100k").exists()

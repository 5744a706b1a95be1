from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from ggt_hf.errors import IncompleteError, IntegrityError
from tests.making import make_dataset, make_pair


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_dataset(tmp_path, [make_pair(i) for i in range(3)])


def test_it_prints_the_card_and_leaves_the_folder_alone(root: Path) -> None:
    before = (root / "README.md").read_bytes()
    done = CliRunner().invoke(app, ["card", "dataset", str(root), "--repo", "ns/rain"])
    assert done.exit_code == 0
    assert 'load_dataset("ns/rain", split="train", streaming=True)' in done.stdout
    assert (root / "README.md").read_bytes() == before


def test_write_replaces_the_readme(root: Path) -> None:
    done = CliRunner().invoke(
        app, ["card", "dataset", str(root), "--write", "--title", "Wet", "--description", "Drops."]
    )
    assert (done.exit_code, done.stdout) == (0, "")
    assert "# Wet\n\nDrops.\n" in (root / "README.md").read_text()


def test_an_unfinished_dataset_is_refused(root: Path) -> None:
    (root / "meta/info.json").unlink()
    done = CliRunner().invoke(app, ["card", "dataset", str(root)])
    assert isinstance(done.exception, IncompleteError)


def test_another_manifest_is_refused(root: Path) -> None:
    with (root / "meta/manifest.parquet").open("ab") as file:
        file.write(b"x")
    done = CliRunner().invoke(app, ["card", "dataset", str(root)])
    assert isinstance(done.exception, IntegrityError)

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from tests.data.validation.tampering import SHARD, dataset


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["validate", *map(str, words)])
    return result.exit_code, result.stdout, result.stderr


def test_a_sound_dataset(tmp_path: Path) -> None:
    code, out, err = run(dataset(tmp_path))
    assert code == 0
    assert out.count("pass  ") == 9
    assert out.splitlines()[-1].startswith(f"{tmp_path} reads right everywhere: 4 pairs in ")
    assert err.splitlines()[-1] == f"next: ggt push dataset {tmp_path} ORG/NAME"


def test_quick_leads_on_to_the_default(tmp_path: Path) -> None:
    code, out, err = run(dataset(tmp_path), "--quick")
    assert code == 0
    assert "not looked at: --quick opens no shard" in out
    assert "reads right in all that was looked at" in out
    assert err.splitlines()[-1] == f"next: ggt validate {tmp_path}"


def test_a_broken_dataset_exits_with_1_and_says_what_next(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    (root / SHARD).write_bytes((root / SHARD).read_bytes()[:-2000])
    code, out, err = run(root)
    assert code == 1
    assert "FAIL  tars" in out
    assert f"{SHARD} · " in out
    assert err.splitlines()[-1].startswith("next: Fetch")


def test_json_is_one_document(tmp_path: Path) -> None:
    code, out, _ = run(dataset(tmp_path), "--quick", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["ok"] is True
    assert [check["name"] for check in report["checks"]][:3] == ["structure", "manifest", "card"]


def test_both_levels_at_once_are_refused(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "ggt_hf", "validate", str(tmp_path), "--quick", "--full"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("error: --quick and --full exclude each other.\n  next: ")


@pytest.mark.parametrize("where", ["no/such/thing/here", "../up"])
def test_what_is_neither_folder_nor_repository(where: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "ggt_hf", "validate", where],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "is no folder here, and no dataset's name on the Hub" in result.stderr


def test_help_shows_examples_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ggt_hf.cli.app import app; "
        "from typer.testing import CliRunner; "
        "out = CliRunner().invoke(app, ['validate', '--help']).stdout; "
        "assert 'ggt validate out/ --quick' in out, out; "
        "print(sorted({'datasets', 'pyarrow', 'numpy', 'PIL', 'webdataset'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ggt_hf.cli.engine import EngineFlags, carry_out, without_file_options
from ggt_hf.cli.output import Output
from ggt_hf.engines import Unit
from ggt_hf.errors import UsageError
from tests.engines import works
from tests.engines.test_slurm import array_variables


def test_a_stage_goes_through_slurm_from_the_batch_file_to_the_merge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    units, out, file = works.small_sources(10), tmp_path / "v.jsonl", tmp_path / "v.sbatch"
    given = ["ggt", "qc", "in", "--write-sbatch", str(file), "--engine", "slurm", "--num-tasks=2"]
    monkeypatch.setattr("sys.argv", given)
    flags = EngineFlags(engine="slurm", write_sbatch=file, num_tasks=2, sbatch=["--time=1"])
    assert carry_out(units, works.measure, out, flags, Output()) is None
    text = file.read_text()
    assert "-m ggt_hf qc in --engine slurm\n" in text and "--array=0-1" in text
    assert "#SBATCH --time=1\n" in text and "qc in --engine slurm --merge" in text
    subprocess.run(["bash", "-n", file], check=True)
    assert f"bash {file}" in capsys.readouterr().err
    for index in range(2):
        for name, value in array_variables(index, 2).items():
            monkeypatch.setenv(name, value)
        report = carry_out(
            units, works.measure, out, EngineFlags(engine="slurm", num_workers=1), Output()
        )
        assert report and report.num_units == 5 and not out.exists()
    merged = carry_out(units, works.measure, out, EngineFlags(engine="slurm", merge=True), Output())
    assert merged and merged.merged and out.exists()


def test_failures_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    units = [Unit(key=f"k{i}", payload={"while": str(tmp_path)}) for i in range(7)]
    carry_out(units, works.fussy, tmp_path / "v.jsonl", EngineFlags(num_workers=1), Output())
    said = capsys.readouterr().err
    assert "k5: ValueError: k5 is bad" in said and "1 of 7 failed" in said
    assert "v.failed.jsonl" in said


def test_slurm_flags_need_the_engine() -> None:
    with pytest.raises(UsageError, match="Slurm alone"):
        EngineFlags(merge=True)


def test_options_of_the_file_are_left_out_in_both_spellings() -> None:
    words = ["a", "--sbatch", "--time=1", "--num-tasks=3", "--write-sbatch=f", "--seed", "1"]
    assert without_file_options(words) == ["a", "--seed", "1"]

"""An array simulated by processes with Slurm's variables: no scheduler runs where tests run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ggt_hf.engines import merge_stage, run_stage, write_sbatch
from ggt_hf.engines.slurm import ArrayTask, task
from ggt_hf.errors import IncompleteError, UsageError
from tests.engines import works

TASK = """
import sys
from ggt_hf.engines import run_stage
from tests.engines import works
if __name__ == "__main__":
    units, out = works.small_sources(1000), sys.argv[1]
    run_stage(units, works.measure, out, engine="slurm", num_workers=int(sys.argv[2]))
"""


def array_variables(index: int, count: int, first: int = 0) -> dict[str, str]:
    return {
        "SLURM_ARRAY_TASK_ID": str(first + index),
        "SLURM_ARRAY_TASK_COUNT": str(count),
        "SLURM_ARRAY_TASK_MIN": str(first),
        "SLURM_ARRAY_TASK_MAX": str(first + count - 1),
    }


def start_task(folder: Path, index: int, count: int) -> subprocess.Popen[bytes]:
    script = folder / "task.py"
    script.write_text(TASK)
    return subprocess.Popen(
        [sys.executable, str(script), str(folder / "out.jsonl"), str(1 + index % 2)],
        env=os.environ | {"PYTHONPATH": str(Path.cwd())} | array_variables(index, count),
    )


def test_an_array_of_four_merges_to_the_bytes_of_one_process(tmp_path: Path) -> None:
    units, out = works.small_sources(1000), tmp_path / "out.jsonl"
    for index in (0, 2, 3):
        assert start_task(tmp_path, index, 4).wait() == 0
    with pytest.raises(IncompleteError, match="250 of 1,000") as caught:
        merge_stage(units, out)
    assert "have not finished: 1" in str(caught.value)
    assert not out.exists()
    processes = [start_task(tmp_path, index, 4) for index in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert merge_stage(units, out).merged
    run_stage(units, works.measure, tmp_path / "one.jsonl", num_workers=1)
    assert out.read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    assert not (tmp_path / ".out.jsonl.parts").exists()


def test_the_variables_say_which_share() -> None:
    assert task(array_variables(2, 4, first=1)) == ArrayTask(index=2, count=4)
    with pytest.raises(UsageError, match="no task of a Slurm array"):
        task({})
    with pytest.raises(UsageError, match="left out"):  # --array=3,7
        task(array_variables(0, 2, first=3) | {"SLURM_ARRAY_TASK_MAX": "7"})


def test_the_batch_file_submits_the_array_and_the_merge(tmp_path: Path) -> None:
    file, log = tmp_path / "run it.sbatch", tmp_path / "log"
    command = [
        "sh",
        "-c",
        'printf "%s\\n" "$0" "$@" >> log; echo "task $SLURM_ARRAY_TASK_ID" >> log',
        "a b",
    ]
    write_sbatch(file, command, num_tasks=3, name="ggt-qc", options=["--partition=gpu"])
    text = file.read_text()
    assert "#SBATCH --array=0-2\n" in text and "#SBATCH --partition=gpu\n" in text
    # A stand-in for sbatch: it keeps what it is told, as no scheduler runs here.
    stand_in = tmp_path / "sbatch"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >> calls\necho "77;cluster"\n')
    stand_in.chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["bash", file], cwd=tmp_path, env=env, check=True)
    calls = (tmp_path / "calls").read_text()
    assert str(file) in calls and "--dependency=afterany:77\n" in calls
    wrapped = calls.partition("--wrap=")[2]
    subprocess.run(["sh", "-c", wrapped], cwd=tmp_path, check=True)
    assert log.read_text().split("\n")[:2] == ["a b", "--merge"]
    subprocess.run(["bash", file], cwd=tmp_path, env=env | array_variables(1, 3), check=True)
    assert log.read_text().endswith("task 1\n")


def test_nothing_breaks_out_of_the_batch_file(tmp_path: Path) -> None:
    for words in ({"options": ["--time=1\nrm -rf x"]}, {"name": "a\nb"}, {"options": ["rm"]}):
        with pytest.raises(UsageError, match="no option of sbatch"):
            write_sbatch(tmp_path / "f", ["true"], num_tasks=1, **words)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="0 tasks"):
        write_sbatch(tmp_path / "f", ["true"], num_tasks=0)

"""`--engine` of the commands: whichever it is, and however often it is killed, the same files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ggt_hf.cli.engine import EngineFlags, without_file_options
from ggt_hf.errors import UsageError
from ggt_hf.evaluation.scores import FILE, read_scores
from tests.engines.test_slurm import array_variables
from tests.making import encoded, picture

NUM_PHOTOS = 12


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos") / "haze"
    folder.mkdir()
    for index in range(NUM_PHOTOS):
        (folder / f"p{index:02d}.png").write_bytes(encoded(picture(index, 96, 80)))
    (folder / "cut.jpg").write_bytes(encoded(picture(4, 300, 200), "JPEG")[:900])
    return folder.parent


@pytest.fixture(scope="module")
def ray_address() -> Iterator[str]:
    """One cluster for the commands of this file, as a user's own: by RAY_ADDRESS."""
    pytest.importorskip("ray")
    from ggt_hf.engines.ray_cluster import require_ray

    ray = require_ray()
    context = ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield context.address_info["gcs_address"]
    ray.shutdown()


def ggt(*words: object, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ggt_hf", *map(str, words)],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def chain(photos: Path, out: Path) -> list[tuple[list[object], Path]]:
    """The commands in their order, and the manifest that each of them writes."""
    prompts = out / "prompts.jsonl"
    return [
        (["prompt", photos, "--out", prompts, "--batch-size", 2], prompts),
        (["synth", photos, out / "made", "--editor", "classical"], out / "made/candidates.jsonl"),
        (["qc", out / "made", out / "qc", "--stages", "metrics", "--no-text"],
         out / "qc/verdicts.jsonl"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def here(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The manifests that local processes write."""
    out = tmp_path_factory.mktemp("here")
    manifests = []
    for words, manifest in chain(photos, out):
        done = ggt(*words, "--num-workers", 2)
        assert done.returncode in (0, 1), done.stderr
        manifests.append(manifest.read_bytes())
    assert [data.count(b"\n") for data in manifests] == [NUM_PHOTOS] * 3
    return manifests


def test_an_array_writes_the_manifests_of_local_processes(
    photos: Path, tmp_path: Path, here: list[bytes]
) -> None:
    for (words, manifest), expected in zip(chain(photos, tmp_path), here, strict=True):
        for index in range(2):
            task = ggt(*words, "--engine", "slurm", **array_variables(index, 2))
            assert "this task: " in task.stdout, task.stderr
            assert not manifest.exists()
            if index == 0 and words[0] == "prompt":
                early = ggt(*words, "--engine", "slurm", "--merge")
                assert early.returncode == 1 and "have not finished: 1" in early.stderr
        merged = ggt(*words, "--engine", "slurm", "--merge")
        assert "Traceback" not in merged.stderr
        assert manifest.read_bytes() == expected, merged.stderr


def test_a_cluster_writes_the_manifests_of_local_processes(
    photos: Path, tmp_path: Path, here: list[bytes], ray_address: str
) -> None:
    for (words, manifest), expected in zip(chain(photos, tmp_path), here, strict=True):
        done = ggt(*words, "--engine", "ray", RAY_ADDRESS=ray_address)
        assert manifest.read_bytes() == expected, done.stderr


def test_a_cluster_gives_the_scores_of_local_processes(tmp_path: Path, ray_address: str) -> None:
    words = ["eval", "input", "classical", "--task", "sample", "--limit", 3]
    words += ["--metrics", "psnr_y,ssim_y", "--quiet", "--num-workers", 2, "--out"]
    scores = {}
    for engine in ("local", "ray"):
        done = ggt(*words, tmp_path / engine, "--engine", engine, RAY_ADDRESS=ray_address)
        assert done.returncode == 0, done.stderr
        rows = read_scores(tmp_path / engine / FILE).rows
        scores[engine] = {(row.restorer, row.key): row.scores for row in rows}
    assert len(scores["local"]) == 6
    assert scores["local"] == scores["ray"]


def test_the_batch_file_runs_the_command_as_it_was_given(photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.sbatch"
    words = ["prompt", photos, "--out", tmp_path / "p.jsonl", "--engine", "slurm"]
    words += ["--write-sbatch", file, "--num-tasks=2", "--sbatch=--time=1"]
    done = ggt(*words)
    assert f"next: bash {file}" in done.stderr and not (tmp_path / "p.jsonl").exists()
    text = file.read_text()
    assert "#SBATCH --time=1\n" in text and "--array=0-1" in text
    # A stand-in for sbatch that runs what it is given at once: no scheduler runs where tests run.
    stand_in = tmp_path / "bin" / "sbatch"
    stand_in.parent.mkdir()
    stand_in.write_text(
        "#!/bin/bash\nset -u\nfor word; do last=$word; done\n"
        'case $last in --wrap=*) sh -c "${last#--wrap=}" >&2;; *)\n'
        "for i in 0 1; do SLURM_ARRAY_TASK_ID=$i SLURM_ARRAY_TASK_COUNT=2 "
        "SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=1 bash $last >&2; done; esac; echo 7\n"
    )
    stand_in.chmod(0o755)
    env = os.environ | {"PATH": f"{stand_in.parent}:{os.environ['PATH']}"}
    subprocess.run(["bash", file], env=env, check=False, capture_output=True)
    assert (tmp_path / "p.jsonl").read_bytes().count(b"\n") == NUM_PHOTOS


@pytest.mark.parametrize("verb", ["synth", "qc"])
def test_killed_tasks_are_taken_up(
    photos: Path, tmp_path: Path, here: list[bytes], verb: str
) -> None:
    steps = chain(photos, tmp_path)
    if verb == "qc":
        ggt(*steps[1][0])
    (words, manifest), expected = steps[1 + (verb == "qc")], here[1 + (verb == "qc")]
    parts = manifest.with_name(f".{manifest.name}.parts")
    process = subprocess.Popen(
        [sys.executable, "-m", "ggt_hf", *map(str, words), "--engine", "slurm", "--num-workers=1"],
        env=os.environ | array_variables(0, 2),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not any(p.stat().st_size for p in parts.glob("*.jsonl")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for index in range(2):
        ggt(*words, "--engine", "slurm", **array_variables(index, 2))
    ggt(*words, "--engine", "slurm", "--merge")
    assert manifest.read_bytes() == expected
    assert not parts.exists()


def test_a_paid_editor_is_asked_by_one_process(photos: Path, tmp_path: Path) -> None:
    words = ["synth", photos, tmp_path / "o", "--editor", "nano-banana-2", "--max-cost", 1, "--yes"]
    done = ggt(*words, "--engine", "slurm", GEMINI_API_KEY="k", **array_variables(0, 1))
    assert done.returncode == 1 and "paid by the call" in done.stderr
    assert not list((tmp_path / "o").glob("**/*.jsonl"))


def test_what_cannot_be_meant_is_explained(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.jsonl"
    for words, cause in (
        (["--engine", "dask"], "no engine 'dask'"),
        (["--merge"], "of Slurm alone"),
        (["--worker-gpus", "1"], "of Ray alone"),
        (["--engine", "slurm"], "no task of a Slurm array"),
    ):
        done = ggt("prompt", photos, "--out", out, *words)
        assert done.returncode == 1 and cause in done.stderr and "next: " in done.stderr
    assert "needs a file" in ggt("prompt", photos, "--engine", "slurm").stderr
    synth = ["synth", photos, tmp_path / "o", "--editor", "classical", "--token", "hf_secret"]
    done = ggt(*synth, "--engine", "slurm", "--write-sbatch", tmp_path / "f")
    assert "token does not belong" in done.stderr and not (tmp_path / "f").exists()


def test_options_of_the_file_are_left_out_in_both_spellings() -> None:
    words = ["a", "--sbatch", "--time=1", "--num-tasks=3", "--write-sbatch=f", "--seed", "1"]
    assert without_file_options(words) == ["a", "--seed", "1"]
    with pytest.raises(UsageError, match="Slurm alone"):
        EngineFlags(merge=True)


def test_targets_that_were_lost_are_made_again_by_whoever_has_them(
    photos: Path, tmp_path: Path, here: list[bytes]
) -> None:
    words, manifest = chain(photos, tmp_path)[1]
    ggt(*words)
    shutil.rmtree(tmp_path / "made" / "gt")
    for index in range(2):
        ggt(*words, "--engine", "slurm", **array_variables(index, 2))
    ggt(*words, "--engine", "slurm", "--merge")
    assert manifest.read_bytes() == here[1]
    assert len(list((tmp_path / "made" / "gt").iterdir())) == NUM_PHOTOS

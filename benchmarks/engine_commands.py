"""The commands on each engine: the same files from 1,000 small photographs, and how long it takes.

    python -m benchmarks.engine_commands [--photos 1000]

`ggt prompt`, `ggt synth --editor classical` and `ggt qc --stages metrics --no-text`, as processes
of their own, with two workers on each engine; Slurm's array is simulated by processes with its
variables, and Ray starts a cluster for each command. It fails where a manifest differs by a byte.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.making import encoded, picture


def ggt(*words: object, **variables: str) -> subprocess.Popen[bytes]:
    """Start a command."""
    quiet = {"stdout": subprocess.DEVNULL}
    return subprocess.Popen(
        [sys.executable, "-m", "ggt_hf", *map(str, words)],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | variables,
        **quiet,  # type: ignore[arg-type]
    )


def local(words: list[object]) -> None:
    """Two workers of this machine."""
    ggt(*words, "--num-workers", 2).wait()


def slurm(words: list[object]) -> None:
    """An array of two tasks at once, then the merge."""
    tasks = [
        ggt(
            *(*words, "--engine", "slurm", "--num-workers", 1),
            SLURM_ARRAY_TASK_ID=str(index),
            SLURM_ARRAY_TASK_COUNT="2",
        )
        for index in range(2)
    ]
    for task in tasks:
        task.wait()
    ggt(*words, "--engine", "slurm", "--merge").wait()


def ray(words: list[object]) -> None:
    """Two actors of a cluster that lives as long as the command."""
    ggt(*words, "--engine", "ray", "--num-workers", 2).wait()


def chain(photos: Path, out: Path) -> dict[str, tuple[list[object], Path]]:
    """Return verb -> (its words, the manifest it writes)."""
    made, prompts = out / "made", out / "prompts.jsonl"
    return {
        "prompt": (["prompt", photos, "--out", prompts], prompts),
        "synth": (["synth", photos, made, "--editor", "classical"], made / "candidates.jsonl"),
        "qc": (
            ["qc", made, out / "qc", "--stages", "metrics", "--no-text"],
            out / "qc" / "verdicts.jsonl",
        ),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=1000)
    options = parser.parse_args()
    engines = {"local": local, "slurm": slurm, "ray": ray}
    if not importlib.util.find_spec("ray"):
        del engines["ray"]
    with tempfile.TemporaryDirectory() as name:
        photos = Path(name) / "photos" / "haze"
        photos.mkdir(parents=True)
        for index in range(options.photos):
            (photos / f"{index:05d}.png").write_bytes(encoded(picture(index, 96, 80)))
        print("| engine | command | photographs/s | sha256 of the manifest |")
        print("|---|---|---|---|")
        digests: dict[str, set[str]] = {}
        for engine, run in engines.items():
            for verb, (words, manifest) in chain(photos, Path(name) / engine).items():
                start = time.perf_counter()
                run(words)
                rate = options.photos / (time.perf_counter() - start)
                data = manifest.read_bytes()
                assert data.count(b"\n") == options.photos, f"{engine} {verb} is not complete"
                digest = hashlib.sha256(data).hexdigest()[:12]
                digests.setdefault(verb, set()).add(digest)
                print(f"| {engine} | `ggt {verb}` | {rate:.1f} | `{digest}` |", flush=True)
        if any(len(found) > 1 for found in digests.values()):
            raise SystemExit("the engines do not agree")


if __name__ == "__main__":
    main()

"""What the engines cost: the same units on each of them, taking turns, in one run.

    python -m benchmarks.engines [--units 5000] [--milliseconds 0 5] [--rounds 3]

The work waits for so many milliseconds (0: nothing at all), so that the rest is the engine's.
Each figure is the median over the rounds of a whole run: starting workers, every unit, the merge.
The array of Slurm is simulated by processes with its variables, one after the other on no cluster.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ggt_hf.engines import Unit, merge_stage, run_stage
from ggt_hf.engines.ray_cluster import require_ray


def wait(seconds: float, unit: Unit) -> dict[str, Any]:
    """Do what a stage does without a model: a row of a few numbers, some time later."""
    if seconds:
        time.sleep(seconds)
    return {"score": unit.payload["number"] / 7, "passed": True, "reason": "nothing was found"}


def units(count: int) -> list[Unit]:
    """Return units with a payload like a source's."""
    return [
        Unit(key=f"photo-{i:06d}", payload={"number": i, "path": f"photos/{i}.jpg"})
        for i in range(count)
    ]


def local(num_workers: int, count: int, seconds: float, out: Path) -> None:
    """Run on processes of this machine."""
    run_stage(units(count), partial(wait, seconds), out, num_workers=num_workers, quiet=True)


def on_ray(count: int, seconds: float, out: Path) -> None:
    """Run on two actors of the connected cluster."""
    work = partial(wait, seconds)
    run_stage(units(count), work, out, engine="ray", num_workers=2, quiet=True)


def slurm(count: int, seconds: float, out: Path) -> None:
    """Run an array of two tasks at once, then merge."""
    tasks = []
    for index in range(2):
        variables = {"SLURM_ARRAY_TASK_ID": str(index), "SLURM_ARRAY_TASK_COUNT": "2"}
        words = [sys.executable, "-m", "benchmarks.engines", "--task", str(out)]
        words += ["--units", str(count), "--milliseconds", str(seconds * 1000)]
        tasks.append(subprocess.Popen(words, env=os.environ | variables))
    if any(task.wait() for task in tasks):
        raise SystemExit("a task failed")
    merge_stage(units(count), out)


def plain_loop(count: int, seconds: float, out: Path) -> None:
    """What no engine costs: call the function in a loop, write nothing."""
    for unit in units(count):
        wait(seconds, unit)


def timed(run: Callable[[int, float, Path], None], count: int, seconds: float) -> float:
    """Return the seconds of one whole run into a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run(count, seconds, Path(folder) / "out.jsonl")
        return time.perf_counter() - start


def contenders() -> dict[str, tuple[int, Callable[[int, float, Path], None]]]:
    """Return name -> (workers, run)."""
    found: dict[str, tuple[int, Callable[[int, float, Path], None]]] = {
        "plain loop": (1, plain_loop),
        "local, 1 worker": (1, partial(local, 1)),
        "local, 2 workers": (2, partial(local, 2)),
        "slurm, 2 tasks": (2, slurm),
    }
    if importlib.util.find_spec("ray"):
        require_ray().init(address="local", num_cpus=2, include_dashboard=False)
        found["ray, 2 actors"] = 2, on_ray
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--units", type=int, default=5000)
    parser.add_argument("--milliseconds", type=float, nargs="+", default=[0.0, 5.0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--task", type=Path, help="be one task of the array")
    options = parser.parse_args()
    if options.task:
        work = partial(wait, options.milliseconds[0] / 1000)
        run_stage(units(options.units), work, options.task, engine="slurm", num_workers=1)
        return
    runs = contenders()
    print("| engine | ms a unit | units/s | overhead a unit and worker, ms |")
    print("|---|---|---|---|")
    for milliseconds in options.milliseconds:
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(options.rounds):
            for name, (_, run) in runs.items():
                times[name].append(timed(run, options.units, milliseconds / 1000))
        for name, (workers, _) in runs.items():
            median = statistics.median(times[name])
            overhead = median * workers / options.units * 1000 - milliseconds
            rate = options.units / median
            print(f"| {name} | {milliseconds:g} | {rate:,.0f} | {overhead:.3f} |")


if __name__ == "__main__":
    main()

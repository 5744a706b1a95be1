"""One loader in a process of its own, so that contenders do not disturb each other.

    python -m benchmarks.contender NAME

Reads jobs from stdin, one a line of JSON; answers each with pairs a second and milliseconds of
processor time a pair, workers included.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from pathlib import Path

from benchmarks.peers import BATCH, CONTENDERS, Job, NotRunError

TICK = os.sysconf("SC_CLK_TCK")
WARMING = 2.0
"""Seconds that do not count, besides the batches made ahead: workers, and their memory, are new."""


def turn(name: str, job: Job, seconds: float) -> tuple[float, float]:
    """Work for about `seconds`, after a start that does not count."""
    batches = CONTENDERS[name](job)
    start, ahead = time.perf_counter(), 2 + 2 * job.workers
    while ahead > 0 or time.perf_counter() - start < WARMING:
        next(batches)
        ahead -= 1
    count, start, cpu = 0, time.perf_counter(), processor_seconds()
    while count < 3 or time.perf_counter() - start < seconds:
        next(batches)
        count += 1
    wall, cpu = time.perf_counter() - start, processor_seconds() - cpu
    if hasattr(batches, "close"):
        batches.close()
    del batches
    gc.collect()
    return BATCH * count / wall, 1000 * cpu / (BATCH * count)


def processor_seconds() -> float:
    """Of this process and all its children, ended or living, as Linux counts it."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            total += (int(fields[11]) + int(fields[12])) / TICK
    return total


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        given = json.loads(line)
        job = Job(root=Path(given["root"]), crop=given["crop"], workers=given["workers"])
        try:
            answer = {"turn": turn(sys.argv[1], job, given["seconds"])}
        except NotRunError:
            answer = {}
        except Exception as error:  # a peer's own trouble costs its row, and is told
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()

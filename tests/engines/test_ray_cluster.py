"""A real Ray cluster on the loopback interface, started and stopped by each stage."""

from __future__ import annotations

import ipaddress
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ggt_hf.engines import Unit, run_stage
from ggt_hf.engines.ray_cluster import require_ray
from ggt_hf.errors import MissingExtraError, ModelError, StageError
from ggt_hf.stages import read_rows
from tests.engines import works
from tests.engines.processes import await_end, descendants

KILLED = """
import sys
from ggt_hf.engines import run_stage
from tests.engines import works
if __name__ == "__main__":
    units = works.small_sources(1000)
    run_stage(units, works.slowly, sys.argv[1], engine="ray", num_workers=2)
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """One cluster of two CPUs for this file: starting one takes seconds."""
    pytest.importorskip("ray")
    ray = require_ray()
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


def test_actors_write_the_manifest_of_one_process(tmp_path: Path, cluster: Any) -> None:
    units, log = works.small_sources(1000), tmp_path / "log"
    run_stage(units, works.measure, tmp_path / "one.jsonl", num_workers=1)
    run_stage(units, works.measure, tmp_path / "ray.jsonl", engine="ray", num_workers=2)
    assert (tmp_path / "ray.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    setup = partial(works.load, str(log))
    run_stage(units, works.with_model, tmp_path / "m", setup=setup, engine="ray", num_workers=2)
    assert len(log.read_text().split()) <= 2
    assert {row["by"] for _, row in read_rows(tmp_path / "m")} == {"model"}


def test_nothing_of_a_cluster_started_here_listens_beyond_loopback(cluster: Any) -> None:
    cluster.get(cluster.remote(works.load).remote(os.devnull))
    found = {process: listens_on(process) for process in descendants(os.getpid())}
    assert sum(map(len, found.values())) >= 4  # control server, raylet, workers
    assert all(is_loopback(address) for addresses in found.values() for address in addresses), found


def test_batches_come_back_whole_and_one_bad_unit_fails_alone(tmp_path: Path, cluster: Any) -> None:
    units = works.small_sources(50)
    bad = units[20].key
    for engine in ("local", "ray"):
        report = run_stage(
            units,
            partial(works.in_batches, bad),
            tmp_path / engine,
            engine=engine,  # type: ignore[arg-type]
            num_workers=2,
            batch_size=4,
        )
        assert [failure.key for failure in report.failures] == [bad]
    assert (tmp_path / "ray").read_bytes() == (tmp_path / "local").read_bytes()
    assert max(row["together"] for _, row in read_rows(tmp_path / "ray")) == 4


def test_what_no_unit_caused_ends_the_stage(tmp_path: Path, cluster: Any) -> None:
    for engine in ("local", "ray"):
        with pytest.raises(ModelError, match="is gone"):
            run_stage(
                works.small_sources(9),
                works.without_model,
                tmp_path / "o",
                engine=engine,  # type: ignore[arg-type]
                num_workers=2,
            )
    with pytest.raises(StageError, match="no room"):
        run_stage(works.small_sources(2), works.measure, tmp_path / "o", engine="ray", num_gpus=0.5)


def test_killed_with_its_cluster_it_goes_on_to_the_same_bytes(tmp_path: Path, cluster: Any) -> None:
    out, parts = tmp_path / "out.jsonl", tmp_path / ".out.jsonl.parts"
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    process = subprocess.Popen(
        [sys.executable, str(script), str(out)], env=os.environ | {"PYTHONPATH": str(Path.cwd())}
    )
    while process.poll() is None and lines_in(parts) < 60:
        time.sleep(0.01)
    working = [pid for pid in descendants(process.pid) if not is_agent(pid)]
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists() and lines_in(parts) >= 60
    report = run_stage(works.small_sources(1000), works.slowly, out, engine="ray", num_workers=2)
    assert report.num_reused >= 60
    run_stage(works.small_sources(1000), works.measure, tmp_path / "one.jsonl", num_workers=1)
    assert out.read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    await_end(working)  # the cluster does not outlive the run that started it


def test_a_unit_that_kills_its_actor_fails_alone(tmp_path: Path, cluster: Any) -> None:
    units = [Unit(key=f"k{i:02d}", payload={"deadly": i == 7}) for i in range(60)]
    report = run_stage(units, works.deadly, tmp_path / "o", engine="ray", num_workers=2)
    assert [failure.key for failure in report.failures] == ["k07"]
    assert len(list(read_rows(tmp_path / "o"))) == 59


def test_a_set_up_that_fails_ends_the_stage(tmp_path: Path, cluster: Any) -> None:
    for setup in (works.broken_load, works.dying_load):
        with pytest.raises(StageError, match=r"weights|could not start"):
            run_stage(
                works.small_sources(5), works.with_model, tmp_path / "o", setup=setup, engine="ray"
            )


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"ggt-hf\[ray\]"):
        run_stage(works.small_sources(5), works.measure, tmp_path / "o", engine="ray")


def is_agent(pid: int) -> bool:
    """Two helpers of Ray look once a minute whether their cluster is still there."""
    try:
        return b"Agent" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return False


def lines_in(parts: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in parts.glob("*.jsonl"))


def listens_on(pid: int) -> set[str]:
    """The IPv4 addresses that a process listens on; others are told as /proc does.

    Short-lived helpers of Ray come and go: one that has ended listens on nothing any more.
    """
    with suppress(FileNotFoundError, ProcessLookupError):
        inodes = listening_inodes(pid)
        return {address(inodes[name]) for name in open_names(pid) & inodes.keys()}
    return set()


def listening_inodes(pid: int) -> dict[str, str]:
    """Each listening socket that a process sees, and its address in hexadecimal."""
    inodes = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                inodes[f"socket:[{words[9]}]"] = words[1].partition(":")[0]
    return inodes


def open_names(pid: int) -> set[str]:
    names = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed just now
            names.add(str(link.readlink()))
    return names


def is_loopback(address: str) -> bool:
    return "." in address and ipaddress.ip_address(address).is_loopback


def address(digits: str) -> str:
    """Return an address of /proc/net as people write it: bytes of IPv4 stand backwards there."""
    mapped = digits.removeprefix("0000000000000000FFFF0000")
    if len(mapped) != 8:
        return digits
    return ".".join(str(byte) for byte in bytes.fromhex(mapped)[::-1])

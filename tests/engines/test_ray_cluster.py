"""A real Ray cluster on the loopback interface, started and stopped by each stage."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

from ggt_hf.engines import Unit, run_stage
from ggt_hf.errors import MissingExtraError, StageError
from ggt_hf.stages import read_rows
from tests.engines import works


@pytest.fixture(scope="module")
def cluster() -> object:
    """One cluster of two CPUs for this file: starting one takes seconds."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            _node_ip_address="127.0.0.1",
        )
        yield ray
        ray.shutdown()


def test_actors_write_the_manifest_of_one_process(tmp_path: Path, cluster: object) -> None:
    units, log = works.small_sources(1000), tmp_path / "log"
    run_stage(units, works.measure, tmp_path / "one.jsonl", num_workers=1)
    run_stage(units, works.measure, tmp_path / "ray.jsonl", engine="ray", num_workers=2)
    assert (tmp_path / "ray.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    setup = partial(works.load, str(log))
    run_stage(units, works.with_model, tmp_path / "m", setup=setup, engine="ray", num_workers=2)
    assert len(log.read_text().split()) <= 2
    assert {row["by"] for _, row in read_rows(tmp_path / "m")} == {"model"}


def test_a_unit_that_kills_its_actor_fails_alone(tmp_path: Path, cluster: object) -> None:
    units = [Unit(key=f"k{i:02d}", payload={"deadly": i == 7}) for i in range(60)]
    report = run_stage(units, works.deadly, tmp_path / "o", engine="ray", num_workers=2)
    assert [failure.key for failure in report.failures] == ["k07"]
    assert len(list(read_rows(tmp_path / "o"))) == 59


def test_a_set_up_that_fails_ends_the_stage(tmp_path: Path, cluster: object) -> None:
    for setup in (works.broken_load, works.dying_load):
        with pytest.raises(StageError, match=r"weights|could not start"):
            run_stage(
                works.small_sources(5), works.with_model, tmp_path / "o", setup=setup, engine="ray"
            )


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"ggt-hf\[ray\]"):
        run_stage(works.small_sources(5), works.measure, tmp_path / "o", engine="ray")

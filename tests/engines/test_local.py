from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from ggt_hf.engines import Unit, run_stage
from ggt_hf.errors import FormatError, StageError, UsageError
from ggt_hf.stages import read_rows
from tests.engines import works
from tests.engines.processes import await_end, descendants

KILLED = """
import sys
from ggt_hf.engines import run_stage
from tests.engines import works
if __name__ == "__main__":
    run_stage(works.small_sources(1000), works.slowly, sys.argv[1], num_workers=int(sys.argv[2]))
"""


def undisturbed(folder: Path) -> bytes:
    out = folder / "undisturbed.jsonl"
    run_stage(works.small_sources(1000), works.measure, out, num_workers=1)
    return out.read_bytes()


def num_lines(parts: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in parts.glob("*.jsonl"))


def test_any_number_of_workers_writes_the_same_manifest(tmp_path: Path) -> None:
    expected = undisturbed(tmp_path)
    out = tmp_path / "out.jsonl"
    report = run_stage(works.small_sources(1000), works.measure, out, num_workers=3)
    assert out.read_bytes() == expected
    assert (report.num_units, report.num_reused, report.failures) == (1000, 0, ())
    keys = [row["key"] for _, row in read_rows(out)]
    assert keys == sorted(keys) and len(keys) == 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "undisturbed.jsonl"]


@pytest.mark.parametrize("num_workers", [1, 2])
def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(
    tmp_path: Path, num_workers: int
) -> None:
    out, parts = tmp_path / "out.jsonl", tmp_path / ".out.jsonl.parts"
    for _ in range(2):
        before = num_lines(parts)
        script = tmp_path / "killed.py"
        script.write_text(KILLED)
        words = [sys.executable, str(script), str(out), str(num_workers)]
        process = subprocess.Popen(words, env=os.environ | {"PYTHONPATH": str(Path.cwd())})
        deadline = time.monotonic() + 200
        while num_lines(parts) < before + 60 and time.monotonic() < deadline:
            time.sleep(0.01)
        everybody = descendants(process.pid)
        process.kill()
        process.wait()
        await_end(everybody)  # workers notice the broken pipe after the unit in hand
        assert not out.exists()
    with max(parts.glob("*.jsonl")).open("ab") as file:
        file.write(b'{"key":"torn')  # what a kill within a write leaves
    report = run_stage(works.small_sources(1000), works.slowly, out, num_workers=2)
    assert report.num_reused >= 120
    assert out.read_bytes() == undisturbed(tmp_path)
    assert not parts.exists()


def test_finished_units_are_not_done_again_unless_they_changed(tmp_path: Path) -> None:
    out, units = tmp_path / "out.jsonl", works.small_sources(20)
    run_stage(units, works.measure, out, num_workers=1)
    before = out.stat()
    assert run_stage(units, works.measure, out, num_workers=1).num_reused == 20
    assert out.stat().st_mtime_ns == before.st_mtime_ns
    changed = [Unit(key=units[0].key, payload={"seed": -1}), *units[1:-1]]
    report = run_stage(changed, works.measure, out, num_workers=1)
    assert (report.num_units, report.num_reused) == (19, 18)
    report = run_stage(changed, works.measure, out, num_workers=1, fingerprint="v2")
    assert report.num_reused == 0


def test_failures_are_recorded_and_tried_again(tmp_path: Path) -> None:
    out, failed = tmp_path / "verdicts.jsonl", tmp_path / "verdicts.failed.jsonl"
    stone = tmp_path / "stone"
    stone.touch()
    units = [Unit(key=f"k{index}", payload={"while": str(stone)}) for index in range(20)]
    for num_workers in (1, 2):
        report = run_stage(units, works.fussy, out, num_workers=num_workers)
        assert [failure.key for failure in report.failures] == ["k15", "k5"]
        assert report.failures[0].error == "ValueError: k15 is bad in two lines"
        assert [row["key"] for _, row in read_rows(failed)] == ["k15", "k5"]
        assert len(list(read_rows(out))) == 18
    stone.unlink()
    report = run_stage(units, works.fussy, out, num_workers=2)
    assert (report.num_reused, report.failures) == (18, ())
    assert len(list(read_rows(out))) == 20 and not failed.exists()


def test_a_unit_that_kills_its_process_fails_alone(tmp_path: Path) -> None:
    units = [Unit(key=f"k{i:02d}", payload={"deadly": i in (3, 30)}) for i in range(60)]
    report = run_stage(units, works.deadly, tmp_path / "out.jsonl", num_workers=2)
    assert [failure.key for failure in report.failures] == ["k03", "k30"]
    assert "exit code -9" in report.failures[0].error
    assert len(list(read_rows(tmp_path / "out.jsonl"))) == 58


def test_the_set_up_is_done_once_a_worker(tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out.jsonl"
    units = works.small_sources(100)
    run_stage(units, works.with_model, out, setup=partial(works.load, str(log)), num_workers=2)
    pids = log.read_text().split()
    rows = [row for _, row in read_rows(out)]
    assert len(set(pids)) == len(pids) <= 2  # one may finish all before the other has started
    assert {row["by"] for row in rows} == {"model"}
    assert {str(row["pid"]) for row in rows} <= set(pids)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_set_up_that_fails_ends_the_stage_and_blames_no_unit(
    tmp_path: Path, num_workers: int
) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(StageError, match="no such weights"):
        run_stage(
            works.small_sources(5),
            works.with_model,
            out,
            setup=works.broken_load,
            num_workers=num_workers,
        )
    assert not out.exists()


def test_a_worker_that_dies_in_its_set_up_is_told_from_a_bad_unit(tmp_path: Path) -> None:
    units = works.small_sources(5)
    with pytest.raises(StageError, match="exit code 3"):
        run_stage(units, works.with_model, tmp_path / "o", setup=works.dying_load, num_workers=2)


def test_rows_that_are_no_json_or_lie_about_their_key_are_failures(tmp_path: Path) -> None:
    for work, cause in ((works.nan, "JSON"), (works.impostor, "another key")):
        report = run_stage([Unit(key="a")], work, tmp_path / work.__name__, num_workers=1)
        assert cause in report.failures[0].error


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(UsageError, match="two units"):
        run_stage([Unit(key="a"), Unit(key="a")], works.measure, out)
    with pytest.raises(UsageError, match="empty"):
        run_stage([Unit(key="")], works.measure, out)
    with pytest.raises(UsageError, match="no JSON"):
        run_stage([Unit(key="a", payload={"path": Path("x")})], works.measure, out)
    with pytest.raises(UsageError, match="no engine"):
        run_stage([Unit(key="a")], works.measure, out, engine="dask")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot travel"):
        run_stage(works.small_sources(4), lambda unit: {}, out, num_workers=2)
    assert not out.exists()


def test_no_foreign_file_is_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "notes.jsonl"
    out.write_text(json.dumps({"mine": 1}) + "\n")
    with pytest.raises(FormatError, match=r"notes\.jsonl, line 1"):
        run_stage([Unit(key="a")], works.measure, out)
    assert out.read_text() == '{"mine": 1}\n'


def test_two_runs_on_one_manifest_are_refused(tmp_path: Path) -> None:
    from ggt_hf.engines.ledger import Ledger

    out = tmp_path / "out.jsonl"
    with Ledger(out).held(), pytest.raises(UsageError, match="Another run"):
        run_stage([Unit(key="a")], works.measure, out)


def test_no_units_make_an_empty_manifest(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert run_stage([], works.measure, out).num_units == 0
    assert out.read_bytes() == b""


def test_a_process_that_dies_at_a_batch_loses_one_unit_of_it(tmp_path: Path) -> None:
    units = [Unit(key=f"k{i:02d}", payload={"deadly": i == 13}) for i in range(40)]
    report = run_stage(
        units, works.deadly_batch, tmp_path / "out.jsonl", num_workers=2, batch_size=5
    )
    assert [failure.key for failure in report.failures] == ["k13"]
    assert len(list(read_rows(tmp_path / "out.jsonl"))) == 39


def test_a_batch_that_raises_is_tried_unit_by_unit(tmp_path: Path) -> None:
    units = [Unit(key=f"k{i}", payload={"while": str(tmp_path)}) for i in range(9)]
    work, out = works.fussy_batch, tmp_path / "out.jsonl"
    report = run_stage(units, work, out, num_workers=1, batch_size=4)
    assert [failure.key for failure in report.failures] == ["k5"]


def test_a_full_disk_ends_the_stage_and_blames_no_unit(tmp_path: Path) -> None:
    out, units = tmp_path / "out.jsonl", works.small_sources(1000)
    limited = KILLED.replace("if __name__", "import resource\nif __name__").replace(
        "    run_stage",
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n    run_stage",
    )
    (tmp_path / "limited.py").write_text(limited)
    for num_workers in ("1", "2"):
        words = [sys.executable, str(tmp_path / "limited.py"), str(out), num_workers]
        env = os.environ | {"PYTHONPATH": str(Path.cwd())}
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        assert "File too large" in done.stderr and "SpawnProcess" not in done.stderr
        assert not out.exists()
    report = run_stage(units, works.slowly, out, num_workers=2)
    assert report.num_reused > 20 and not report.failures
    assert out.read_bytes() == undisturbed(tmp_path)

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ggt_hf.errors import UsageError
from ggt_hf.restoration.jobs import LEDGER, Job, plan_jobs

SETTINGS = {"model": "embedded"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for name in (
        "a.jpg",
        "b.PNG",
        "deep/c.webp",
        "deep/scan.tif",
        "deep/notes.txt",
        ".hidden/d.jpg",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def plan(*inputs: Path, out: Path, form: str | None = None, **options: object) -> list[Job]:
    jobs, _ = plan_jobs(inputs, out, form=form, settings=SETTINGS, **options)  # type: ignore[arg-type]
    return jobs


def done(jobs: list[Job], out: Path, settings: dict[str, str] = SETTINGS) -> None:
    """Leave what a finished run leaves."""
    _, ledger = plan_jobs([jobs[0].source], out, form=None, settings=settings)
    for job in jobs:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        ledger.write(job.source, job.target)
        job.target.write_bytes(b"y")


def names(jobs: list[Job], out: Path) -> list[str]:
    return [job.target.relative_to(out).as_posix() for job in jobs]


def test_a_folder_keeps_its_tree(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert names(plan(photos, out=out), out) == ["a.jpg", "b.PNG", "deep/c.webp", "deep/scan.tif"]


def test_several_inputs_lie_side_by_side(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = plan(photos / "deep", photos / "a.jpg", out=out, form="png")
    assert names(found, out) == ["deep/c.png", "deep/scan.png", "a.png"]
    assert {job.format for job in found} == {"png"}


def test_one_file_may_become_one_file(photos: Path, tmp_path: Path) -> None:
    (job,) = plan(photos / "a.jpg", out=tmp_path / "made.webp")
    assert (job.target, job.format) == (tmp_path / "made.webp", "webp")


def test_results_inside_the_input_are_not_inputs(photos: Path) -> None:
    out = photos / "out"
    done(plan(photos / "a.jpg", out=out), out)
    assert "out/a.jpg" not in [
        job.source.relative_to(photos).as_posix() for job in plan(photos, out=out)
    ]


def test_done_is_skipped_until_file_or_settings_change(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = plan(photos, out=out)
    assert {job.action for job in first} == {"restore"}
    done(first, out)
    assert {job.action for job in plan(photos, out=out)} == {"skip"}
    assert {job.action for job in plan(photos, out=out, overwrite=True)} == {"restore"}
    os.utime(photos / "a.jpg", ns=(0, 1))
    assert [job.action for job in plan(photos, out=out)] == ["restore", "skip", "skip", "skip"]
    other, _ = plan_jobs([photos], out, form=None, settings={"model": "ORG/NAME"})
    assert {job.action for job in other} == {"restore"}


def test_somebody_else_s_file_is_not_touched(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.jpg").write_bytes(b"precious")
    assert [job.action for job in plan(photos, out=out)] == [
        "refuse",
        "restore",
        "restore",
        "restore",
    ]
    assert plan(photos, out=out, overwrite=True)[0].action == "restore"


def test_a_ledger_cut_short_by_a_kill_still_serves(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done(plan(photos, out=out), out)
    ledger = out / LEDGER
    ledger.write_text(ledger.read_text()[:-20])
    jobs = plan(photos, out=out)
    assert [job.action for job in jobs] == ["skip", "skip", "skip", "refuse"]
    jobs[-1].target.unlink()
    done(plan(photos, out=out)[-1:], out)  # its line is no part of the one that was cut short
    assert {job.action for job in plan(photos, out=out)} == {"skip"}


def test_what_cannot_be_meant_is_refused(photos: Path, tmp_path: Path) -> None:
    (photos / "a.png").write_bytes(b"x")
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    for words, inputs, out, form in (
        ("is not there", [tmp_path / "gone"], tmp_path / "out", None),
        ("There is no photograph", [tmp_path / "empty"], tmp_path / "out", None),
        ("both become", [photos], tmp_path / "out", "png"),
        ("is an input itself", [photos], photos, None),
        ("is no folder", [photos], tmp_path / "file", None),
        ("is the input itself", [photos / "a.jpg"], photos / "a.jpg", None),
        ("not written here", [photos / "a.jpg"], tmp_path / "b.tiff", None),
        ("does not end as a png", [photos / "a.jpg"], tmp_path / "b.jpg", "png"),
    ):
        with pytest.raises(UsageError, match=words):
            plan(*inputs, out=out, form=form)

"""A run that dies at any line of our code, however often, ends as if it had not been disturbed.

`test_killed_anywhere.py` runs these tests in a process of their own.

The service is a function that keeps its books in a file of its own: they must outlive the client,
and hundreds of runs must be quick. `test_services.py` has the real SDKs.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ggt_hf
from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.control import control
from ggt_hf.quality.examiners import MetricExaminer
from ggt_hf.quality.thresholds import default_thresholds
from ggt_hf.stages import LineLog, read_rows
from ggt_hf.synthesis.asking import Patience
from ggt_hf.synthesis.editors.editor import NoPictureError, NotAnsweredError, Picture, to_png
from ggt_hf.synthesis.editors.grid import AnySize, Fit, Size
from ggt_hf.synthesis.instructions import read_instructions
from ggt_hf.synthesis.report import SynthOptions, SynthReport
from ggt_hf.synthesis.sources import SourceLabels, list_sources
from ggt_hf.synthesis.synthesize import Synthesis
from tests.making import encoded, picture

PRICE = 0.25
NUM_PHOTOS = 3

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")


class Service:
    """A paid editor: what it carried out is in `books`, whatever became of who asked."""

    id, revision, price, redraws, num_parallel = "test/service", "1", PRICE, True, 2

    def __init__(self, books: Path, busy: Sequence[bool] = (), deadly: int | None = None) -> None:
        self.settings: Mapping[str, Any] = {}
        self._books, self._busy, self._deadly = books, busy, deadly

    def fit(self, size: Size) -> Fit:
        return Fit.of(size, AnySize())

    def ask(self, picture: Picture, prompt: str, seed: int) -> bytes:
        """Be busy as told; refuse each second photograph at its first seed, at full price."""
        number = sum(1 for _ in read_rows(self._books))
        if number < len(self._busy) and self._busy[number]:
            self._write({"busy": picture.key})
            raise NotAnsweredError("busy", retry_after=0.0)
        self._write({"paid": f"{picture.key}/{seed}"})
        if number == self._deadly:  # carried out, and nobody is there to hear of it
            os.kill(os.getpid(), signal.SIGKILL)
        if picture.key.endswith("1") and seed == 0:
            raise NoPictureError("refused", "not this one", paid=True)
        return to_png(_lighter(picture.image))

    def _write(self, row: dict[str, str]) -> None:
        with LineLog(self._books) as log:
            log.append(row)

    @property
    def paid(self) -> Counter[str]:
        return Counter(row["paid"] for _, row in read_rows(self._books) if "paid" in row)


def _lighter(image: Any) -> Any:
    return image.point(lambda level: (level + 255) // 2)


def run(photos: Path, out: Path, service: Service, *, retry_unknown: bool = False) -> SynthReport:
    """Synthesise, then measure: everything between a photograph and its verdict."""
    import cv2

    cv2.setNumThreads(1)
    report = Synthesis(
        list_sources(photos, SourceLabels()).sources,
        read_instructions("fixed"),
        service,
        out,
        SynthOptions(
            max_cost=20.0,
            quiet=True,
            num_workers=1,
            retry_unknown=retry_unknown,
            patience=Patience(first_wait=0.0),
        ),
    ).run()
    if (out / "candidates.jsonl").stat().st_size:
        examiner = MetricExaminer(thresholds=default_thresholds(), read_text=False)
        control(CandidateFolder(out), out, [examiner])
    return report


def dies_at(line: int, work: Callable[[], object]) -> int:
    """Do the work in a process that is killed before the `line`-th line of ours; its lines."""
    context = multiprocessing.get_context("fork")
    counter = context.Value("q", 0)
    process = context.Process(target=_counted, args=(line, counter, work))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return int(counter.value)


def _counted(line: int, counter: Any, work: Callable[[], object]) -> None:
    ours = str(Path(ggt_hf.__file__).parent / "s")  # stages.py, synthesis/: where things are kept

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            counter.value += 1
            if counter.value == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace if frame.f_code.co_filename.startswith(ours) else None

    threading.settrace(trace)
    sys.settrace(trace)
    work()
    sys.settrace(None)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos") / "rain"
    folder.mkdir()
    for index in range(NUM_PHOTOS):
        (folder / f"p{index}.png").write_bytes(encoded(picture(index, 96, 80)))
    return folder.parent


@pytest.fixture(scope="module")
def calm(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The undisturbed run: its files, its books, what it cost, and how many lines it is long."""
    folder = tmp_path_factory.mktemp("calm")
    service = Service(folder / "books")
    num_lines = dies_at(-1, lambda: run(photos, folder / "out", service))
    report = run(photos, folder / "out", service)
    assert report.complete and report.spent == pytest.approx(PRICE * (NUM_PHOTOS + 1))
    return {
        "files": files(folder / "out"),
        "paid": service.paid,
        "spent": report.spent,
        "num_lines": num_lines,
    }


def files(out: Path) -> dict[str, bytes]:
    """Every file that a run leaves for others: no ledger, no locks."""
    paths = (path for path in sorted(out.rglob("*")) if path.is_file())
    names = {path.relative_to(out).as_posix(): path for path in paths}
    return {
        name: path.read_bytes()
        for name, path in names.items()
        if not name.startswith(("ledger/", "."))
    }


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    kills=st.lists(st.floats(0, 1) | st.integers(0, 6), min_size=1, max_size=3),
    busy=st.lists(st.booleans(), max_size=4),
)
def test_verdicts_and_costs_are_those_of_an_undisturbed_run(
    photos: Path, tmp_path: Path, calm: dict[str, Any], kills: list[float | int], busy: list[bool]
) -> None:
    folder = tmp_path / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    service, out = Service(folder / "books", busy), folder / "out"
    for kill in kills:  # at a share of the lines, or once a request was carried out
        line = 1 + int(kill * calm["num_lines"]) if isinstance(kill, float) else -1
        mortal = Service(folder / "books", busy, deadly=kill if isinstance(kill, int) else None)
        dies_at(line, partial(run, photos, out, mortal))
    report = run(photos, out, service)
    assert max(service.paid.values()) == 1
    # In doubt: sent, and the run died before the answer was on the disk. Counted as paid (it may
    # not have been), and not asked again.
    doubted = [failure for failure in report.failures if failure.outcome == "unknown"]
    assert report.num_unknown == len(doubted) <= len(kills)
    assert report.spent >= PRICE * sum(service.paid.values()) - 1e-9
    assert report.spent <= calm["spent"] + 1e-9
    if not doubted:
        assert report.complete and report.spent == pytest.approx(calm["spent"])
        assert service.paid == calm["paid"]
    else:
        # With consent they are asked again: each doubt costs one price more, and no other call is.
        report = run(photos, out, service, retry_unknown=True)
        assert report.complete
        assert report.spent == pytest.approx(calm["spent"] + PRICE * len(doubted))
        assert sum(service.paid.values()) <= sum(calm["paid"].values()) + len(doubted)
    assert files(out) == calm["files"]


def test_the_ledger_tells_each_call_in_doubt(photos: Path, tmp_path: Path) -> None:
    """Killed while the service works: the intent is on the disk, and no end."""
    service, out = Service(tmp_path / "books"), tmp_path / "out"

    dies_at(-1, lambda: run(photos, out, Service(tmp_path / "books", deadly=0)))
    rows = [json.loads(line) for line in (out / "ledger/calls.jsonl").read_text().splitlines()]
    assert [row["event"] for row in rows] == ["intent"]
    report = run(photos, out, service)
    assert report.counts == {"unknown": 1} and report.num_unknown == 1
    assert report.spent == pytest.approx(PRICE * (NUM_PHOTOS + 1))
    assert sum(service.paid.values()) == NUM_PHOTOS + 1

"""The commands in the documents run as they stand, in their order, on a folder of photographs.

`photos/` holds the sample's low-quality pictures. The image service is on loopback and answers
with the photograph that each was made from: a perfect editor, so that there is what to accept.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ggt_hf import sample
from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.decisions import Decision, DecisionLog, pair_id, reviewer_file
from ggt_hf.quality.verdict_file import read_verdicts
from ggt_hf.stages import read_rows
from ggt_hf.synthesis.costing import Terms, cost_table
from tests.hub_server.loopback import REPOSITORY
from tests.synthesis.service import running

pytest.importorskip("cv2")
pytestmark = pytest.mark.slow

SECTION = re.compile(r"^## Ground truth for your own photographs$.*?(?=^## )", re.M | re.S)
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)

STAND_IN = """#!/bin/bash
# For sbatch, as no scheduler runs where tests run: does at once what it is given.
for word; do last=$word; done
case $last in
  --wrap=*) sh -c "${last#--wrap=}" >&2 ;;
  *) for i in 0 1 2 3; do
       SLURM_ARRAY_TASK_ID=$i SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=3 \\
         SLURM_ARRAY_TASK_COUNT=4 bash "$last" >&2
     done ;;
esac
echo 7
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with photographs, `ggt` and `sbatch` on the path, and the service."""
    photos, tools = tmp_path / "photos", tmp_path / "bin"
    photos.mkdir()
    tools.mkdir()
    sides = {}
    for _, row in read_rows(sample.PAIRS):
        if row["split"] == "test" and row["category"] in ("rain", "haze", "low_light"):
            (photos / f"{row['key']}.jpg").write_bytes((sample.ROOT / row["lq"]).read_bytes())
            sides[sample.ROOT / row["lq"]] = sample.ROOT / row["gt"]
    for name, script in (
        ("ggt", f'#!/bin/sh\nexec {sys.executable} -m ggt_hf "$@"\n'),
        ("sbatch", STAND_IN),
    ):
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("GGT_CACHE", str(tmp_path / "cache"))
    with running() as service:
        service.edit = lambda picture: _original(picture, sides)
        for name, value in service.environment.items():
            monkeypatch.setenv(name, value)
        yield tmp_path


def _original(picture: Image.Image, sides: dict[Path, Path]) -> Image.Image:
    """The photograph that a low-quality picture was made from."""

    def distance(lq: Path) -> float:
        with Image.open(lq) as known:
            return float(np.abs(_small(known) - _small(picture)).mean())

    with Image.open(sides[min(sides, key=distance)]) as found:
        return found.convert("RGB").resize(picture.size)


def _small(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB").resize((16, 16)), np.float64)


def walk(text: str, place: Path) -> str:
    """Run every `sh` block, a line at a time; return what was said."""
    said = ""
    for line in "".join(BLOCK.findall(text)).replace("\\\n", " ").splitlines():
        if line.startswith("ggt review"):
            _review(place / line.split()[2])
            continue
        done = subprocess.run(
            line, shell=True, cwd=place, capture_output=True, text=True, timeout=250,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        said += done.stdout
    return said


def _review(made: Path) -> None:
    """Accept all: a page waits for people, of whom tests have none (see test_review_page.py)."""
    folder = CandidateFolder(made)
    log = DecisionLog(reviewer_file(made, "ada"))
    for candidate in folder.candidates:
        log.add(
            Decision(key=candidate.key, choice="accept", reason="", pair=pair_id(candidate), at="")
        )
    log.close()


def test_ground_truth_for_your_own_photographs(place: Path) -> None:
    found = SECTION.search((REPOSITORY / "README.md").read_text())
    assert found
    said = walk(found[0], place)
    assert "0.42 USD, at most 0.84 USD with retries" in said
    verdicts = read_verdicts(place / "made" / "verdicts.jsonl")
    assert {check.stage for v in verdicts for check in v.checks} == {"metrics", "vlm", "review"}
    accepted = sum(verdict.accepted for verdict in verdicts)
    assert accepted >= 1
    with open_dataset(place / "my-pairs") as store:
        assert store.info.num_pairs == accepted


def test_the_costs_in_the_readme_are_those_that_the_command_tells() -> None:
    found = SECTION.search((REPOSITORY / "README.md").read_text())
    assert found
    for row in cost_table(0, Terms(price=0.07, num_attempts=2, accepted=0.6)):
        assert f"| {' | '.join(row.values())} |" in found[0]


@pytest.mark.parametrize("page", ["synthesising.md", "scaling.md"])
def test_commands_of_a_page(place: Path, page: str) -> None:
    walk((REPOSITORY / "docs" / page).read_text(), place)
    assert sum(1 for _ in read_rows(place / "prompts.jsonl")) == 6


def test_the_batch_file_in_the_page_is_the_one_that_is_written(place: Path) -> None:
    page = (REPOSITORY / "docs" / "scaling.md").read_text()
    command = next(line for line in page.splitlines() if "--write-sbatch prompt.sbatch" in line)
    subprocess.run(command, shell=True, cwd=place, check=True, capture_output=True)
    written = (place / "prompt.sbatch").read_text().replace(sys.executable, "python")
    assert written in page

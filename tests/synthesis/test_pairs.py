"""From candidates and verdicts to a dataset that `ggt build` makes, and to preferences."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ggt_hf.data.building.build import build, list_pairs
from ggt_hf.data.building.planning import BuildOptions
from ggt_hf.data.building.sources import Labels
from ggt_hf.data.format.manifest import Manifest
from ggt_hf.errors import FormatError, SourceError
from ggt_hf.stages import read_candidates, read_rows, to_line
from ggt_hf.synthesis.editors.offline import FunctionEditor
from ggt_hf.synthesis.instructions import read_instructions
from ggt_hf.synthesis.pairs import write_pairs, write_preferences
from ggt_hf.synthesis.report import SynthOptions
from ggt_hf.synthesis.sources import SourceLabels, list_sources
from ggt_hf.synthesis.synthesize import Synthesis
from ggt_hf.synthesis.verdicts import read_verdicts


@pytest.fixture
def made(photos: Path, tmp_path: Path) -> Path:
    """Two candidates of each photograph, of a free editor that draws by its seed."""

    def shade(picture: np.ndarray, prompt: str, seed: int) -> np.ndarray:
        return (picture // (2 + seed % 3)).astype(np.uint8)

    editor = FunctionEditor(shade, id="shade", revision="1", settings={"x": 1}, redraws=True)
    labels = SourceLabels(license="CC0-1.0", credit="Nobody")
    sources = list_sources(photos, labels).sources
    options = SynthOptions(num_candidates=2, quiet=True)
    Synthesis(sources, read_instructions("fixed"), editor, tmp_path / "out", options).run()
    return tmp_path / "out"


def judge(out: Path, accepted: set[str]) -> Path:
    """Verdicts as quality control writes them: a check a stage, with scores and a reason."""
    path = out / "verdicts.jsonl"
    keys = [candidate.key for candidate in read_candidates(out / "candidates.jsonl")]
    lines = []
    for key in keys:
        gate = {"stage": "metrics", "passed": True, "scores": {"shift": 0.1}, "reason": None}
        passed = key in accepted
        look = {"stage": "vlm", "passed": passed, "scores": {"removed": 80.0}, "reason": "Faint."}
        lines.append(to_line({"key": key, "checks": [gate, look]}))
    path.write_bytes(b"".join(lines))
    return path


def test_accepted_candidates_build(made: Path, tmp_path: Path) -> None:
    verdicts = judge(made, {"rain-p0", "rain-p0-c2", "rain-p1-c2", "rain-p2"})
    pairs = tmp_path / "elsewhere" / "pairs.jsonl"
    report = write_pairs(made / "candidates.jsonl", verdicts, pairs)
    assert (report.num_pairs, report.num_spare, report.num_rejected) == (3, 1, 12)
    listing = list_pairs(str(pairs), tmp_path / "dataset", Labels(), columns=(None, None))
    assert not listing.problems
    assert not listing.remarks
    build(listing, tmp_path / "dataset", BuildOptions(quiet=True))
    rows = Manifest.from_parquet((tmp_path / "dataset/meta/manifest.parquet").read_bytes())
    first = next(iter(rows))
    assert [row.key for row in rows] == ["rain-p0", "rain-p1", "rain-p2"]
    assert (first.category, first.origin, first.license) == ("rain", "generated", "CC0-1.0")
    assert first.scores == {"removed": 80.0, "shift": 0.1}
    by_key = {row["key"]: row for _, row in read_rows(pairs)}
    said = by_key["rain-p1"]["provenance"]
    assert (said["editor"], said["editor_revision"]) == ("shade", "1")
    assert json.loads(said["settings"]) == {"x": 1, "fed_size": [96, 64], "regridded": False}
    candidates = {c.key: c for c in read_candidates(made / "candidates.jsonl")}
    assert said["seed"] == candidates["rain-p1-c2"].seed


def test_rejects_teach_preferences(made: Path, tmp_path: Path) -> None:
    verdicts = judge(made, {"rain-p0", "rain-p1-c2", "rain-p2", "rain-p2-c2"})
    path = tmp_path / "preferences.jsonl"
    assert write_preferences(made / "candidates.jsonl", verdicts, path) == 2
    first, second = [row for _, row in read_rows(path)]
    assert (first["better_key"], first["worse_key"]) == ("rain-p0", "rain-p0-c2")
    assert (second["better_key"], second["worse_key"]) == ("rain-p1-c2", "rain-p1")
    assert first["reason"] == "Faint."
    assert all((path.parent / first[name]).is_file() for name in ("input", "better", "worse"))


def test_a_picture_that_changed_after_the_verdict_is_refused(made: Path, photos: Path) -> None:
    verdicts = judge(made, {"rain-p0"})
    photo = made / "lq" / "rain-p0.png"
    photo.write_bytes(photo.read_bytes() + b"\0")
    with pytest.raises(FormatError, match=r"rain-p0\.png is no longer"):
        write_pairs(made / "candidates.jsonl", verdicts, made / "pairs.jsonl")


def test_nothing_accepted_is_said(made: Path) -> None:
    with pytest.raises(SourceError, match="No candidate"):
        write_pairs(made / "candidates.jsonl", judge(made, set()), made / "pairs.jsonl")


def test_a_verdict_may_be_said_plainly(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    path.write_text('{"key":"a","accepted":false,"reason":"blurred","scores":{"m":1,"n":null}}\n')
    judged = read_verdicts(path)["a"]
    assert (judged.accepted, judged.reason, judged.scores) == (False, "blurred", {"m": 1.0})
    path.write_text('{"key":"a"}\n')
    with pytest.raises(FormatError, match="line 1"):
        read_verdicts(path)

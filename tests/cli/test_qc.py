from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from tests.quality.folders import make_candidate, write_candidates
from tests.quality.scenes import scene


@pytest.fixture
def candidates(tmp_path: Path) -> Path:
    root = tmp_path / "candidates"
    made = []
    for index, name in enumerate(["mixed-astronaut", "rain-canyon-wren"]):
        lq, gt = scene(name, "mixed")
        for kind, target in (("good", gt), ("same", lq)):
            key, source = f"s{index}-{kind}", f"s{index}"
            made.append(
                make_candidate(root, key, lq, target, source_key=source, degradation="mixed")
            )
    return write_candidates(root, made)


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(map(str, words)))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_the_gate_writes_verdicts_pairs_and_triples(candidates: Path, tmp_path: Path) -> None:
    out, triples = tmp_path / "out", tmp_path / "triples.jsonl"
    code, text, remarks = run(
        "qc",
        candidates,
        out,
        "--no-text",
        "--stages",
        "metrics",
        "--triples",
        triples,
        "--num-workers",
        "1",
    )
    assert code == 0
    assert "metrics   4 seen: 2 passed, 2 refused, 0 cannot say" in text
    assert "2  it is the input unchanged" in text
    assert text.splitlines()[-1].endswith("2 accepted, 2 rejected, 0 undecided, 0 failed")
    assert remarks.splitlines()[-1] == f"next: ggt build {out / 'pairs.jsonl'} DATASET"
    rows = [json.loads(line) for line in triples.read_text().splitlines()]
    assert [row["worse_key"] for row in rows] == ["s0-same", "s1-same"]
    assert "unchanged" in rows[0]["reason"]
    code, text, _ = run("build", out / "pairs.jsonl", tmp_path / "dataset")
    assert code == 0


def test_again_as_json(candidates: Path, tmp_path: Path) -> None:
    words = (
        "qc",
        candidates,
        tmp_path / "out",
        "--no-text",
        "--stages",
        "metrics",
        "--num-workers",
        "1",
    )
    run(*words)
    code, text, _ = run(*words, "--json", "--quiet")
    report = json.loads(text)
    assert code == 0
    assert (report["checks_made"], report["checks_kept"]) == (0, 4)
    assert report["stages"]["metrics"]["reasons"]["it is the input unchanged"] == 2


def test_a_missing_picture_is_an_error_but_stops_nothing(candidates: Path, tmp_path: Path) -> None:
    (candidates / "pictures/s0-same.gt.png").unlink()
    code, text, remarks = run(
        "qc", candidates, tmp_path / "out", "--no-text", "--stages", "metrics", "--num-workers", "1"
    )
    assert code == 1
    assert "2 accepted, 1 rejected, 0 undecided, 1 failed" in text
    assert "s0-same.gt.png cannot be read" in remarks


def test_review_is_summarized_and_settles(candidates: Path, tmp_path: Path) -> None:
    code, text, remarks = run("review", candidates, "--summary")
    assert (code, text) == (0, "nobody has reviewed yet\n")
    assert remarks.startswith("next: ggt qc")
    lines = [
        json.loads(line) for line in (candidates / "candidates.jsonl").read_text().splitlines()
    ]
    for name, choice in (("ada", "accept"), ("ben", "reject")):
        path = candidates / "reviews" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        pair = f"{lines[0]['lq_sha256'][:12]}-{lines[0]['gt_sha256'][:12]}"
        row = {"key": "s0-good", "choice": choice, "reason": "text\x1b[2J", "pair": pair, "at": ""}
        path.write_text(json.dumps(row) + "\n")
    run("qc", candidates, tmp_path / "out", "--no-text", "--stages", "metrics")
    assert (tmp_path / "out/pairs.jsonl").exists()
    code, text, _ = run("review", candidates, "--summary")
    assert "ada: 1 of 4 decided (1 accept, 0 reject, 0 unsure)" in text
    assert "agreement over 1 shared pairs: 0% the same" in text
    assert "\x1b" not in text
    report = json.loads(run("review", candidates, "--summary", "--json")[1])
    assert report["agreement"]["shared"] == 1
    code, text, remarks = run(
        "qc",
        candidates,
        tmp_path / "out",
        "--no-text",
        "--stages",
        "metrics,review",
        "--num-workers",
        "1",
    )
    assert "0 accepted, 2 rejected, 2 undecided" in text
    assert not (tmp_path / "out/pairs.jsonl").exists(), "pairs of an earlier run were withdrawn"
    assert remarks.splitlines()[-1].startswith("next: ggt review ")


def test_only_what_was_not_rejected_is_exported(candidates: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("qc", candidates, out, "--no-text", "--stages", "metrics", "--num-workers", "1")
    words = ("--verdicts", out / "verdicts.jsonl", "--reviewer", "ada")
    code, text, _ = run("review", candidates, "--export", tmp_path / "page", *words)
    assert code == 0
    assert text.strip() == str(tmp_path / "page/index.html")
    assert len(list((tmp_path / "page/pictures").iterdir())) == 4
    path = candidates / "reviews/ada.jsonl"
    path.parent.mkdir()
    path.touch()
    assert "0 of 4 decided" in run("review", candidates, "--summary")[1]
    assert "0 of 2 decided" in run("review", candidates, "--summary", *words[:2])[1]


def test_what_is_accepted_no_longer_cannot_be_built(candidates: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("qc", candidates, out, "--no-text", "--num-workers", "1", "--stages")
    assert run(*words, "metrics")[0] == 0
    assert (out / "pairs.jsonl").exists()
    code, text, _ = run(*words, "metrics,review")  # nobody has reviewed: all are undecided
    assert code == 0 and "0 accepted" in text
    assert not (out / "pairs.jsonl").exists()

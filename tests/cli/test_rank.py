"""``ggt rank`` and ``ggt review --pairwise`` as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from ggt_hf.errors import GgtError
from tests.evaluation.folders import darker, make_pairs
from tests.making import encoded, picture


def ggt(*words: object):
    return CliRunner().invoke(app, [*map(str, words)])


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    make_pairs(tmp_path / "pairs", 2)
    (tmp_path / "real").mkdir()
    for number in range(2):
        pixels = darker(picture(20 + number, 64, 48))
        (tmp_path / "real" / f"r{number}.png").write_bytes(encoded(pixels))
    outputs = tmp_path / "made"
    outputs.mkdir()
    for name, pixels in {
        "r0": picture(20, 64, 48), "r1": picture(21, 64, 48), "p0": picture(0, 48, 40),
    }.items():  # fmt: skip
        (outputs / f"{name}.png").write_bytes(encoded(pixels))
    return [
        "--fidelity", f"pairs={tmp_path / 'pairs'}", "--perceptual", f"real={tmp_path / 'real'}",
        "--out", str(tmp_path / "out"), "--observer", "rules", "--num-workers", "1",
    ]  # fmt: skip


def test_a_ranking_and_its_files(data, tmp_path):
    asked = ["rank", "classical", f"theirs=replay:{tmp_path / 'made'}", *data, "--json", "-q"]
    done = ggt(*asked)
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert {row["contestant"] for row in said["standings"]} == {
        "classical.fixed", "classical.adaptive", "theirs.fixed", "theirs.adaptive",
    }  # fmt: skip
    assert said["axes"] == ["fidelity", "perceptual"]
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made >= {"ranking.html", "ranking.md", "ranking.tex", "ranking.json", "ranking.parquet"}
    again = ggt(*asked)
    assert json.loads(again.stdout) == said
    raters = ggt("review", str(tmp_path / "out"), "--pairwise", "--summary", "--json")
    assert raters.exit_code == 0 and json.loads(raters.stdout) == []


def test_the_price_is_told_and_nothing_is_touched(data, tmp_path, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "none")
    asked = ["rank", "classical", "nano-banana-2", *data, "--json"]
    done = ggt(*asked, "--dry-run")
    assert done.exit_code == 0, done.stderr
    rows = {row["contestant"]: row for row in json.loads(done.stdout)}
    assert rows["nano-banana-2.fixed"]["to_make"] == 4
    assert not (tmp_path / "out").exists()
    assert rows["nano-banana-2.fixed"]["at_most"] > 0 == rows["classical.fixed"]["at_most"]
    refused = ggt(*asked, "--max-cost", "1")
    assert "nobody is here to agree" in str(refused.exception)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rank", "classical", "--prompts", "both"], "no list of kinds"),
        (["rank", "nonsense"], "no editor"),
        (["rank", "classical", "--metrics", "beauty"], "no metric"),
        (["rank", "classical", "--observer-endpoint", "http://127.0.0.1:9/v1"], "several models"),
        (["rank", "classical", "--judge-endpoint", "http://127.0.0.1:9/v1"], "several models"),
        (["review", "nowhere", "--pairwise"], "no pictures of ggt rank"),
        (["review", "nowhere", "--pairwise", "--export", "x"], "takes no --export"),
    ],
)
def test_what_cannot_be_meant_is_said(words, says, tmp_path):
    if words[0] == "rank":
        words = [*words, "--out", str(tmp_path / "out")]
    done = ggt(*words)
    assert isinstance(done.exception, GgtError)
    assert says in done.exception.message and done.exception.hint

"""The making of the embedded model, in small: every step runs, resumes and gives the same."""

from __future__ import annotations

import csv
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ggt_hf.vlm.observation import OBSERVATION_SCHEMA
from ggt_hf.vlm.schema import read_json
from scripts.embedded_vlm.__main__ import main
from tests.making import encoded, picture

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Run:
    """Runs a step in this process: each would else import torch and transformers again."""

    def one(*arguments: object) -> str:
        caplog.clear()
        monkeypatch.setattr(sys, "argv", ["embedded_vlm", *map(str, arguments)])
        with caplog.at_level(logging.INFO):
            main()
        return caplog.text

    return one


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed in (1, 2, 6):  # The last one, by its name, is watched.
        (folder / f"{seed}.png").write_bytes(encoded(picture(seed, 560, 540)))
    return folder


def test_the_whole_making_in_small(run: Run, photos: Path, tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "model"
    run("simulate", photos, "--work", work, "--count", 24)
    made = {path.name: path.read_bytes() for path in (work / "train").iterdir()}
    (work / "train" / "000003.npy").unlink()
    run("simulate", photos, "--work", work, "--count", 24)
    assert {path.name: path.read_bytes() for path in (work / "train").iterdir()} == made
    tower = ("tower", "--work", work)
    run(*tower, "--pictures", 17)
    resumed = run(*tower, "--pictures", 34)
    assert "34 pictures seen" in resumed and "17 pictures" not in resumed
    run("language", "--work", work, "--out", out, "--looks", 3, "--epochs", 60)
    (photos / "real.png").write_bytes(encoded(picture(9, 200, 150)))
    with (photos / "photos.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("file", "role", "category"), ("real.png", "lq", "haze")])
    run("evaluate", photos, "--real", photos / "photos.csv", "--count", 6, "--out", out)
    assert "# The embedded prompter" in (out / "README.md").read_text()


def test_the_tokenizer_knows_every_answer_by_heart() -> None:
    from scripts.embedded_vlm.language import make_tokenizer, target
    from scripts.embedded_vlm.pictures import Sample

    tokenizer = make_tokenizer()
    rng = np.random.default_rng(1)
    for category in range(6):
        effects = (rng.random(13) * (rng.random(13) < 0.4)).astype(np.float32)
        text = target(Sample(Path("x.npy"), "x", category, effects))
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert len(ids) <= 4 + 6 * np.count_nonzero(effects >= 0.08)
        assert read_json(text, OBSERVATION_SCHEMA)[1] is None


def test_behind_its_convolutions_the_tower_takes_means() -> None:
    """Plain means near each of the 4 x 4 tokens, and means that lean to what is strong there."""
    import torch
    from torch.nn.functional import hardswish
    from transformers import LevitModel

    from scripts.embedded_vlm.tower import STEM_WIDTH, WIDTH, gather, tower_config

    torch.manual_seed(0)
    tower = LevitModel(tower_config()).eval()
    gather(tower)
    even = torch.randn(STEM_WIDTH).expand(1, 196, STEM_WIDTH)
    flake = torch.zeros(1, 14, 14, STEM_WIDTH)
    flake[:, 0, 0] = 3.0
    with torch.no_grad():
        seen = tower.encoder(even).last_hidden_state
        plain, strong = tower.encoder(flake.flatten(1, 2)).last_hidden_state.split(STEM_WIDTH, 2)
    assert seen.shape == (1, 16, WIDTH)
    assert torch.allclose(seen, hardswish(even[:, :16]).repeat(1, 1, 2), atol=1e-5)
    assert 0.1 < plain[0, 0, 0] < 1 < strong[0, 0, 0]
    assert plain[0, 1:].abs().max() < 1e-5 and strong[0, -1].abs().max() < 1e-5

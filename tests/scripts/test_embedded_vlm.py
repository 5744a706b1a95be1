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
    simulate = ("simulate", photos, "--work", work, "--count", 24, "--plain", 6)
    run(*simulate)
    made = {path.name: path.read_bytes() for path in (work / "train").iterdir()}
    (work / "train" / "000003.npy").unlink()
    run(*simulate)
    assert {path.name: path.read_bytes() for path in (work / "train").iterdir()} == made
    tower = ("tower", "--work", work)
    run(*tower, "--pictures", 16)
    resumed = run(*tower, "--pictures", 32)
    assert "32 pictures seen" in resumed and "16 pictures" not in resumed
    run("language", "--work", work, "--out", out, "--looks", 3, "--epochs", 60)
    before = (out / "model.safetensors").read_bytes()
    further = ("tower", "--work", work, "--start", out)
    (work / "tower.pt").unlink()
    assert "16 pictures seen" in run(*further, "--pictures", 16)
    relearned = ("language", "--work", work, "--start", out, "--out", work / "further")
    assert "epoch 1 of 1" in run(*relearned, "--epochs", 1)
    assert (out / "model.safetensors").read_bytes() == before
    (photos / "real.png").write_bytes(encoded(picture(9, 200, 150)))
    with (photos / "photos.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("file", "role", "category"), ("real.png", "lq", "haze")])
    held_out = ("evaluate", photos, "--fresh", photos, "--real", photos / "photos.csv")
    run(*held_out, "--count", 6, "--out", out)
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


def test_the_short_way_through_the_tower_gives_the_same() -> None:
    import torch
    from transformers import LevitModel

    from scripts.embedded_vlm.tower import gather, gathered, tower_config

    torch.manual_seed(0)
    tower = LevitModel(tower_config()).eval()
    gather(tower)
    views = torch.rand(2, 3, 224, 224) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(gathered(tower, views), tower(views).last_hidden_state, atol=1e-4)


def test_a_varied_picture_is_drawn_from_its_number_alone(photos: Path) -> None:
    from scripts.embedded_vlm.simulation import photographs, simulated
    from scripts.embedded_vlm.variation import varied

    paths = photographs(photos)
    for index in (2, 4):
        degraded, labels = varied(paths, index, 1)
        again, same = varied(paths, index, 1)
        assert np.array_equal(degraded.lq, again.lq) and labels == same
        plain, plainly = simulated(paths, index, 1)
        assert labels.category == plainly.category
        assert not np.array_equal(degraded.lq, plain.lq)


def test_nights_have_dark_skies_and_lamps() -> None:
    from ggt_hf.degradation import degrade
    from scripts.embedded_vlm.variation import dark_sky, with_lamps

    day = np.full((96, 96, 3), 60, np.uint8)
    day[:48] = 220
    night = dark_sky(day)
    assert night[:24].mean() < 60 < night[90:].mean() + 1
    dark = degrade(night, "low_light", seed=1, severity=0.9)
    lit = with_lamps(dark, np.random.default_rng(1))
    assert lit.lq.max() > dark.lq.max() and lit.labels == dark.labels


def test_a_clean_file_of_bad_weather_keeps_the_weather() -> None:
    from ggt_hf.degradation.simulation import draw_settings
    from scripts.embedded_vlm.variation import TAIL, vary

    settings = draw_settings("rain", seed=2, severity=0.8)
    drawn = [vary(settings, np.random.default_rng(seed)) for seed in range(20)]
    effects = [{step["effect"] for step in varied["steps"]} for varied in drawn]
    assert all("rain_streaks" in names or "lens_drops" in names for names in effects)
    assert 0 < sum(not names & TAIL for names in effects) < 20

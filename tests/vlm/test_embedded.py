"""The model that comes with the package: small, loaded like any other, and as good as its card."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import yaml
from PIL import Image

from ggt_hf.degradation import degrade
from ggt_hf.errors import ModelError
from ggt_hf.records import DEGRADATIONS
from ggt_hf.vlm import load, offline_model
from ggt_hf.vlm.embedded import EMBEDDED_ID, embedded_folder
from ggt_hf.vlm.local import LocalVLM
from ggt_hf.vlm.observation import OBSERVATION_SCHEMA, QUESTION, observe, observe_many
from ggt_hf.vlm.views import views
from tests.making import picture


@cache
def embedded() -> LocalVLM:
    import torch

    torch.set_num_threads(1)
    vlm = load("embedded", batch_size=8)
    assert isinstance(vlm, LocalVLM)
    return vlm


def test_it_is_small_and_of_a_standard_class() -> None:
    folder = embedded_folder()
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["LlavaForConditionalGeneration"]
    assert "auto_map" not in config
    assert sum(path.stat().st_size for path in folder.iterdir()) < 25e6
    assert sum(p.numel() for p in embedded().model.parameters()) < 10e6


def test_it_keeps_the_schema_at_the_first_try() -> None:
    """Whatever it is shown; a repair would double the tokens read."""
    shown = [Image.fromarray(picture(seed, *size)) for seed, size in enumerate(SIZES)]
    [single] = embedded().ask_many([views(shown[0])], QUESTION)
    for observation, answer in observe_many(embedded(), shown):
        assert observation is not None and answer.problem is None
        assert answer.usage.input_tokens == single.usage.input_tokens
        assert json.loads(answer.text) == answer.data


SIZES = [(640, 480), (128, 128), (90, 300), (16, 16), (1, 1)]


def test_it_says_the_same_each_time_and_who_it_is() -> None:
    shown = Image.fromarray(picture(5, 300, 300))
    _, first = observe(embedded(), shown)
    assert first == observe(load("embedded"), shown)[1]
    assert first.model_id == EMBEDDED_ID
    assert first.revision.startswith("sha256:")


def test_it_tells_a_dark_picture_from_a_hazy_one() -> None:
    """On a picture no training saw: the two categories that pixels alone decide."""
    clean = picture(11, 512, 512)
    for category in ("low_light", "haze"):
        degraded = degrade(clean, category, seed=3, severity=0.9)
        observation, _ = observe(embedded(), Image.fromarray(degraded.lq))
        assert observation.category == category


def test_its_card_tells_what_was_measured() -> None:
    folder = embedded_folder()
    card = (folder / "README.md").read_text()
    results = yaml.safe_load((folder / "evaluation.yaml").read_text())
    mine = results["simulated"]["models"]["embedded"]
    assert f"| **all** | **{mine['top1']:.2f}** |" in card
    for category in DEGRADATIONS:
        assert f"| {category} | {mine['by_category'][category]['top1']:.2f} |" in card
    assert mine["unusable_answers"] == 0
    assert mine["top1"] > results["simulated"]["models"]["rules"]["top1"]


def test_it_can_be_held_to_the_schema_too() -> None:
    pytest.importorskip("xgrammar", reason="xgrammar is not installed")
    held = load("embedded", constrained=True)
    shown = Image.fromarray(picture(2, 200, 200))
    answer = held.ask(views(shown), QUESTION, schema=OBSERVATION_SCHEMA)
    assert answer.problem is None


def test_a_package_without_its_sample_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ggt_hf.vlm.embedded._FOLDER", tmp_path)
    with pytest.raises(ModelError, match="without an embedded model") as error:
        load("embedded")
    assert "rules" in error.value.hint


def test_it_is_what_observes_unless_its_packages_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert offline_model() == "embedded"
    monkeypatch.setattr("ggt_hf.vlm._NEEDED", ("torch", "a_package_nobody_has"))
    assert offline_model() == "rules"

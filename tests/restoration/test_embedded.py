"""The restorer that comes with the package: small, safe to load, and better than its input."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch

from ggt_hf import sample
from ggt_hf.errors import ModelError
from ggt_hf.images import decode
from ggt_hf.records import DEGRADATIONS
from ggt_hf.restoration import embedded
from ggt_hf.restoration.editor import embedded_editor
from ggt_hf.restoration.embedded import embedded_folder, embedded_revision
from ggt_hf.restoration.loading import load_restorer
from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline
from ggt_hf.synthesis.editors.editor import Picture, edit
from scripts.restorer_pairs import psnr, ssim
from tests.making import picture


@pytest.fixture(scope="module")
def restorer() -> OneStepRestorationPipeline:
    torch.set_num_threads(1)
    pipeline = load_restorer("embedded", device="cpu")
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_it_is_small_and_holds_no_code(restorer: OneStepRestorationPipeline) -> None:
    assert sum(weights.numel() for weights in restorer.restorer.parameters()) < 10e6
    files = [path for path in embedded_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 25e6
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".md", ".jpg"}
    again = OneStepRestorationPipeline.from_pretrained(embedded_folder())
    for name, weights in restorer.restorer.state_dict().items():
        assert torch.equal(again.restorer.state_dict()[name], weights), name


def test_it_beats_its_input_on_the_sample_s_test_pairs(
    restorer: OneStepRestorationPipeline,
) -> None:
    gains = defaultdict(list)
    for line in sample.PAIRS.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        if pair["split"] == "test":
            lq, gt = (floats(sample.ROOT / pair[side]) for side in ("lq", "gt"))
            made = restorer(lq, output_type="pt").images
            gains[pair["category"]].append(
                [float((metric(made[0][None], gt) - metric(lq, gt))[0]) for metric in (psnr, ssim)]
            )
    assert sorted(gains) == sorted(DEGRADATIONS)
    for category, rows in gains.items():
        assert (np.mean(rows, axis=0) > 0).all(), (category, rows)


def floats(path: Path) -> torch.Tensor:
    pixels = decode(path.read_bytes(), path.name).copy()
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("form", ["input", "classical"])
def test_it_was_measured_to_beat_both(form: str) -> None:
    measured = json.loads((embedded_folder() / "measured.json").read_text())["held_out"]
    card = (embedded_folder() / "README.md").read_text(encoding="utf-8")
    for category in DEGRADATIONS:
        ours, theirs = measured[category]["embedded"], measured[category][form]
        for score in ("psnr", "ssim"):
            assert ours[score] > theirs[score], (category, score)
        assert f"**{ours['psnr']:.2f} / {ours['ssim']:.3f}**" in card


def test_it_darkens_no_really_degraded_photograph_much(
    restorer: OneStepRestorationPipeline,
) -> None:
    for photograph in sample.real_photographs():
        given = decode(photograph.path.read_bytes(), photograph.key)
        made = np.asarray(restorer(given).images[0])
        share = 0.6 if photograph.key in UNSURE else 0.85
        assert made.mean() > share * given.mean(), photograph.key


UNSURE = ("clock-motion",)
"""All grey and out of focus: it could as well be mist."""


@pytest.mark.parametrize(("width", "height"), [(16, 16), (37, 211), (300, 17)])
def test_any_size_comes_back(restorer: OneStepRestorationPipeline, width: int, height: int) -> None:
    assert restorer(picture(0, width, height)).images[0].size == (width, height)


def test_tiles_leave_no_seams_on_a_real_photograph(restorer: OneStepRestorationPipeline) -> None:
    photograph = next(p for p in sample.real_photographs() if p.degradation == "haze")
    given = decode(photograph.path.read_bytes(), photograph.key)
    whole, tiled = (
        np.asarray(restorer(given, tile=tile).images[0]).astype(int) for tile in (None, 256)
    )
    assert np.abs(whole - tiled).mean() < 0.5
    assert np.abs(whole - tiled).max() < 16


def test_as_an_editor_it_makes_a_target_of_its_input_s_size() -> None:
    photograph = next(p for p in sample.real_photographs() if p.degradation == "low_light")
    given = Picture(photograph.key, photograph.path.read_bytes())
    editor = embedded_editor(device="cpu")
    made = edit(editor, given, "ignored")
    assert decode(made.gt, "made").shape[:2] == given.size[::-1]
    assert made == edit(editor, given, "other words", seed=7)
    assert (editor.id, editor.price) == ("ggt-hf/embedded-restorer", 0)
    assert editor.revision == embedded_revision()


def test_an_installation_without_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_FOLDER", tmp_path)
    for ask in (lambda: load_restorer("embedded"), embedded_editor):
        with pytest.raises(ModelError, match="lacks its embedded restorer"):
            ask()

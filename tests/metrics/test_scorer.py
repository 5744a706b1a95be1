"""Scorers: what they promise whatever the metric, and how they refuse."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from ggt_hf.errors import IntegrityError, MissingExtraError, ModelError, ReadError, UsageError
from ggt_hf.metrics import METRICS, metric, metrics_named, perceptual, weights
from ggt_hf.metrics.scorer import Scorer, cropped
from ggt_hf.metrics.selftest import KNOWN, patterns, refuse_unsound
from tests.making import picture

OURS = ["psnr", "psnr_y", "ssim", "ssim_y"]
# pyiqa is 2.6 GB with what it asks for, and for noncommercial use: not part of the test extra.
NEEDS_PYIQA = pytest.mark.skipif(find_spec("pyiqa") is None, reason="pyiqa is not installed")


def test_each_metric_says_all_that_a_reader_needs():
    assert len({row.name for row in METRICS}) == len(METRICS)
    for row in METRICS:
        assert row.low < row.high
        of_judge = ("of the judge",) if row.judged else ()
        assert row.license in ("Apache-2.0", "PolyForm-Noncommercial-1.0.0", *of_judge)
        assert row.title and row.source
        for file in row.weights:
            assert file.url.startswith("https://") and file.url.endswith(file.name)


def test_scores_come_in_the_order_asked_for_and_each_once():
    scorer = Scorer(["ssim", "psnr", "ssim"])
    assert list(scorer.score(picture(1), picture(2))) == ["ssim", "psnr"]


def test_scores_do_not_depend_on_what_was_scored_before():
    scorer = Scorer(OURS)
    alone = scorer.score(picture(1), picture(2))
    for seed in range(5):
        scorer.score(picture(seed, 40 + seed, 30), picture(seed + 9, 40 + seed, 30))
    assert (
        scorer.score(picture(1), picture(2)) == alone == Scorer(OURS).score(picture(1), picture(2))
    )


def test_pictures_stay_as_they_are_and_may_be_read_only():
    one, other = picture(1), picture(2)
    one.flags.writeable = other.flags.writeable = False
    before = one.copy()
    Scorer(OURS).score(one, other)
    assert (one == before).all()


def test_without_a_reference_only_metrics_that_need_none_are_given():
    assert Scorer(OURS).score(picture(1)) == {}


def test_the_fingerprint_names_code_weights_and_size():
    assert Scorer(["psnr"]).fingerprint == {
        "psnr": {"code": "ggt_hf.metrics 1", "weights": {}, "size": "whole"}
    }


def test_known_answers_pin_the_definition():
    # Whoever changes a score must raise scorer.DEFINITION, or every fingerprint lies.
    assert Scorer([*OURS, "piqe"]).score(*patterns()) == pytest.approx(KNOWN, abs=1e-5)


@pytest.mark.parametrize(
    ("score", "says"),
    [
        (lambda one, other: float(one.mean()), "the known answer"),
        (lambda one, other: -float(np.abs(one.astype(int) - other).sum()), "the known answer"),
        (lambda one, other: float(np.abs(one.astype(int) - other).sum()), "a ruined picture"),
        (lambda one, other: next(TICKS), "scored 0, then 2"),
        (lambda one, other: one.fill(3) or 1.0, "changes the picture"),
    ],
)
def test_an_unsound_metric_is_refused_before_use(score, says):
    global TICKS
    TICKS = iter([0, -1, 2])
    with pytest.raises(ModelError, match=says):
        refuse_unsound(metric("psnr"), score)


def test_small_pictures_are_refused_by_name():
    with pytest.raises(UsageError, match=r"SSIM needs pictures of at least 11 .* 9x20"):
        Scorer(["ssim"]).score(picture(1, 9, 20), picture(2, 9, 20))


def test_unknown_names_are_refused_with_what_there_is():
    with pytest.raises(UsageError, match=r"no metric 'pnsr'.*psnr, psnr_y"):
        metrics_named(["pnsr"])


def test_cropping_keeps_the_top_left():
    assert cropped(picture(1, 70, 45), 32).shape == (32, 64, 3)
    assert (cropped(picture(1, 70, 45), 32) == picture(1, 70, 45)[:32, :64]).all()


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setattr(perceptual, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ggt-hf\[metrics\]'"):
        Scorer(["lpips"])


def test_missing_weights_are_named_with_their_place(monkeypatch, tmp_path):
    monkeypatch.setattr(perceptual, "find_spec", lambda name: object())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    place = tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth"
    with pytest.raises(ReadError) as refused:
        Scorer(["lpips"])
    assert str(place) in refused.value.message and "244 MB" in refused.value.message
    assert "https://download.pytorch.org/models/alexnet" in refused.value.hint
    place.parent.mkdir()
    place.write_bytes(b"these are not the weights")
    with pytest.raises(ReadError, match=r"LPIPS_v0\.1_alex"):  # the next one
        Scorer(["lpips"])


def test_other_weights_than_the_published_are_refused_before_they_are_loaded(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    file = metric("musiq").weights[0]
    place = weights.place(file)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"tampered")
    with pytest.raises(IntegrityError, match=hashlib.sha256(b"tampered").hexdigest()[:12]):
        weights.hashes(metric("musiq"))


def test_importing_the_room_loads_nothing_heavy():
    code = (
        "import sys, ggt_hf.metrics; print(sorted({'numpy', 'torch', 'pyiqa'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@NEEDS_PYIQA
@pytest.mark.parametrize("name", ["gmsd", "vif", "ms_ssim"])
def test_pyiqa_scores_one_by_one_as_its_own_call_does(name):
    import pyiqa

    row, size = metric(name), (224, 200)
    one, other = picture(1, *size), picture(2, *size)
    given = [torch.from_numpy(x).permute(2, 0, 1)[None].float() / 255 for x in (one, other)]
    said = float(pyiqa.create_metric(row.pyiqa, device="cpu")(*given[: 1 + row.needs_reference]))
    scorer = Scorer([name], device="cpu")
    assert scorer.score(one, other) == {name: pytest.approx(said, rel=1e-6)}
    assert scorer.fingerprint[name]["code"].startswith("pyiqa ")


@NEEDS_PYIQA
def test_rgb_ssim_and_psnr_are_pyiqas_too():
    import pyiqa

    one = picture(1, 96, 64)
    other = (one // 2 + 60).astype(np.uint8)  # pyiqa cuts off negative similarities
    given = [torch.from_numpy(x).permute(2, 0, 1)[None].float() / 255 for x in (one, other)]
    ours = Scorer(["psnr", "ssim"]).score(one, other)
    assert ours["psnr"] == pytest.approx(float(pyiqa.create_metric("psnr")(*given)), abs=1e-3)
    assert ours["ssim"] == pytest.approx(float(pyiqa.create_metric("ssimc")(*given)), abs=1e-4)


@NEEDS_PYIQA
@pytest.mark.skipif(find_spec("stlpips_pytorch") is None, reason="its weights are not installed")
def test_a_learned_metric_carries_the_hash_of_its_weights():
    scorer = Scorer(["stlpips"], device="cpu")
    same = scorer.score(picture(1, 96, 96), picture(1, 96, 96))["stlpips"]
    other = scorer.score(picture(1, 96, 96), picture(2, 96, 96))["stlpips"]
    assert math.isclose(same, 0, abs_tol=1e-6) and other > 0.1
    assert scorer.fingerprint["stlpips"]["weights"]["alex_shift_tolerant.pth"].startswith(
        "b356b382"
    )

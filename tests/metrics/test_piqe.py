"""PIQE: values of another implementation, and what it must and must not see."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ggt_hf import sample
from ggt_hf.images import decode
from ggt_hf.metrics.piqe import piqe
from ggt_hf.metrics.scorer import Scorer
from ggt_hf.metrics.selftest import patterns, scenes
from tests.making import picture

PHOTOGRAPHS = sorted((sample.ROOT / "pairs/test").glob("*/gt/*"))


def photograph(path: Path):
    pixels = decode(path.read_bytes(), path.name)
    return pixels[: pixels.shape[0] // 16 * 16, : pixels.shape[1] // 16 * 16]


def test_it_is_what_pyiqa_says():
    """Recorded from pyiqa, whose arithmetic is of single precision."""
    said = [27.800533, 43.351688, 87.779381]
    assert [piqe(scene) for scene in scenes()] == pytest.approx(said, abs=0.005)
    assert piqe(patterns()[0][:64, :128]) == pytest.approx(81.099304, abs=0.0001)


@pytest.mark.skipif(find_spec("pyiqa") is None, reason="pyiqa is not installed")
def test_it_is_pyiqa_s_on_photographs():
    import pyiqa
    import torch

    theirs = pyiqa.create_metric("piqe", device="cpu")
    for path in PHOTOGRAPHS:
        pixels = photograph(path).copy()
        tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        # Rounding of luma falls otherwise in single precision, and so may a block's edge.
        assert piqe(pixels) == pytest.approx(float(theirs(tensor)), abs=0.5)


@pytest.mark.parametrize("path", PHOTOGRAPHS[::3], ids=lambda path: path.stem)
def test_noise_and_compression_are_seen(path):
    clean = photograph(path)
    noise = np.random.default_rng(0).normal(0, 25, clean.shape)
    noisy = np.clip(clean + noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(clean).save(file, "JPEG", quality=5)
    blocky = decode(file.getvalue(), "blocky")
    assert piqe(noisy) > piqe(clean) and piqe(blocky) > piqe(clean)


def test_what_hangs_over_is_left_out_and_brightness_is_not_seen():
    whole = picture(3, 100, 70)
    assert piqe(whole) == piqe(whole[:64, :96])
    half = np.arange(128, dtype=np.uint8).repeat(64 * 3).reshape(128, 64, 3)
    assert piqe(half) == pytest.approx(piqe(half * 2), abs=1)
    assert piqe(np.zeros((64, 64, 3), np.uint8)) == 100  # nothing happens anywhere


def test_it_needs_no_reference_and_a_picture_that_holds_blocks():
    scorer = Scorer(["psnr", "piqe"])
    assert list(scorer.score(picture(1))) == ["piqe"]
    assert scorer.fingerprint["piqe"]["size"] == "cropped to multiples of 16"
    with pytest.raises(Exception, match="at least 32 pixels"):
        scorer.score(picture(1, 31, 64))

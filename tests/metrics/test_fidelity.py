"""PSNR and SSIM against scikit-image and torchmetrics, on photographs and at the edges."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import (
    peak_signal_noise_ratio as torch_psnr,
)
from torchmetrics.functional.image import (
    structural_similarity_index_measure as torch_ssim,
)

from ggt_hf import sample
from ggt_hf.errors import UsageError
from ggt_hf.images import decode
from ggt_hf.metrics.fidelity import IDENTICAL_DB, Fidelity, luma
from tests.making import picture

PAIRS = [json.loads(line) for line in sample.PAIRS.read_text(encoding="utf-8").splitlines()]
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}


def studio_luma(pixels):
    return pixels.astype(np.float64) @ (np.array([65.481, 128.553, 24.966]) / 255) + 16


def tensor(pixels):
    return torch.from_numpy(pixels.astype(np.float64)).permute(2, 0, 1)[None]


def torch_ssim_inside(one, other):
    """torchmetrics' own mean counts windows that hang over the edge, filled by reflection."""
    _, everywhere = torch_ssim(one, other, data_range=255.0, return_full_image=True)
    return float(everywhere[..., 5:-5, 5:-5].mean())


@pytest.mark.parametrize("pair", PAIRS[::6], ids=lambda pair: pair["key"])
def test_photographs_score_as_scikit_image_and_torchmetrics_say(pair):
    lq, gt = (decode((sample.ROOT / pair[s]).read_bytes(), pair[s]) for s in ("lq", "gt"))
    found = Fidelity(lq, gt)
    y = studio_luma(lq), studio_luma(gt)
    assert found.psnr() == pytest.approx(peak_signal_noise_ratio(gt, lq), abs=1e-9)
    assert found.psnr_y() == pytest.approx(peak_signal_noise_ratio(*y, data_range=255), abs=1e-4)
    assert found.ssim() == pytest.approx(
        structural_similarity(gt, lq, channel_axis=2, **WANG), abs=1e-5
    )
    assert found.ssim_y() == pytest.approx(structural_similarity(*y, **WANG), abs=1e-5)
    one, other = tensor(lq), tensor(gt)
    assert found.psnr() == pytest.approx(float(torch_psnr(one, other, data_range=255.0)), abs=1e-4)
    assert found.ssim() == pytest.approx(torch_ssim_inside(one, other), abs=1e-4)


def test_the_same_picture_twice_is_the_best_there_is():
    same = picture(1)
    found = Fidelity(same, same.copy())
    assert found.psnr() == found.psnr_y() == IDENTICAL_DB
    assert found.ssim() == found.ssim_y() == 1


def test_black_against_white_is_the_worst():
    black = np.zeros((16, 16, 3), np.uint8)
    assert Fidelity(black, 255 - black).psnr() == 0
    assert Fidelity(black, 255 - black).ssim() == pytest.approx(1e-4, abs=1e-5)


def test_luma_is_that_of_studio_swing():
    corners = np.array([[[0, 0, 0], [255, 255, 255], [0, 255, 0]]], np.uint8)
    assert luma(corners)[0].tolist() == pytest.approx([16, 235, 16 + 128.553], abs=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(11, 70), st.integers(11, 70), st.integers(0, 9))
def test_any_size_agrees_with_scikit_image(height, width, seed):
    # Sizes around the strips in which planes are worked on.
    one, other = picture(seed, width, height), picture(seed + 1, width, height)
    said = structural_similarity(one, other, channel_axis=2, **WANG)
    assert Fidelity(one, other).ssim() == pytest.approx(said, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 9), st.integers(0, 9))
def test_both_ways_round_are_the_same(seed, offset):
    one, other = picture(seed), picture(seed + offset)
    there, back = Fidelity(one, other), Fidelity(other, one)
    assert there.psnr() == back.psnr()
    assert there.ssim_y() == pytest.approx(back.ssim_y(), abs=1e-6)


def test_views_into_larger_pictures_score_as_copies_do():
    large, other = picture(3, 90, 60), picture(4, 90, 60)
    cut = (slice(5, 45), slice(7, 70))
    views = Fidelity(large[cut], other[cut])
    copies = Fidelity(large[cut].copy(), other[cut].copy())
    assert (views.psnr(), views.ssim()) == (copies.psnr(), copies.ssim())


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        (np.zeros((20, 20, 3), np.uint8), np.zeros((20, 21, 3), np.uint8), "20x20.*21x20"),
        (np.zeros((20, 20), np.uint8), np.zeros((20, 20), np.uint8), "RGB uint8"),
        (np.zeros((20, 20, 3)), np.zeros((20, 20, 3)), "float64"),
    ],
)
def test_what_is_no_pair_of_pictures_is_refused(one, other, says):
    with pytest.raises(UsageError, match=says):
        Fidelity(one, other)


def test_a_picture_smaller_than_the_window_has_no_ssim():
    small = np.zeros((10, 40, 3), np.uint8)
    with pytest.raises(UsageError, match="40x10"):
        Fidelity(small, small).ssim()

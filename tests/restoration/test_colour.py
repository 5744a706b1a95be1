from __future__ import annotations

import torch
from torch import Tensor

from ggt_hf.restoration.colour import (
    WAVELET_REACH,
    fix_statistics,
    fix_wavelet,
    low_pass,
)


def picture(seed: int) -> Tensor:
    torch.manual_seed(seed)
    return torch.rand(1, 3, 90, 110)


def test_wavelet_undoes_a_cast_and_keeps_details() -> None:
    source = low_pass(picture(0))
    details = 0.1 * (picture(1) - low_pass(picture(1)))
    cast = torch.tensor([0.1, -0.05, 0.02]).view(1, 3, 1, 1)
    fixed = fix_wavelet(source + details + cast, source + 0 * details)
    torch.testing.assert_close(fixed, fix_wavelet(source + details, source), atol=1e-5, rtol=0)
    assert (fixed - source - details).abs().mean() < (source + details + cast - source).abs().mean()


def test_wavelet_reaches_as_far_as_it_says() -> None:
    still = torch.zeros(1, 1, 101, 101)
    poked = still.clone()
    poked[..., 50, 50] = 1
    rows = (low_pass(poked) - low_pass(still)).abs().sum((0, 1, 3)).nonzero().flatten()
    assert (rows.min().item(), rows.max().item()) == (50 - WAVELET_REACH, 50 + WAVELET_REACH)


def test_statistics_give_the_source_s_mean_and_deviation() -> None:
    source, restored = 0.3 + 0.2 * picture(0)[0], 0.5 * picture(1)[0]
    fixed = fix_statistics(restored, source)
    torch.testing.assert_close(fixed.mean((1, 2)), source.mean((1, 2)), atol=1e-4, rtol=0)
    torch.testing.assert_close(fixed.std((1, 2)), source.std((1, 2)), atol=1e-3, rtol=0)


def test_statistics_of_stored_pixels_agree_with_those_of_floats() -> None:
    source, restored = ((255 * picture(seed)[0]).byte() for seed in (0, 1))
    fixed = fix_statistics(restored, source // 2)
    floats = fix_statistics(restored / 255, (source // 2) / 255)
    assert (fixed / 255 - floats).abs().max() < 0.5 / 255 + 1e-5


def test_a_flat_picture_stays_finite() -> None:
    flat = torch.full((3, 20, 20), 0.5)
    assert fix_statistics(flat, picture(0)[0]).isfinite().all()

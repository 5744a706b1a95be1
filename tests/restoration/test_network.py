from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ggt_hf.restoration import network
from ggt_hf.restoration.network import Tone, details, thumbnail
from tests.restoration.restorers import tiny_network


@pytest.fixture
def picture() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randint(0, 256, (2, 3, 150, 333), dtype=torch.uint8)


def test_a_large_picture_is_described_in_bands_as_a_small_one_is_whole(
    picture: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, rough = thumbnail(picture), details(picture)
    torch.testing.assert_close(small, F.adaptive_avg_pool2d(picture / 255, (64, 64)))
    monkeypatch.setattr(network, "_BAND", 333 * 40)
    torch.testing.assert_close(thumbnail(picture), small)
    torch.testing.assert_close(details(picture), rough, atol=0.02, rtol=0)


def test_rain_is_rougher_across_than_down() -> None:
    streaks = torch.rand(1, 3, 1, 90).expand(1, 3, 70, 90)
    rough = details(streaks)[0].view(3, 2, 2)
    assert (rough[:2, 1] > rough[:2, 0] + 3).all()


@pytest.mark.parametrize("side", [16, 17, 500])
def test_every_size_and_type_has_a_context(side: int) -> None:
    made = tiny_network()
    stored = torch.randint(0, 256, (1, 3, side, 16), dtype=torch.uint8)
    context = made.context(stored)
    assert context.shape == (1, 16)
    torch.testing.assert_close(context, made.context(stored / 255))
    assert context.isfinite().all()


def test_half_precision_runs() -> None:
    made = tiny_network().to(torch.bfloat16)
    pixels = torch.rand(1, 3, 32, 48, dtype=torch.bfloat16)
    assert made(pixels).isfinite().all()


def test_a_change_of_colour_is_believed_by_its_size() -> None:
    sure, unsure = Tone(8, doubt=0), Tone(8, doubt=0.02)
    unsure.load_state_dict(sure.state_dict())
    given, context = torch.rand(1, 3, 16, 16), torch.rand(1, 8)
    for offset, believed in ((0.001, 0.0025), (0.02, 0.5), (0.4, 0.9975)):
        for tone in (sure, unsure):
            with torch.no_grad():
                tone.coefficients[-1].bias[27:30] = offset
        whole, part = (tone(given, context) - given for tone in (sure, unsure))
        torch.testing.assert_close(part, believed * whole, rtol=2e-3, atol=1e-6)

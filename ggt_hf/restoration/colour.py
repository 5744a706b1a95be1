"""Colours of a restored picture brought back to those of its input.

Generative restorers drift in colour. Two remedies, both as StableSR uses them (Wang et al.,
"Exploiting Diffusion Prior for Real-World Image Super-Resolution", 2023):

- ``wavelet``: the restored details on the input's colours. Both pictures are split by an à-trous
  wavelet into details and what is left after five levels; the details of one are added to the
  rest of the other.
- ``statistics``: each channel of the restored picture is scaled and shifted to the input's mean
  and deviation, as adaptive instance normalisation does (Huang and Belongie, 2017).

Where the input's colours are themselves what is wrong (darkness, haze, fading), neither helps.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from ggt_hf.restoration.tiling import as_floats, as_stored

ColourFix = Literal["wavelet", "statistics"]
"""A way to bring colours back."""

COLOUR_FIXES: tuple[ColourFix, ...] = get_args(ColourFix)

LEVELS = 5
WAVELET_REACH = 2**LEVELS - 1
"""Pixels around a place that its wavelet fix depends on."""

_ROWS = 512
"""Rows in work at a time."""


def fix_wavelet(restored: Tensor, source: Tensor) -> Tensor:
    """Return the details of `restored` on the colours of `source`.

    Args:
        restored: ``(B, C, H, W)`` in [0, 1], of a float dtype.
        source: likewise, of the same shape.

    Returns:
        Of the same shape; not clamped.
    """
    return restored - low_pass(restored) + low_pass(source)


def low_pass(picture: Tensor) -> Tensor:
    """Return what `LEVELS` levels of an à-trous wavelet leave: (1 2 1)/4 each way, dilated."""
    channels = picture.shape[1]
    taps = picture.new_tensor([1.0, 2.0, 1.0]) / 4
    kernel = (taps[:, None] * taps).expand(channels, 1, 3, 3)
    for level in range(LEVELS):
        reach = 2**level
        padded = F.pad(picture, (reach,) * 4, mode="replicate")
        picture = F.conv2d(padded, kernel, groups=channels, dilation=reach)
    return picture


def fix_statistics(restored: Tensor, source: Tensor) -> Tensor:
    """Return `restored` with the mean and deviation of each channel of `source`.

    Args:
        restored: ``(C, H, W)``, ``uint8`` or floats in [0, 1].
        source: likewise, of the same shape.

    Returns:
        Of the shape and dtype of `restored`, clamped to its range.
    """
    (mean, deviation), (wanted, spread) = _statistics(restored), _statistics(source)
    scale = spread / deviation.clamp(min=1e-5)
    result = torch.empty_like(restored)
    for top in range(0, restored.shape[1], _ROWS):
        strip = as_floats(restored[:, top : top + _ROWS])
        fixed = (strip - mean) * scale + wanted
        result[:, top : top + _ROWS] = as_stored(fixed.clamp(0, 1), restored.dtype)
    return result


def _statistics(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each channel, ``(C, 1, 1)``, without a float copy of all."""
    count = picture.shape[1] * picture.shape[2]
    sums = torch.zeros(2, picture.shape[0], dtype=torch.float64, device=picture.device)
    for top in range(0, picture.shape[1], _ROWS):
        strip = as_floats(picture[:, top : top + _ROWS]).double().flatten(1)
        sums += torch.stack([strip.sum(1), strip.square().sum(1)])
    mean, square = sums / count
    deviation = (square - mean.square()).clamp(min=0).sqrt()
    return mean.float()[:, None, None], deviation.float()[:, None, None]

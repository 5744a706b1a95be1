"""How near a picture is to the truth, as tensors: for losses and for validation."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from ggt_hf.training.recipe import LossRecipe

_LUMA = 0.299, 0.587, 0.114
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def objective(restored: Tensor, gt: Tensor, recipe: LossRecipe) -> Tensor:
    """Return the loss of restored pictures.

    Args:
        restored: RGB, ``(B, 3, H, W)``, of any float dtype.
        gt: RGB in [0, 1], likewise.
        recipe: which loss.

    Returns:
        A scalar, ``float32``.
    """
    restored, gt = restored.float(), gt.float()
    loss = _pixel_loss(restored, gt, recipe)
    if recipe.ssim:
        loss = loss + recipe.ssim * (1 - ssim(restored, gt).mean())
    return loss


def _pixel_loss(restored: Tensor, gt: Tensor, recipe: LossRecipe) -> Tensor:
    if recipe.pixel == "l1":
        return (restored - gt).abs().mean()
    error = ((restored - gt).square() + 1e-6).sqrt().mean((1, 2, 3))
    return error.mean() if recipe.pixel == "charbonnier" else (error + 1e-3).log().mean()


def psnr(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of RGB in [0, 1], ``(B,)``, in dB; at most 100."""
    return -10 * (restored - gt).square().mean((1, 2, 3)).clamp(min=1e-10).log10()


def ssim(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the structural similarity of luma, ``(B,)``.

    Windows are Gaussian, 11 pixels wide with a deviation of 1.5, as in Wang et al., "Image
    quality assessment: from error visibility to structural similarity", 2004.

    Args:
        restored: RGB in [0, 1], ``(B, 3, H, W)``, H and W at least 11.
        gt: likewise.
    """
    weights = restored.new_tensor(_LUMA).view(1, 3, 1, 1)
    x, y = ((side * weights).sum(1, keepdim=True) for side in (restored, gt))
    stacked = torch.cat([x, y, x * x, y * y, x * y], 1)
    window = _window(str(stacked.device), stacked.dtype)
    across = window.view(1, 1, 1, -1).expand(5, 1, 1, -1)
    down = window.view(1, 1, -1, 1).expand(5, 1, -1, 1)
    blurred = F.conv2d(F.conv2d(stacked, across, groups=5), down, groups=5)
    mx, my, xx, yy, xy = blurred.unbind(1)
    vx, vy, cov = xx - mx * mx, yy - my * my, xy - mx * my
    similar = ((2 * mx * my + _C1) * (2 * cov + _C2)) / ((mx**2 + my**2 + _C1) * (vx + vy + _C2))
    return similar.mean((1, 2))


@cache
def _window(device: str, dtype: torch.dtype) -> Tensor:
    places = torch.arange(_WINDOW, device=device, dtype=dtype) - _WINDOW // 2
    window = (-(places**2) / (2 * _SIGMA**2)).exp()
    return window / window.sum()

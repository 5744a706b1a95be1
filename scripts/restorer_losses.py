"""What the embedded restorer learns to make small."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from restorer_pairs import ssim
from torch import Tensor

from ggt_hf.restoration.network import fine


def objective(
    lit: Tensor, residual: Tensor, gt: Tensor, log_error: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return each patch's log error, whole and of details, plus structural dissimilarity: ``(B,)``.

    The logarithm makes a decibel worth the same in every category: else the dark pictures, which
    are furthest off, would be all that is learned. The residual answers for details alone: wrong
    tones, which are most of the error for long, would drown what there is to learn about noise.
    The light does not answer for them: who brightens a dark picture brightens its noise.

    Args:
        lit: RGB, ``(B, 3, H, W)``, H and W multiples of 8.
        residual: likewise; the restored picture is their sum.
        gt: RGB in [0, 1], likewise.
        log_error: one of ERRORS.
    """
    restored = lit + residual
    unlike = 1 - ssim(restored, gt, stride=2)
    whole, details = lit + residual.detach() - gt, fine(lit.detach() + residual - gt)
    return log_error(whole) + log_error(details) + 0.5 * unlike


def log_absolute(error: Tensor) -> Tensor:
    """Return the logarithm of each picture's Charbonnier error, ``(B,)``."""
    return ((error.square() + 1e-6).sqrt().mean((1, 2, 3)) + 1e-3).log()


def log_squared(error: Tensor, floor: float = 1e-6) -> Tensor:
    """Return the logarithm of each picture's root mean square error, ``(B,)``: what PSNR counts."""
    return 0.5 * (error.square().mean((1, 2, 3)) + floor).log()


def settled(error: Tensor) -> Tensor:
    """Do as `log_squared`, up to 40 dB: nearer than that is as good, where all should be left."""
    return log_squared(error, floor=1e-4)


ERRORS = {"absolute": log_absolute, "squared": log_squared}
"""Names of `--error`, before `--settle`. The first learns better, from streaks and scratches above
all; the second punishes what is boldly wrong."""

DARKENED = 10.0
"""Weight of `darkened`: beside a usual error of a tenth, it counts such errors twice."""


def darkened(restored: Tensor, lq: Tensor, gt: Tensor) -> Tensor:
    """Return how much darker than both input and truth pictures ``(B, 3, H, W)`` are, ``(B,)``.

    In doubt, a picture is to be left as bright as it is: one that was dull from the first loses
    more by being taken for a faded one than a faded one gains.
    """
    luma = restored.new_tensor([0.299, 0.587, 0.114])
    sides = (F.avg_pool2d(torch.einsum("c,bchw->bhw", luma, s), 8) for s in (restored, lq, gt))
    ours, before, true = sides
    return (torch.minimum(before, true) - ours).clamp(min=0).mean((1, 2))

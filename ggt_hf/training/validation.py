"""Held pairs, restored during training: PSNR, SSIM, and a picture of each of the first few."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ggt_hf.training.fidelity import psnr, ssim

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ggt_hf.training.data import HeldPair
    from ggt_hf.training.learners.learner import Learner

_GAP = 4


def validate(
    learner: Learner,
    pairs: Sequence[HeldPair],
    *,
    device: torch.device,
    seed: int,
    folder: Path | None = None,
    pictures: int = 0,
) -> dict[str, float]:
    """Restore held pairs and compare them with the truth.

    Args:
        learner: restores.
        pairs: what is restored, one after another.
        device: where.
        seed: of what a learner draws at random; the same in every validation.
        folder: where pictures go; ``None`` = nowhere.
        pictures: how many of the first pairs are stored.

    Returns:
        ``psnr`` in dB and ``ssim`` of what was restored, ``psnr_lq`` and ``ssim_lq`` of the
        input; each the mean over pairs.
    """
    rows = []
    for number, pair in enumerate(pairs):
        lq, gt = _tensor(pair.lq, device), _tensor(pair.gt, device)
        restored = _rounded(learner.restore(lq, seed + number))
        scores = {"psnr": psnr(restored, gt), "ssim": ssim(restored, gt)}
        scores |= {"psnr_lq": psnr(lq, gt), "ssim_lq": ssim(lq, gt)}
        rows.append({name: float(value) for name, value in scores.items()})
        if folder is not None and number < pictures:
            _store(folder / f"{number:02d}-{pair.key}.png", pair, restored)
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def _tensor(picture: NDArray[np.uint8], device: torch.device) -> Tensor:
    floats = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
    return floats.to(device)


def _rounded(restored: Tensor) -> Tensor:
    """Return pictures as a file would hold them: what people look at is what is measured."""
    return (restored.float().clamp(0, 1) * 255).round() / 255


def _store(path: Path, pair: HeldPair, restored: Tensor) -> None:
    from PIL import Image

    shown = (restored[0] * 255).byte().permute(1, 2, 0).cpu().numpy()
    gap = np.full((shown.shape[0], _GAP, 3), 255, np.uint8)
    strip = np.concatenate([pair.lq, gap, shown, gap, pair.gt], 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(strip).save(path)

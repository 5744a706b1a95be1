"""What the embedded restorer is trained and measured on: photographs by name, pairs, metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ggt_hf import sample
from ggt_hf.data.format.schema import normalise_key
from ggt_hf.data.streaming.order import salt
from ggt_hf.data.streaming.simulated import SUFFIXES
from ggt_hf.degradation import degrade
from ggt_hf.images import decode
from ggt_hf.records import DEGRADATIONS


@dataclass(frozen=True, kw_only=True)
class Split:
    """Photographs by what they are for."""

    train: list[Path]
    validation: list[Path]
    test: list[Path]


def split_photographs(folder: Path, shorter_side: int = 256) -> Split:
    """Divide the photographs of a folder by their names; the too small ones are left out."""
    from PIL import Image

    tested = set(_tested_in_sample())
    split = Split(train=[], validation=[], test=[])
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
        with Image.open(path) as image:
            if min(image.size) < shorter_side:
                continue
        name = _name(path)
        draw = salt("held out", name) % 12
        if name in tested or draw == 0:
            split.test.append(path)
        else:
            (split.validation if draw == 1 else split.train).append(path)
    return split


def _name(path: Path) -> str:
    return normalise_key(path.stem).replace("_", "-")


def _tested_in_sample() -> Iterator[str]:
    for line in sample.PAIRS.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        if pair["split"] == "test":
            yield pair["key"].removeprefix(pair["category"] + "-")


def ssim(first: Tensor, second: Tensor, stride: int = 1) -> Tensor:
    """Return the structural similarity of luma, ``(B,)``, over windows of 7 x 7 pixels."""
    weights = first.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    x, y = (first * weights).sum(1, keepdim=True), (second * weights).sum(1, keepdim=True)
    stacked = torch.cat([x, y, x * x, y * y, x * y], 1)
    mx, my, xx, yy, xy = F.avg_pool2d(stacked, 7, stride).unbind(1)
    vx, vy, cov = xx - mx * mx, yy - my * my, xy - mx * my
    c1, c2 = 0.01**2, 0.03**2
    similar = ((2 * mx * my + c1) * (2 * cov + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return similar.mean((1, 2))


def psnr(first: Tensor, second: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of RGB in [0, 1], ``(B,)``, in dB."""
    return -10 * (first - second).square().mean((1, 2, 3)).clamp(min=1e-10).log10()


def validation_pairs(paths: Sequence[Path], side: int = 256) -> dict[str, tuple[Tensor, Tensor]]:
    """Return category -> (lq, gt) in [0, 1], ``(B, 3, side, side)``: the same in every run."""
    pairs = {}
    for place, category in enumerate(DEGRADATIONS):
        chosen = [*paths[place:], *paths[:place]]
        sides: tuple[list[Any], list[Any]] = ([], [])
        for number, path in enumerate(chosen):
            whole = decode(path.read_bytes(), path.name)
            top, left = (whole.shape[0] - side) // 2, (whole.shape[1] - side) // 2
            gt = np.ascontiguousarray(whole[top : top + side, left : left + side])
            severity = (number + 1) / len(chosen)
            sides[0].append(degrade(gt, category, seed=9000 + number, severity=severity).lq)
            sides[1].append(gt)
        lq, gt = (torch.from_numpy(np.stack(s)).permute(0, 3, 1, 2) / 255 for s in sides)
        pairs[category] = lq, gt
    return pairs

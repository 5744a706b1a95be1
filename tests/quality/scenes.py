"""Pairs to plant faults in, from the embedded sample."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from ggt_hf import images, sample
from ggt_hf.degradation import degrade
from ggt_hf.quality.planes import Picture
from ggt_hf.records import Degradation

SIDE = 256


@lru_cache
def photograph(name: str) -> Picture:
    """The middle square of a clean photograph of the sample, enlarged where it is smaller."""
    (path,) = sample.ROOT.glob(f"pairs/*/*/gt/{name}.*")
    picture = images.decode(path.read_bytes(), path.name)
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    cut = picture[top : top + side, left : left + side]
    return np.ascontiguousarray(cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


@lru_cache
def scene(name: str, degradation: Degradation, severity: float = 0.4) -> tuple[Picture, Picture]:
    """An input and its good target."""
    gt = photograph(name)
    return degrade(gt, degradation, seed=5, severity=severity).lq, gt

"""Small restorers that change what they see, and what their results are compared by."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ggt_hf.restoration.network import OneStepRestorer
from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline


def tiny_network(change: float = 0.02, seed: int = 0) -> OneStepRestorer:
    """A network of 13,000 numbers; every one of them moved by about `change`, if not 0."""
    # Threads that wait for each other on a busy machine are many times slower than one.
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = OneStepRestorer((8, 8, 12, 12), (1, 1, 1, 1), 16).eval()
    with torch.no_grad():
        for weights in network.parameters():
            weights += change * torch.randn_like(weights)
    return network


def tiny_pipeline(change: float = 0.02, seed: int = 0) -> OneStepRestorationPipeline:
    pipeline = OneStepRestorationPipeline(tiny_network(change, seed))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def chart(width: int, height: int) -> NDArray[np.uint8]:
    """A resolution chart: rings whose lines grow finer outwards, RGB (H, W, 3)."""
    y, x = np.mgrid[:height, :width]
    radius = np.hypot(x - width / 2, y - height / 2)
    rings = 127.5 + 100 * np.cos(radius**2 / 60) * (radius < 60)
    return np.repeat(rings.astype(np.uint8)[..., None], 3, axis=2)


def shift_of(moved: NDArray[np.uint8], still: NDArray[np.uint8]) -> tuple[float, float]:
    """By how many pixels `moved` lies right of and below `still`: the peak of their correlation."""
    first, second = (p.astype(float).mean(2) - p.mean() for p in (moved, still))
    product = np.fft.fft2(first) * np.conj(np.fft.fft2(second))
    found = np.fft.fftshift(np.fft.ifft2(product).real)
    row, column = np.unravel_index(found.argmax(), found.shape)
    across = _peak(found[row, column - 1 : column + 2]) + column - found.shape[1] // 2
    down = _peak(found[row - 1 : row + 2, column]) + row - found.shape[0] // 2
    return float(across), float(down)


def _peak(three: NDArray[np.float64]) -> float:
    """Where a parabola through three neighbours has its top, from the middle one."""
    left, middle, right = three
    return float((left - right) / (2 * (left - 2 * middle + right)))

"""The Gaussian window of SSIM over planes, as shifted sums.

Strips of few rows stay in the processor's cache, where this is as fast as a compiled filter. Matrix
products would be faster on an idle machine, but their library starts threads of its own, and ten
times slower where other work runs beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RADIUS = 5
SIGMA = 1.5


def window() -> NDArray[np.float64]:
    """Return the eleven weights of one axis; their sum is 1."""
    places = np.arange(-RADIUS, RADIUS + 1)
    weights = np.exp(-(places**2) / (2 * SIGMA**2))
    made: NDArray[np.float64] = weights / weights.sum()
    return made


_HALF = window()[: RADIUS + 1].astype(np.float32)
"""The weights from the edge to the middle; the window is symmetric."""


def blurred(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return planes ``(N, H, W)``, ``float32``, blurred where the window fits: ``RADIUS`` less on
    each side.
    """
    height, width = planes.shape[1] - 2 * RADIUS, planes.shape[2] - 2 * RADIUS
    down = _summed([planes[:, i : i + height] for i in range(2 * RADIUS + 1)])
    return _summed([down[:, :, i : i + width] for i in range(2 * RADIUS + 1)])


def _summed(shifted: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the sum of eleven shifted views, each times its weight."""
    made: NDArray[np.float32] = shifted[RADIUS] * _HALF[RADIUS]
    both = np.empty_like(made)
    for i in range(RADIUS):
        np.add(shifted[i], shifted[-1 - i], out=both)
        np.multiply(both, _HALF[i], out=both)
        np.add(made, both, out=made)
    return made

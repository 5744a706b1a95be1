"""The transfer curve of sRGB (IEC 61966-2-1), both ways, in double precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def srgb_to_linear(srgb: Values) -> Values:
    """Return linear light, 0 to 1, of sRGB values, 0 to 1, of any shape."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: Values) -> Values:
    """Return sRGB values, 0 to 1, of linear light, 0 to 1, of any shape."""
    curved = 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055  # no power of what is below 0
    return np.where(linear <= 0.0031308, linear * 12.92, curved)

"""What two pictures are compared by: brightness, and local contrast, which knows no light."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""RGB, ``uint8``, ``(H, W, 3)``."""

Plane = NDArray[np.float32]
"""One channel, ``float32``, ``(H, W)``."""

_BORDER = cv2.BORDER_REFLECT_101
_CONTRAST_FLOOR = 1.5
"""Grey levels of local contrast under which a place counts as flat, so noise is not blown up."""


def luminance(picture: Picture) -> Plane:
    """Return the luma of Rec. 601 in grey levels, 0 to 255."""
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)


def blurred(plane: Plane, sigma: float) -> Plane:
    """Return `plane` under a Gaussian of `sigma` pixels."""
    return cast("Plane", cv2.GaussianBlur(plane, (0, 0), sigma, borderType=_BORDER))


def local_contrast(plane: Plane, *, fine: float, coarse: float) -> Plane:
    """Return what stands out from its surroundings, divided by how much stands out there.

    Haze, darkness and a curve of tones change brightness and contrast slowly over a picture;
    this plane hardly knows of them.

    Args:
        plane: grey levels, 0 to 255.
        fine: sigma in pixels under which detail (noise, grain, compression) is dropped.
        coarse: sigma in pixels over which brightness and contrast are taken as constant.

    Returns:
        Mean about 0, standard deviation about 1 where there is structure, 0 where it is flat.
    """
    band = blurred(plane, fine) - blurred(plane, coarse)
    spread = np.sqrt(np.maximum(blurred(band * band, coarse), 0.0))
    return cast("Plane", band / (spread + np.float32(_CONTRAST_FLOOR)))


def reduced(plane: Plane, factor: float) -> Plane:
    """Return `plane` with sides `factor` times as short, averaged; itself where 1 or less."""
    if factor <= 1:
        return plane
    height, width = plane.shape
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    return cast("Plane", cv2.resize(plane, size, interpolation=cv2.INTER_AREA))

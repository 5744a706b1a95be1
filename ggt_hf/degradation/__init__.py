"""The degradation simulator: a clean photograph in, a seeded low-quality version of it out.

A category is a *recipe*: a list of steps, each one effect with drawn parameters. Drawing and
rendering are apart, so `Degraded.settings` holds everything that `render` needs to make the same
picture again. The effects themselves are pure functions, one file a physical model.

Simulated pairs teach less than pairs from real photographs: they are the baseline those are
mixed with, and say ``origin: synthetic`` wherever they go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import MissingExtraError
from ggt_hf.records import Degradation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REVISION = "1"
"""Raised whenever the same seed would draw or render another picture."""

MIN_SIDE = 32
"""The shortest side that the effects are made for, in pixels."""

LABELS = (
    "rain_streaks",
    "lens_drops",
    "haze",
    "snow_flakes",
    "darkness",
    "color_cast",
    "fading",
    "surface_damage",
    "vignette",
    "blur",
    "low_resolution",
    "noise",
    "compression",
)
"""What a severity is given for; several effects may share a label."""

__all__ = ["LABELS", "MIN_SIDE", "REVISION", "Degraded", "degrade", "render"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Degraded:
    """A simulated low-quality picture, and how it came to be."""

    lq: NDArray[np.uint8]
    """RGB, ``(H, W, 3)``, the size of the ground truth and aligned with it."""
    jpeg: bytes
    """`lq` as the file it would be found as: decoding it gives exactly `lq`."""
    settings: dict[str, Any]
    """Category, severity and every drawn parameter; JSON holds it, `render` takes it."""
    labels: dict[str, float]
    """Each of `LABELS` -> severity in [0, 1]; 0 = not there."""


def degrade(
    gt: NDArray[np.uint8],
    degradation: Degradation,
    *,
    seed: int,
    severity: float | None = None,
) -> Degraded:
    """Degrade a photograph: the same picture, category, seed and severity give the same bytes.

    With one seed, a higher severity makes a stronger version of the same weather or damage.

    Args:
        gt: RGB, ``uint8``, ``(H, W, 3)``, each side at least `MIN_SIDE`.
        degradation: the category; each also carries a light tail of mixed degradations.
        seed: any integer >= 0.
        severity: from 0 (barely there) to 1 (strong); drawn from the seed where ``None``.

    Raises:
        UsageError: an argument of another kind than said.
        MissingExtraError: OpenCV is not installed.
    """
    _require_opencv()
    from ggt_hf.degradation.simulation import draw_settings

    return render(gt, draw_settings(degradation, seed=seed, severity=severity), seed=seed)


def render(gt: NDArray[np.uint8], settings: Mapping[str, Any], *, seed: int) -> Degraded:
    """Make a picture again from the `settings` and the seed that it was made with.

    Raises:
        UsageError: `gt` is no RGB picture, or `settings` is not of this simulator.
        MissingExtraError: OpenCV is not installed.
    """
    _require_opencv()
    from ggt_hf.degradation.simulation import run

    return run(gt, settings, seed=seed)


def _require_opencv() -> None:
    try:
        import cv2  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(
            "opencv-python-headless", "simulate", "The degradation simulator"
        ) from error

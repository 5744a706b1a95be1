"""What a metric must do before its scores are believed.

Our own must give known answers. Every metric must leave its input as it is, give the same score
whatever it scored before, and rank a planted fault below the picture that it was planted in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from ggt_hf.errors import ModelError
from ggt_hf.metrics.table import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Score = Callable[["NDArray[np.uint8]", "NDArray[np.uint8]"], float]
"""Scores (picture, reference)."""

KNOWN = {
    "psnr": 31.549361,
    "psnr_y": 33.524765,
    "ssim": 0.992740,
    "ssim_y": 0.990351,
    "piqe": 81.099299,
}
"""Scores of `patterns`, by scikit-image 0.26 in double precision, and PIQE by pyiqa 0.1.16."""

_TOLERANCE = 1e-4
_SIDE = 192


def refuse_unsound(metric: Metric, score: Score) -> None:
    """Try a metric on small scenes.

    Raises:
        ModelError: it does what a metric must not do; says what.
    """
    sharp, soft, ruined = scenes()
    given = sharp.copy(), soft.copy()
    first = score(given[1], given[0])
    if (given[0] != sharp).any() or (given[1] != soft).any():
        raise _unsound(metric, "it changes the picture that it is given")
    worse = score(ruined, sharp)
    again = score(soft, sharp)
    if again != first:
        raise _unsound(metric, f"the same picture scored {first!r}, then {again!r}")
    if (worse >= first) == metric.higher_is_better:
        raise _unsound(metric, f"it scores a ruined picture {worse:.4g}, a soft one {first:.4g}")
    known = KNOWN.get(metric.name)
    if known is not None and abs((said := score(*patterns())) - known) > _TOLERANCE:
        raise _unsound(metric, f"the known answer is {known}, it says {said:.6f}")


@cache
def patterns() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return two pictures that no decoder takes part in: RGB, ``(67, 131, 3)``."""
    import numpy as np

    down, across, channel = np.meshgrid(*map(np.arange, (67, 131, 3)), indexing="ij")
    reference = (down * down + 3 * across + 40 * channel) % 256
    picture = reference + (down * across + channel) % 23 - 11
    return np.clip(picture, 0, 255).astype(np.uint8), reference.astype(np.uint8)


@cache
def scenes() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a photograph's detail, a soft copy of it and a ruined one: RGB, ``(192, 192, 3)``."""
    import numpy as np

    from ggt_hf import sample
    from ggt_hf.images import decode

    path = sample.ROOT / "pairs/train/mixed/gt/mixed-astronaut.jpg"
    sharp = np.ascontiguousarray(decode(path.read_bytes(), path.name)[:_SIDE, :_SIDE])
    return sharp, _coarser(sharp, 2), _coarser(sharp, 12)


def _coarser(picture: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Return a picture in squares of `factor` pixels, each of its mean colour."""
    import numpy as np

    small = picture.reshape(_SIDE // factor, factor, _SIDE // factor, factor, 3).mean((1, 3))
    wide: NDArray[np.uint8] = np.repeat(np.repeat(small, factor, 0), factor, 1).astype(np.uint8)
    return wide


def _unsound(metric: Metric, cause: str) -> ModelError:
    return ModelError(
        f"{metric.title} is not to be trusted here: {cause}.",
        hint="Check its version and weights; other versions of torch or pyiqa may mend it.",
    )

"""Scores of one picture in several metrics, and the fingerprint that belongs to them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import UsageError
from ggt_hf.metrics.fidelity import Fidelity
from ggt_hf.metrics.perceptual import PerceptualMetric, version
from ggt_hf.metrics.piqe import piqe
from ggt_hf.metrics.selftest import refuse_unsound
from ggt_hf.metrics.table import Metric, metrics_named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEFINITION = 1
"""Version of our own metrics: raised whenever a score of theirs changes."""


class Scorer:
    """Several metrics, loaded and tested; scores never depend on earlier or other pictures.

    Args:
        names: the metrics.
        device: where pyiqa's compute; a GPU where there is one, unless given.

    Raises:
        UsageError: a name is no metric's.
        MissingExtraError: pyiqa is not installed, and a metric is its.
        ReadError: weights are missing.
        IntegrityError: weights are not the published ones.
        ModelError: a metric cannot be loaded, or fails its test.
    """

    def __init__(self, names: Iterable[str], *, device: str | None = None) -> None:
        self.metrics = metrics_named(names)
        self._device = device
        self._loaded = {
            row.name: PerceptualMetric(row, self._where) for row in self.metrics if row.pyiqa
        }
        for row in self.metrics:
            refuse_unsound(row, partial(self._one, row))

    @property
    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """Metric -> what its scores depend on, besides the pictures: code, weights, size rule."""
        return {row.name: self._fingerprint(row) for row in self.metrics}

    def score(
        self, picture: NDArray[np.uint8], reference: NDArray[np.uint8] | None = None
    ) -> dict[str, float]:
        """Score a picture.

        Args:
            picture: RGB, ``uint8``, ``(H, W, 3)``; stays as it is.
            reference: the ground truth, of the same size; ``None``: metrics that need it are
                left out.

        Returns:
            Metric -> score, in the order of the metrics.

        Raises:
            UsageError: the sizes differ, or are too small for a metric.
            ModelError: a metric fails on this picture.
        """
        pair = None if reference is None else Fidelity(picture, reference)
        scores = {}
        for row in self.metrics:
            if row.needs_reference and pair is None:
                continue
            scores[row.name] = self._one(row, picture, reference, pair)
        return scores

    def _one(
        self,
        row: Metric,
        picture: NDArray[np.uint8],
        reference: NDArray[np.uint8] | None,
        pair: Fidelity | None = None,
    ) -> float:
        if min(picture.shape[:2]) < row.smallest:
            raise UsageError(
                f"{row.title} needs pictures of at least {row.smallest} pixels a side, this one "
                f"has {picture.shape[1]}x{picture.shape[0]}.",
                hint="Leave the metric out, or the picture.",
            )
        if row.pyiqa is None and not row.needs_reference:
            return piqe(picture)
        if row.pyiqa is None:
            if pair is None and reference is not None:
                pair = Fidelity(picture, reference)
            value: float = getattr(pair, row.name)()
            return value
        cut = reference if reference is None else cropped(reference, row.multiple)
        return self._loaded[row.name].score(cropped(picture, row.multiple), cut)

    @cached_property
    def _where(self) -> str:
        import torch

        return self._device or ("cuda" if torch.cuda.is_available() else "cpu")

    def _fingerprint(self, row: Metric) -> dict[str, Any]:
        size = f"cropped to multiples of {row.multiple}" if row.multiple > 1 else "whole"
        if row.pyiqa is None:
            return {"code": f"ggt_hf.metrics {DEFINITION}", "weights": {}, "size": size}
        return {
            "code": version(),
            "weights": self._loaded[row.name].weights,
            "size": size,
            "device": self._where.partition(":")[0],
        }


def cropped(picture: NDArray[np.uint8], multiple: int) -> NDArray[np.uint8]:
    """Return the top left of a picture, its sides the largest multiples of `multiple`."""
    height, width = (side - side % multiple for side in picture.shape[:2])
    return picture[:height, :width]

"""What is asked of features while the tower learns, and of which features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ggt_hf.degradation import LABELS
from ggt_hf.records import DEGRADATIONS
from scripts.embedded_vlm.pictures import Batch

PARTS = [len(DEGRADATIONS), len(LABELS), len(LABELS)]
"""An answer: logits of the category, of each effect's presence, and of its severity."""


class Reader(nn.Module):
    """Heads that answer from the features of views, each view by itself and all together.

    Three answers a picture are three lessons: those of single views are coarse but come at once,
    and without them convolutions take many times longer to learn.

    Args:
        features: takes views, float (N, 3, S, S), and returns tokens (N, T, width).
        width: channels of a token.
    """

    def __init__(self, features: nn.Module, width: int) -> None:
        super().__init__()
        self.features = features
        self.whole, self.detail, self.all = _head(3 * width), _head(3 * width), _head(6 * width)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Take float (B, V, 3, S, S), the whole picture first.

        Returns:
            The answers of the whole (B, A), of each detail (B, V - 1, A) and of all views (B, A).
        """
        views = pixels.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        tokens = self.features(views)
        pooled = torch.cat([tokens.mean(1), tokens.amax(1), tokens.std(1)], dim=1)
        pooled = pooled.unflatten(0, pixels.shape[:2])
        whole, details = pooled[:, 0], pooled[:, 1:]
        together = torch.cat([whole, details.mean(1)], dim=1)
        return [self.whole(whole), self.detail(details), self.all(together)]


def _head(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(width, 256), nn.GELU(), nn.Dropout(0.1), nn.Linear(256, sum(PARTS))
    )


def categories(said: Tensor) -> Tensor:
    """Return the logits of the categories (..., 6) of an answer."""
    return said[..., : len(DEGRADATIONS)]


def loss_of(said: Tensor, batch: Batch) -> Tensor:
    """Return how wrong answers are: cross-entropies of category, presence and severity.

    Args:
        said: (B, A), or (B, N, A) where N parts of a picture answer by themselves.
        batch: what was shown.
    """
    parts = said.float().reshape(len(said), -1, sum(PARTS))
    kinds, presence, severity = parts.split(PARTS, dim=2)
    category = batch.category[:, None].expand(kinds.shape[:2])
    there = batch.there[:, None].expand(presence.shape)
    effects = batch.effects[:, None].expand(severity.shape)
    return (
        functional.cross_entropy(kinds.flatten(0, 1), category.flatten(), label_smoothing=0.05)
        + functional.binary_cross_entropy_with_logits(presence, there)
        + functional.binary_cross_entropy_with_logits(severity, effects)
    )

"""Before the first half: the tower's convolutions alone, on single views.

Streaks, flakes, grain and blocks are textures; to tell them apart takes no attention. The four
convolutions are a small part of the tower's work, and each view is a lesson of its own, so they
learn these on their own many times faster than inside the whole tower.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ggt_hf.degradation import LABELS
from ggt_hf.records import DEGRADATIONS
from scripts.embedded_vlm.tower import Classifier, Sample, batches, present, right, samples

LOG = logging.getLogger(__name__)

PEAK_RATE = 2e-3
BATCH = 24


class Textures(nn.Module):
    """The convolutions of a tower, pooled over one view, with heads of their own."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.convolutions = classifier.tower.patch_embeddings
        width = classifier.tower.config.hidden_sizes[0]
        self.heads = nn.Sequential(
            nn.Linear(3 * width, 128),
            nn.GELU(),
            nn.Linear(128, len(DEGRADATIONS) + len(LABELS)),
        )

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Take float (N, 3, S, S); return logits of category (N, 6) and presence (N, L)."""
        tokens = functional.hardswish(self.convolutions(views).float())
        pooled = torch.cat([tokens.mean(1), tokens.amax(1), tokens.std(1)], dim=1)
        category, presence = self.heads(pooled).split([len(DEGRADATIONS), len(LABELS)], dim=1)
        return category, presence


def with_trained_stem(training: Path, checkpoint: Path, *, pictures: int, seed: int) -> Classifier:
    """Return a new classifier whose convolutions have been taught; done once, then read back."""
    torch.manual_seed(seed)
    classifier = Classifier()
    if checkpoint.exists():
        classifier.load_state_dict(torch.load(checkpoint, weights_only=True))
        return classifier
    _train(Textures(classifier).train(), samples(training), pictures, seed)
    partial = checkpoint.with_suffix(".partial")
    torch.save(classifier.state_dict(), partial)
    partial.replace(checkpoint)
    return classifier


def _train(model: Textures, found: list[Sample], pictures: int, seed: int) -> None:
    """Show the views of `pictures` pictures; the learning rate falls over the second half."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.05, fused=True)
    seen = epoch = 0
    while seen < pictures:
        hits = total = 0
        for pixels, category, effects in batches(
            found, BATCH, np.random.default_rng([seed, epoch])
        ):
            for group in optimiser.param_groups:
                group["lr"] = PEAK_RATE * min(1.0, 2 * max(0.0, 1 - seen / pictures))
            views, count = pixels.flatten(0, 1), pixels.shape[1]
            expected = category.repeat_interleave(count)
            there = (effects >= 0.08).float().repeat_interleave(count, dim=0)
            with torch.autocast("cpu", torch.bfloat16):
                said, presence = model(views)
            loss = right(said, expected) + present(presence, there)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            hits += int((said.argmax(1) == expected).sum())
            total += len(expected)
            seen += len(category)
            if seen >= pictures:
                break
        epoch += 1
        LOG.info("stem: %d pictures seen, category of a view %.3f", seen, hits / total)

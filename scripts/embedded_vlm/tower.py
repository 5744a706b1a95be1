"""First half of the training: the vision tower, as a classifier with one head a question.

The tower is a LeViT: four strided convolutions see noise, JPEG blocks and thin streaks that one
large linear patch would have to guess, and attention follows on few tokens. Heads and pooling are
thrown away afterwards; the language model reads the tokens.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from transformers import LevitConfig, LevitModel

from ggt_hf.degradation import LABELS
from ggt_hf.records import DEGRADATIONS
from ggt_hf.vlm.views import DETAIL_SIDE

WIDTH = 256
"""Channels of the tower's tokens."""

DETAILS_SHOWN = 2
PEAK_RATE = 1.5e-3
LOG = logging.getLogger(__name__)


def tower_config() -> LevitConfig:
    """Return the tower: 128 px in, 2 x 2 tokens of `WIDTH` out, 2.7 M parameters."""
    return LevitConfig(
        image_size=DETAIL_SIDE,
        hidden_sizes=[128, 192, WIDTH],
        num_attention_heads=[4, 6, 8],
        key_dim=[16, 16, 16],
        depths=[1, 2, 2],
        output_hidden_states=True,
        hidden_size=WIDTH,
    )


class Classifier(nn.Module):
    """The tower with a head for the category and one for the severity of each effect."""

    def __init__(self) -> None:
        super().__init__()
        self.tower = LevitModel(tower_config())
        self.trunk = nn.Sequential(nn.Linear(4 * WIDTH, 256), nn.GELU(), nn.Dropout(0.2))
        self.category = nn.Linear(256, len(DEGRADATIONS))
        self.presence = nn.Linear(256, len(LABELS))
        self.severity = nn.Linear(256, len(LABELS))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take float (B, V, 3, S, S), the whole picture first; return logits (B, 6), (B, L) x 2."""
        tokens = self.tower(pixels.flatten(0, 1)).last_hidden_state.float()
        tokens = tokens.unflatten(0, pixels.shape[:2])
        whole, details = tokens[:, 0], tokens[:, 1:].flatten(1, 2)
        pooled = [whole.mean(1), whole.amax(1), details.mean(1), details.amax(1)]
        hidden = self.trunk(torch.cat(pooled, dim=1))
        return self.category(hidden), self.presence(hidden), self.severity(hidden)


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of the training set on the disk."""

    views: Path
    category: int
    effects: np.ndarray
    """Severities of LABELS, float32 (L,)."""


def samples(folder: Path) -> list[Sample]:
    """Read the labels of every finished picture."""
    found = []
    for views in sorted(folder.glob("*.npy")):
        record = json.loads(views.with_suffix(".json").read_text())
        effects = np.array([record["effects"].get(name, 0.0) for name in LABELS], np.float32)
        found.append(Sample(views, DEGRADATIONS.index(record["category"]), effects))
    return found


def shown_views(views: np.ndarray, details: int, rng: np.random.Generator) -> np.ndarray:
    """Return the whole picture shrunk and drawn cuts of drawn details, uint8 (V, S, S, 3)."""
    side = DETAIL_SIDE
    whole = Image.fromarray(views[0]).resize((side, side), Image.Resampling.BICUBIC)
    shown = [np.asarray(whole)]
    for index in 1 + rng.permutation(len(views) - 1)[:details]:
        top, left = rng.integers(views.shape[1] - side + 1, size=2)
        shown.append(views[index, top : top + side, left : left + side])
    return np.stack(shown)


def normalised(views: np.ndarray) -> Tensor:
    """Turn uint8 (..., S, S, 3) into what the image processor gives: float (..., 3, S, S)."""
    return torch.from_numpy(views).movedim(-1, -3).float().div(127.5).sub(1)


def batches(
    found: list[Sample], size: int, rng: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield (pixels (B, V, 3, S, S), category (B,), effects (B, L)), shuffled and mirrored."""
    order = rng.permutation(len(found))
    for start in range(0, len(order) - size + 1, size):
        chosen = [found[i] for i in order[start : start + size]]
        pixels = []
        for sample in chosen:
            views = np.load(sample.views)
            shown = shown_views(views, DETAILS_SHOWN, rng)
            pixels.append(shown[:, :, ::-1] if rng.random() < 0.5 else shown)
        yield (
            normalised(np.stack(pixels)),
            torch.tensor([sample.category for sample in chosen]),
            torch.from_numpy(np.stack([sample.effects for sample in chosen])),
        )


def loss_of(outputs: tuple[Tensor, Tensor, Tensor], category: Tensor, effects: Tensor) -> Tensor:
    """Cross-entropy of the category, of presence, and the error of severity where present."""
    said, presence, severity = outputs
    there = (effects >= 0.08).float()
    wrong = (severity.sigmoid() - effects).abs() * there
    return (
        functional.cross_entropy(said, category, label_smoothing=0.05)
        + functional.binary_cross_entropy_with_logits(presence, there)
        + 2 * wrong.sum() / there.sum().clamp(min=1)
    )


def train_tower(
    training: Path, checkpoint: Path, *, minutes: float, seed: int, batch: int = 24
) -> Classifier:
    """Train for about so many minutes of wall clock, counted over every run; resumes.

    The learning rate follows the time spent, so a busy machine only makes fewer steps.
    """
    torch.manual_seed(seed)
    model = Classifier().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.05)
    epoch, spent = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        epoch, spent = state["epoch"], state["spent"]
    while spent < 60 * minutes:
        began = time.monotonic()
        found = samples(training)
        rng = np.random.default_rng([seed, epoch])
        right = total = 0
        running = 0.0
        model.train()
        for pixels, category, effects in batches(found, batch, rng):
            elapsed = (spent + time.monotonic() - began) / (60 * minutes)
            rate = (
                PEAK_RATE
                * min(1.0, elapsed * 40 + 0.05)
                * (0.5 + 0.5 * math.cos(math.pi * min(1, elapsed)))
            )
            for group in optimiser.param_groups:
                group["lr"] = max(rate, 1e-6)
            with torch.autocast("cpu", torch.bfloat16):
                outputs = model(pixels)
            outputs = tuple(part.float() for part in outputs)
            loss = loss_of(outputs, category, effects)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            right += int((outputs[0].argmax(1) == category).sum())
            total += len(category)
            running += float(loss.detach()) * len(category)
            if elapsed >= 1:
                break
        epoch, spent = epoch + 1, spent + time.monotonic() - began
        LOG.info(
            "epoch %d: %d pictures, %.0f s spent, loss %.3f, category %.3f",
            epoch,
            total,
            spent,
            running / max(total, 1),
            right / max(total, 1),
        )
        partial = checkpoint.with_suffix(".partial")
        torch.save(
            {
                "model": model.state_dict(),
                "optimiser": optimiser.state_dict(),
                "epoch": epoch,
                "spent": spent,
            },
            partial,
        )
        partial.replace(checkpoint)
    return model.eval()

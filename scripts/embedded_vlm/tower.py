"""First half of the training: the vision tower, as a classifier with one head a question.

The tower is a LeViT: four strided convolutions see noise, JPEG blocks and thin streaks that one
large linear patch would have to guess, and attention follows on few tokens. Heads and pooling are
thrown away afterwards; the language model reads the tokens.
"""

from __future__ import annotations

import json
import logging
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
PEAK_RATE = 7e-4
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """Logits of a batch."""

    category: Tensor
    """(B, 6)"""
    presence: Tensor
    """(B, L), of LABELS."""
    severity: Tensor
    """(B, L); its sigmoid is the severity."""
    local: Tensor
    """(B, V * T, 6 + L): category and presence by each token alone."""


class Classifier(nn.Module):
    """The tower with heads for the category, and for presence and severity of each effect.

    Rain, snow and haze lie over the whole picture, so that every token can be asked for them alone
    (`local`): twelve lessons from one picture, which is what makes training on a CPU possible.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tower = LevitModel(tower_config())
        self.trunk = nn.Sequential(nn.Linear(4 * WIDTH, 256), nn.GELU(), nn.Dropout(0.2))
        self.category = nn.Linear(256, len(DEGRADATIONS))
        self.presence = nn.Linear(256, len(LABELS))
        self.severity = nn.Linear(256, len(LABELS))
        self.local = nn.Linear(WIDTH, len(DEGRADATIONS) + len(LABELS))

    def forward(self, pixels: Tensor) -> Said:
        """Take float (B, V, 3, S, S), the whole picture first."""
        tokens = self.tower(pixels.flatten(0, 1)).last_hidden_state.float()
        tokens = tokens.unflatten(0, pixels.shape[:2])
        whole, details = tokens[:, 0], tokens[:, 1:].flatten(1, 2)
        pooled = [whole.mean(1), whole.amax(1), details.mean(1), details.amax(1)]
        hidden = self.trunk(torch.cat(pooled, dim=1))
        return Said(
            category=self.category(hidden),
            presence=self.presence(hidden),
            severity=self.severity(hidden),
            local=self.local(tokens.flatten(1, 2)),
        )


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


def loss_of(said: Said, category: Tensor, effects: Tensor) -> Tensor:
    """Cross-entropy of category and presence, and the error of severity where present."""
    there = (effects >= 0.08).float()
    wrong = (said.severity.float().sigmoid() - effects).abs() * there
    return (
        right(said.category, category)
        + present(said.presence, there)
        + 2 * wrong.sum() / there.sum().clamp(min=1)
        + _local_loss(said.local, category, there)
    )


def _local_loss(local: Tensor, category: Tensor, there: Tensor) -> Tensor:
    tokens = local.shape[1]
    kinds, effects = local.flatten(0, 1).split([len(DEGRADATIONS), len(LABELS)], dim=1)
    return right(kinds, category.repeat_interleave(tokens)) + present(
        effects, there.repeat_interleave(tokens, dim=0)
    )


def right(logits: Tensor, category: Tensor) -> Tensor:
    """Return how far the logits (N, 6) are from the categories (N,)."""
    return functional.cross_entropy(logits.float(), category, label_smoothing=0.05)


def present(logits: Tensor, there: Tensor) -> Tensor:
    """Return how far the logits (N, L) are from the effects that are there, 0 or 1 (N, L)."""
    return functional.binary_cross_entropy_with_logits(logits.float(), there)


@dataclass(kw_only=True)
class Run:
    """Where a training stands; all of it is in the checkpoint."""

    model: Classifier
    average: Classifier
    """Running mean of the weights, which is what is kept: it is good at any moment."""
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    seen: int = 0
    """Pictures shown so far."""

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        partial = path.with_suffix(".partial")
        torch.save(
            {
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "epoch": self.epoch,
                "seen": self.seen,
            },
            partial,
        )
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.seen = state["epoch"], state["seen"]


def train_tower(
    model: Classifier,
    training: Path,
    checkpoint: Path,
    *,
    pictures: int,
    seed: int,
    batch: int = 24,
) -> Classifier:
    """Show the tower `pictures` pictures, and return the mean of its weights; resumes.

    The learning rate depends on the pictures seen alone, so a busy machine changes nothing.
    """
    torch.manual_seed(seed)
    average = Classifier()
    average.load_state_dict(model.state_dict())
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.05, fused=True)
    run = Run(model=model, average=average.eval(), optimiser=optimiser)
    if checkpoint.exists():
        run.load(checkpoint)
    while run.seen < pictures:
        _epoch(run, samples(training), pictures, seed, batch)
        run.save(checkpoint)
    return run.average


def trained(checkpoint: Path) -> Classifier:
    """Return the mean of the weights as a checkpoint holds it."""
    model = Classifier()
    model.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    return model.eval()


def _epoch(run: Run, found: list[Sample], pictures: int, seed: int, batch: int) -> None:
    """Show every picture once, or until `pictures` are seen in all."""
    rng = np.random.default_rng([seed, run.epoch])
    right = total = 0
    running = 0.0
    began = time.monotonic()
    run.model.train()
    for pixels, category, effects in batches(found, batch, rng):
        for group in run.optimiser.param_groups:
            group["lr"] = learning_rate(run.seen, pictures)
        with torch.autocast("cpu", torch.bfloat16):
            said = run.model(pixels)
        loss = loss_of(said, category, effects)
        run.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
        run.optimiser.step()
        _follow(run.average, run.model, 0.99)
        right += int((said.category.argmax(1) == category).sum())
        running += float(loss.detach()) * len(category)
        total += len(category)
        run.seen += len(category)
        if run.seen >= pictures:
            break
    run.epoch += 1
    LOG.info(
        "epoch %d: %d pictures seen, %.0f s, loss %.3f, category %.3f",
        *(run.epoch, run.seen, time.monotonic() - began, running / total, right / total),
    )


def learning_rate(seen: int, pictures: int) -> float:
    """Rise over 2,000 pictures, stay, and fall in a straight line over the last third."""
    return PEAK_RATE * min(1.0, (seen + 100) / 2000, max(0.0, 1 - seen / pictures) * 3)


@torch.no_grad()
def _follow(average: Classifier, model: Classifier, share: float) -> None:
    """Move the running mean of weights and batch statistics towards the model."""
    for slow, fast in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1 - share)
        else:
            slow.copy_(fast)

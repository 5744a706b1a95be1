"""The loop that trains convolutions and tower: killed at any moment, it goes on where it was."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from scripts.embedded_vlm.heads import categories, loss_of
from scripts.embedded_vlm.pictures import Batch, Sample, batches, samples

LOG = logging.getLogger(__name__)

SAVED_EVERY = 5000
"""Pictures between two checkpoints."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """How a model is trained."""

    pictures: int
    """How many are shown in all."""
    batch: int
    details: int
    """How many details of each picture are shown."""
    rate: float
    """The highest learning rate."""
    seed: int
    cut: int = 0
    """Side of the squares that are shown of the views; 0 = all of them."""

    def rate_after(self, seen: int) -> float:
        """Rise over 2,000 pictures, and fall along a cosine.

        The rate depends on the pictures seen alone, so a busy machine changes nothing.
        """
        fall = 0.5 + 0.5 * np.cos(np.pi * min(1.0, seen / self.pictures))
        return float(self.rate * min(1.0, (seen + 200) / 2000) * fall)


@dataclass(kw_only=True)
class Run:
    """Where a training stands; all of it is in the checkpoint."""

    model: nn.Module
    """Answers pictures by a list of logits, each as `loss_of` takes it; the last one counts."""
    optimiser: torch.optim.Optimizer
    seen: int = 0
    """Pictures shown so far."""

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        partial = path.with_suffix(".partial")
        optimiser = self.optimiser.state_dict()
        torch.save(
            {"model": self.model.state_dict(), "optimiser": optimiser, "seen": self.seen}, partial
        )
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.seen = state["seen"]


def train(model: nn.Module, training: Path, checkpoint: Path, course: Course) -> None:
    """Show the model pictures until it has seen its course; resumes from the checkpoint.

    Args:
        model: see `Run.model`.
        training: the folder of simulated pictures, which may grow meanwhile.
        checkpoint: where the state is kept.
        course: how.
    """
    torch.manual_seed(course.seed)
    learned = [weights for weights in model.parameters() if weights.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=course.rate, weight_decay=0.05, fused=True)
    run = Run(model=model, optimiser=optimiser)
    if checkpoint.exists():
        run.load(checkpoint)
    while run.seen < course.pictures:
        shown, watched = samples(training)
        loss = _stretch(run, shown, course)
        run.save(checkpoint)
        right = accuracy(model, watched, course)
        LOG.info(
            "%d pictures seen, %.0f s computed: loss %.3f, category of those watched %.3f",
            *(run.seen, time.process_time(), loss, right),
        )


def _stretch(run: Run, found: list[Sample], course: Course) -> float:
    """Show some pictures, and return the mean loss."""
    rng = np.random.default_rng([course.seed, run.seen])
    start, losses = run.seen, []
    shuffled = [found[i] for i in rng.permutation(len(found))]
    for batch in batches(shuffled, course.batch, rng, details=course.details, cut=course.cut):
        for group in run.optimiser.param_groups:
            group["lr"] = course.rate_after(run.seen)
        losses.append(_step(run, batch))
        run.seen += len(batch.category)
        if run.seen >= min(course.pictures, start + SAVED_EVERY):
            break
    return float(np.mean(losses))


def _step(run: Run, batch: Batch) -> float:
    run.model.train()
    with torch.autocast("cpu", torch.bfloat16):
        said = run.model(batch.pixels)
    loss: Tensor = sum((loss_of(answer, batch) for answer in said), torch.zeros(()))
    run.optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(run.model.parameters(), 2.0)
    run.optimiser.step()
    return float(loss.detach())


@torch.no_grad()
def accuracy(model: nn.Module, found: list[Sample], course: Course) -> float:
    """Return how often the category is right, in [0, 1]."""
    model.eval()
    hits = 0
    for batch in batches(found, course.batch, np.random.default_rng(0), details=course.details):
        with torch.autocast("cpu", torch.bfloat16):
            said = categories(model(batch.pixels)[-1])
        hits += int((said.argmax(1) == batch.category).sum())
    return hits / max(1, len(found))

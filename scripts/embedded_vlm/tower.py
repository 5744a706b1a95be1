"""First half of the training: the vision tower, as a classifier.

The tower is a LeViT: four strided convolutions see noise, JPEG blocks and thin streaks that one
large linear patch would have to guess, and attention follows on few tokens. The convolutions are
taught first and alone: to tell streaks, flakes, grain and blocks apart takes no attention, and
they learn it many times faster so. Heads are thrown away afterwards; the language model reads the
tower's tokens.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LevitConfig, LevitModel

from ggt_hf.vlm.views import DETAIL_SIDE
from scripts.embedded_vlm.heads import Reader
from scripts.embedded_vlm.pictures import Batch
from scripts.embedded_vlm.training import Course, train

WIDTH = 256
"""Channels of the tower's tokens."""

ROWS = 4
"""Rows and columns of the tower's tokens of one view."""

CUT = 192
"""Side of the cut of each view that the convolutions learn from: they take any size."""


def tower_config() -> LevitConfig:
    """Return the tower: 224 px in, 4 x 4 tokens of `WIDTH` out, 2.3 M parameters."""
    return LevitConfig(
        image_size=DETAIL_SIDE,
        hidden_sizes=[128, 192, WIDTH],
        num_attention_heads=[4, 6, 8],
        key_dim=[16, 16, 16],
        depths=[1, 1, 1],
        output_hidden_states=True,
        hidden_size=WIDTH,
    )


def new_tower(seed: int) -> LevitModel:
    """Return a tower that knows nothing."""
    torch.manual_seed(seed)
    return LevitModel(tower_config())


class Stem(nn.Module):
    """The convolutions of a tower alone."""

    def __init__(self, tower: LevitModel) -> None:
        super().__init__()
        self.convolutions = tower.patch_embeddings

    def forward(self, views: Tensor) -> Tensor:
        """Take float (N, 3, S, S), S any; return tokens (N, T, C)."""
        return functional.hardswish(self.convolutions(views))


class Tokens(nn.Module):
    """The whole tower, whose convolutions stay as they were taught."""

    def __init__(self, tower: LevitModel) -> None:
        super().__init__()
        self.tower = tower
        self.tower.patch_embeddings.requires_grad_(False)

    def forward(self, views: Tensor) -> Tensor:
        """Take float (N, 3, 224, 224); return tokens (N, 16, WIDTH)."""
        return self.tower(views).last_hidden_state


def train_stem(
    tower: LevitModel, training: Path, checkpoint: Path, *, pictures: int, seed: int
) -> None:
    """Teach the tower's convolutions to tell textures apart; resumes."""
    course = Course(pictures=pictures, batch=32, details=2, rate=2e-3, seed=seed, prepare=_cut)
    train(Reader(Stem(tower), tower.config.hidden_sizes[0]), training, checkpoint, course)


def train_tower(
    tower: LevitModel, training: Path, checkpoint: Path, *, pictures: int, seed: int
) -> None:
    """Teach the rest of the tower to gather what its convolutions see; resumes."""
    course = Course(pictures=pictures, batch=32, details=1, rate=1.5e-3, seed=seed)
    train(Reader(Tokens(tower), WIDTH), training, checkpoint, course)


def trained_tower(checkpoint: Path) -> LevitModel:
    """Return the tower as `train_tower` left it, to look at pictures."""
    tower = LevitModel(tower_config())
    reader = Reader(Tokens(tower), WIDTH)
    reader.load_state_dict(torch.load(checkpoint, weights_only=True)["model"])
    return tower.eval()


def _cut(batch: Batch) -> Batch:
    """Cut the same place out of all views of a batch; now and then upside down."""
    slack = batch.pixels.shape[-1] - CUT
    top, left = torch.randint(slack + 1, (2,)).tolist()
    cut = batch.pixels[..., top : top + CUT, left : left + CUT]
    return batch._replace(pixels=cut.flip(-2) if torch.rand(()) < 0.3 else cut)

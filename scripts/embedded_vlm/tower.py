"""First half of the training: the vision tower, whose convolutions learn to tell textures apart.

The tower is a LeViT: four strided convolutions see noise, JPEG blocks and thin streaks that one
large linear patch would have to guess. To tell streaks, flakes, grain and blocks apart takes no
attention, and convolutions learn it by themselves many times faster than inside a whole tower. So
only they are taught, as a classifier whose heads are thrown away afterwards; the attention layers
behind them are set to a weighted mean over neighbourhoods, and the language model reads that.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LevitConfig, LevitModel, LlavaForConditionalGeneration

from ggt_hf.vlm.views import DETAIL_SIDE
from scripts.embedded_vlm.heads import Reader
from scripts.embedded_vlm.training import Course, train

STEM_WIDTH = 128
"""Channels of the convolutions' activations."""

WIDTH = 2 * STEM_WIDTH
"""Channels of the tower's tokens: each activation's mean, and its mean where it is strong."""

GROUP = 4
"""Activations that are strong together, or not: an attention head looks for so many at once."""

SHARPNESS = 2.0
"""How much more the strong count than the weak: e to the power of this, for each unit."""

REACH = 3
"""How far the strong are looked for, in steps of 16 pixels."""

OUT_OF_SIGHT = -1000.0
"""Attention bias of what lies beyond; half precision holds it."""

KEYS = 2
"""Length of the attention's keys; it makes heads of eight values."""

ROWS = 4
"""Rows and columns of the tower's tokens of one view."""

CUT = 192
"""Side of the cut of each view that the convolutions learn from: they take any size."""


def tower_config() -> LevitConfig:
    """Return the tower: 224 px in, 4 x 4 tokens of `WIDTH` out."""
    return LevitConfig(
        image_size=DETAIL_SIDE,
        hidden_sizes=[STEM_WIDTH, WIDTH, WIDTH],
        num_attention_heads=[1, 1, 1],
        key_dim=[KEYS, KEYS, KEYS],
        depths=[1, 0, 0],
        output_hidden_states=True,
        hidden_size=WIDTH,
    )


class Stem(nn.Module):
    """The convolutions of a tower alone.

    Args:
        tower: whose convolutions they are.
        learned: the first two stay as they are; they see edges and dots, and cost the most.
    """

    def __init__(self, tower: LevitModel, *, learned: bool = False) -> None:
        super().__init__()
        self.convolutions = tower.patch_embeddings
        first = (self.convolutions.embedding_layer_1, self.convolutions.embedding_layer_2)
        self._kept = first if learned else ()
        for layer in self._kept:
            layer.requires_grad_(False)

    def train(self, mode: bool = True) -> Stem:
        """Switch to training, or out of it; what is kept keeps its statistics too."""
        super().train(mode)
        for layer in self._kept:
            layer.eval()
        return self

    def forward(self, views: Tensor) -> Tensor:
        """Take float (N, 3, S, S), S any; return activations (N, T, C)."""
        return functional.hardswish(self.convolutions(views))


def train_tower(
    training: Path, checkpoint: Path, *, pictures: int, seed: int, start: Path | None = None
) -> None:
    """Teach a tower's convolutions to tell textures apart; resumes.

    Args:
        training: the folder of simulated pictures.
        checkpoint: where the state is kept.
        pictures: how many are shown in all.
        seed: of everything drawn.
        start: a saved model whose convolutions are taught further; without it they start anew.
    """
    torch.manual_seed(seed)
    tower = LevitModel(tower_config())
    if start:
        made = LlavaForConditionalGeneration.from_pretrained(start, dtype=torch.float32)
        tower.load_state_dict(made.model.vision_tower.state_dict())
    course = Course(pictures=pictures, batch=32, details=2, rate=2e-3, seed=seed, cut=CUT)
    train(Reader(Stem(tower, learned=start is not None), STEM_WIDTH), training, checkpoint, course)


def trained_tower(checkpoint: Path) -> LevitModel:
    """Return the tower with the convolutions that `train_tower` taught, to look at pictures."""
    tower = LevitModel(tower_config())
    reader = Reader(Stem(tower), STEM_WIDTH)
    reader.load_state_dict(torch.load(checkpoint, weights_only=True)["model"])
    gather(tower)
    return tower.eval()


@torch.no_grad()
def gather(tower: LevitModel) -> None:
    """Set the layers behind the convolutions: an activation, then means over neighbourhoods.

    The first halving also takes means that lean to where activations are strong: sparse streaks
    and flakes would drown in a plain mean. With hs for hardswish, ``hs(x) - hs(-x) = x``: by that
    a layer with a hardswish in its middle passes on what comes in, or applies that and no more.
    """
    for module in tower.encoder.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.zero_()
            module.running_var.fill_(1 - module.eps)
    attention, activation, halving, after = tower.encoder.stages[0].layers
    halving_again, after_again = tower.encoder.stages[1].layers
    for silent in (
        attention.module.projection,
        *(a.module.linear_down for a in (after, after_again)),
    ):
        silent.linear.weight.zero_()
    same = torch.eye(STEM_WIDTH)
    activation.module.linear_up.linear.weight.copy_(torch.cat([same, -same]))
    # x + hs(-x) = hs(x)
    activation.module.linear_down.linear.weight.copy_(torch.cat([0 * same, same], dim=1))
    _set_values(halving, [*range(STEM_WIDTH), *range(STEM_WIDTH)])
    _set_values(halving_again, [*range(WIDTH)])
    strong = halving.num_attention_heads // 2
    _look_near(halving, slice(0, strong), reach=1, fall=math.log(2))
    _look_near(halving, slice(strong, None), reach=REACH, fall=0.0)
    _look_near(halving_again, slice(None), reach=1, fall=math.log(2))
    _prefer_strong(halving, strong)


def _set_values(layer: Any, channels: list[int]) -> None:
    """Let output number i of an attention be its mean of the input channel ``channels[i]``."""
    layer.queries.linear.weight.zero_()
    width = layer.queries.linear.in_features
    weights = layer.keys_values.linear.weight.zero_().view(layer.num_attention_heads, -1, width)
    values = weights[:, layer.key_dim :]
    projection = layer.projection.linear.weight.zero_()
    for output, channel in enumerate(channels):
        for place, sign in ((2 * output, 1.0), (2 * output + 1, -1.0)):
            values[place // values.shape[1], place % values.shape[1], channel] = sign
            projection[output, place] = sign


def _look_near(layer: Any, heads: slice, *, reach: int, fall: float) -> None:
    """Let heads see only what is within `reach`, each step counting less by e to the `fall`."""
    new = layer.resolution_out
    old = math.isqrt(layer.len_points)
    away = (2 * torch.arange(new)[:, None] - torch.arange(old)).abs()
    rows, columns = away[:, None, :, None], away[None, :, None, :]
    bias = -fall * (rows + columns) + torch.where(
        torch.maximum(rows, columns) > reach, OUT_OF_SIGHT, 0.0
    )
    layer.attention_biases[heads, layer.attention_bias_idxs.flatten()] = bias.flatten()


def _prefer_strong(layer: Any, first: int) -> None:
    """Let the heads from `first` on attend to where the activations of their group are strong."""
    heads, keys = layer.num_attention_heads, layer.key_dim
    weights = layer.keys_values.linear.weight.view(heads, -1, STEM_WIDTH)
    for head in range(first, heads):
        group = GROUP * (head - first)
        weights[head, 0, group : group + GROUP] = SHARPNESS
    layer.queries.batch_norm.bias.view(heads, keys)[first:, 0] = 1 / layer.scale


def gathered(tower: LevitModel, views: Tensor) -> Tensor:
    """Return the tokens of a tower that `gather` has set: ``tower(views)``, four times as fast.

    Its attention is a mean under fixed or nearly fixed weights; two products say the same.
    """
    stem = functional.hardswish(tower.patch_embeddings(views)).float()
    old = math.isqrt(stem.shape[1])
    new = (old + 1) // 2
    strength = SHARPNESS * stem.unflatten(2, (-1, GROUP)).sum(3)
    weights = (strength - strength.amax(1, keepdim=True)).exp().repeat_interleave(GROUP, 2)
    near = _means(new, old, 1, 0.5)
    reach = _means(new, old, REACH, 1.0)
    strong = (reach @ (weights * stem)) / (reach @ weights)
    return _means(ROWS, new, 1, 0.5) @ torch.cat([near @ stem, strong], dim=2)


def _means(new: int, old: int, reach: int, fall: float) -> Tensor:
    """Return the weights (new^2, old^2) of means within `reach` of every second place."""
    away = (2 * torch.arange(new)[:, None] - torch.arange(old)).abs()
    row = torch.where(away <= reach, fall**away, 0.0)
    row /= row.sum(dim=1, keepdim=True)
    return torch.kron(row, row)

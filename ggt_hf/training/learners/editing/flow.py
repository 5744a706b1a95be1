"""Flow matching: the network learns the velocity along straight lines from the truth to noise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ggt_hf.training.learners.editing.learner import EditingLearner

Grid = tuple[int, int]
"""Rows and columns of a picture's tokens; the networks take 2 x 2 latents as one."""

_LEVELS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What the network is shown of a batch of inputs."""

    latents: Tensor
    """The inputs, as the network takes them."""
    grid: Grid
    """Their tokens."""
    words: dict[str, Any]
    """The network's arguments that come from the prompt."""


class FlowLearner(EditingLearner):
    """A family that is trained by flow matching; each shows the input to its network in its way.

    The levels of noise that are trained are those that a restoring call visits: most often those
    in the middle, shifted as the pipeline's scheduler shifts them for a picture of this size.
    """

    @abstractmethod
    def decode(self, latents: Tensor, grid: Grid) -> Tensor:
        """Return latents as pictures in [-1, 1], ``(B, 3, H, W)``."""

    @abstractmethod
    def velocity(self, noisy: Tensor, level: Tensor, seen: Seen) -> Tensor:
        """Return what the network holds for the velocity, in the shape of `noisy`.

        Args:
            noisy: latents between truth and noise.
            level: of noise, in [0, 1], ``(B,)``.
            seen: the inputs.
        """

    def forward(self, lq: Tensor, gt: Tensor, keys: Sequence[str]) -> Tensor:
        """Return the mean squared error of the velocity, at one level of noise for each pair."""
        with torch.no_grad():
            seen, clean = self.see(lq), self.encode(self._shown(gt)).float()
            levels = self._trained_levels(seen.grid).to(clean.device)
            start = self.start(seen, torch.randn_like(clean), float(levels[0]))
        place = torch.sigmoid(torch.randn(len(clean), device=clean.device))
        level = levels[(place * len(levels)).long().clamp(max=len(levels) - 1)]
        velocity = (start - clean) / levels[0]
        noisy = clean + level.view(-1, *[1] * (clean.ndim - 1)) * velocity
        return F.mse_loss(self._velocity(noisy, level, seen), velocity)

    @torch.no_grad()
    def restore(self, lq: Tensor, seed: int) -> Tensor:
        """Return restored pictures: Euler's steps from noise, without classifier-free guidance."""
        seen = self.see(lq)
        levels = self._levels(self._inference_steps, seen.grid).tolist()
        noise = torch.randn(seen.latents.shape, generator=torch.Generator().manual_seed(seed))
        latents = self.start(seen, noise.to(lq.device), levels[0])
        for level, below in pairwise([*levels, 0.0]):
            filled = torch.full((len(lq),), level, device=lq.device)
            latents = latents + (below - level) * self._velocity(latents, filled, seen)
        made = self.decode(latents.to(self._dtype), seen.grid)
        return (made.float() / 2 + 0.5).clamp(0, 1)

    def see(self, lq: Tensor) -> Seen:
        """Return what the network is shown of inputs: RGB in [0, 1], ``(B, 3, H, W)``."""
        height, width = lq.shape[-2:]
        grid = height // self.multiple, width // self.multiple
        return Seen(latents=self.encode(self._shown(lq)), grid=grid, words=self.read(lq))

    def read(self, lq: Tensor) -> dict[str, Any]:
        """Return what the network is given of the prompt, for a batch of inputs in [0, 1]."""
        return repeated(self._words, len(lq))

    def start(self, seen: Seen, noise: Tensor, top: float) -> Tensor:
        """Return latents at the level `top`, where a restoring call begins: pure noise."""
        return noise

    def first(self, steps: int) -> int:
        """Return which of the `steps` levels from pure noise downwards a restoring call begins
        with.
        """
        return 0

    def shift(self, grid: Grid, steps: int) -> float:
        """Return what shifts the levels, for so many tokens and steps of a restoring call."""
        from diffusers.pipelines.flux.pipeline_flux import calculate_shift

        given = self.pipeline.scheduler.config
        tokens = given.get("base_image_seq_len", 256), given.get("max_image_seq_len", 4096)
        shifts = given.get("base_shift", 0.5), given.get("max_shift", 1.15)
        return float(calculate_shift(grid[0] * grid[1], *tokens, *shifts))

    def _velocity(self, noisy: Tensor, level: Tensor, seen: Seen) -> Tensor:
        return self.velocity(noisy.to(self._dtype), level.to(self._dtype), seen).float()

    def _trained_levels(self, grid: Grid) -> Tensor:
        """Return levels from the one where a restoring call begins, downwards."""
        steps = int(self.call["num_inference_steps"])
        top = self._levels(steps, grid)[0]
        levels = self._schedule(_LEVELS, self.shift(grid, steps))
        return torch.cat([top[None], levels[levels < top]])

    def _levels(self, steps: int, grid: Grid) -> Tensor:
        """Return the levels that a restoring call of `steps` steps visits."""
        return self._schedule(steps, self.shift(grid, steps))[self.first(steps) :]

    def _schedule(self, count: int, shift: float) -> Tensor:
        """Return `count` levels from pure noise downwards, as the pipeline's scheduler has them."""
        scheduler = self.pipeline.scheduler
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / count, count), mu=shift)
        levels: Tensor = scheduler.sigmas[:-1]
        return levels


def repeated(words: dict[str, Any], count: int) -> dict[str, Any]:
    """Return a batch of `count` of what the network is given of one prompt."""
    return {
        name: one.expand(count, *one.shape[1:]) if isinstance(one, Tensor) else one
        for name, one in words.items()
    }

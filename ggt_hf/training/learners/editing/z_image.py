"""Z-Image: a model of words alone, which restores by noising the input and denoising it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ggt_hf.training.learners.editing.flow import FlowLearner, Grid, Seen


class ZImageLearner(FlowLearner):
    """A LoRA of Z-Image. Its network is never shown the input; a restoring call begins with the
    input, noised as far as the call's strength says. So the lines that it learns go from there to
    the truth: at the level where restoring begins stands the noised input, at none the truth.
    """

    def encode_prompt(self) -> dict[str, Any]:
        """Return the prompt's tokens, without padding."""
        words, _ = self.pipeline.encode_prompt(
            self._prompt,
            device=self._device,
            do_classifier_free_guidance=False,
            **self._recipe.encoding,
        )
        return {"words": words[0][None]}

    def encode(self, picture: Tensor) -> Tensor:
        """Return latents, ``(B, C, h, w)``."""
        vae = self.pipeline.vae
        latents = vae.encode(picture).latent_dist.mode()
        scaled: Tensor = (latents - vae.config.shift_factor) * vae.config.scaling_factor
        return scaled

    def decode(self, latents: Tensor, grid: Grid) -> Tensor:
        """Return pictures of latents."""
        vae = self.pipeline.vae
        given = latents / vae.config.scaling_factor + vae.config.shift_factor
        made: Tensor = vae.decode(given, return_dict=False)[0]
        return made

    def velocity(self, noisy: Tensor, level: Tensor, seen: Seen) -> Tensor:
        """Return the velocity; to this network, time and velocity run the other way."""
        pictures, words = list(noisy[:, :, None]), list(seen.words["words"])
        made = self.network(pictures, 1 - level, words, return_dict=False)[0]
        return -torch.stack(list(made))[:, :, 0]

    def start(self, seen: Seen, noise: Tensor, top: float) -> Tensor:
        """Return the input, noised up to the level `top`."""
        return (1 - top) * seen.latents.float() + top * noise

    def first(self, steps: int) -> int:
        """Return the level that the strength of the restoring call begins with."""
        return int(max(steps - steps * float(self.call["strength"]), 0))

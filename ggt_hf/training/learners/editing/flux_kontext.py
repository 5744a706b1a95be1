"""FLUX.1 Kontext: the input as tokens behind those that are denoised, on a plane of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ggt_hf.training.learners.editing.flow import FlowLearner, Grid, Seen


class FluxKontextLearner(FlowLearner):
    """A LoRA of FLUX.1 Kontext. The network was distilled to take guidance as a number; it is
    trained with the one that restoring gives it.
    """

    encoders = ("text_encoder", "text_encoder_2")

    def encode_prompt(self) -> dict[str, Any]:
        """Return the prompt's tokens (T5) and its summary (CLIP)."""
        words, pooled, ids = self.pipeline.encode_prompt(
            self._prompt, None, device=self._device, **self._recipe.encoding
        )
        return {"encoder_hidden_states": words, "pooled_projections": pooled, "txt_ids": ids[None]}

    def read(self, lq: Tensor) -> dict[str, Any]:
        """Return the prompt for a batch, which has one set of positions."""
        return super().read(lq) | {"txt_ids": self._words["txt_ids"][0]}

    def encode(self, picture: Tensor) -> Tensor:
        """Return tokens, ``(B, N, 4C)``."""
        latents = self.pipeline._encode_vae_image(picture, None)
        tokens: Tensor = self.pipeline._pack_latents(latents, *latents.shape)
        return tokens

    def decode(self, latents: Tensor, grid: Grid) -> Tensor:
        """Return pictures of tokens."""
        pipeline = self.pipeline
        height, width = (side * self.multiple for side in grid)
        unpacked = pipeline._unpack_latents(latents, height, width, pipeline.vae_scale_factor)
        config = pipeline.vae.config
        made: Tensor = pipeline.vae.decode(
            unpacked / config.scaling_factor + config.shift_factor, return_dict=False
        )[0]
        return made

    def velocity(self, noisy: Tensor, level: Tensor, seen: Seen) -> Tensor:
        """Return the velocity; tokens of the input differ in the first of their coordinates."""
        own = self.pipeline._prepare_latent_image_ids(
            len(noisy), *seen.grid, noisy.device, noisy.dtype
        )
        given = own.clone()
        given[:, 0] = 1
        guidance = None
        if self.network.config.guidance_embeds:
            guidance = torch.full_like(level, self.call["guidance_scale"], dtype=torch.float32)
        made: Tensor = self.network(
            torch.cat([noisy, seen.latents], 1),
            timestep=level,
            guidance=guidance,
            img_ids=torch.cat([own, given]),
            return_dict=False,
            **seen.words,
        )[0]
        return made[:, : noisy.shape[1]]

"""FLUX.2 and FLUX.2 Klein: the input as tokens behind those that are denoised, later in time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ggt_hf.training.learners.editing.flow import FlowLearner, Grid, Seen


class Flux2Learner(FlowLearner):
    """A LoRA of FLUX.2 or FLUX.2 Klein. FLUX.2 was distilled to take guidance as a number; it is
    trained with the one that restoring gives it. Klein takes none.
    """

    # In the single-stream blocks, one layer makes queries, keys, values and more.
    targets = ("to_q", "to_k", "to_v", "to_out.0", "to_qkv_mlp_proj")

    def encode_prompt(self) -> dict[str, Any]:
        """Return the prompt's tokens and their positions."""
        words, ids = self.pipeline.encode_prompt(
            self._prompt, device=self._device, **self._recipe.encoding
        )
        return {"encoder_hidden_states": words, "txt_ids": ids}

    def encode(self, picture: Tensor) -> Tensor:
        """Return tokens, ``(B, N, 4C)``."""
        tokens: Tensor = self.pipeline._pack_latents(self.pipeline._encode_vae_image(picture, None))
        return tokens

    def decode(self, latents: Tensor, grid: Grid) -> Tensor:
        """Return pictures of tokens."""
        vae = self.pipeline.vae
        cells = latents.transpose(1, 2).unflatten(2, grid)
        mean = vae.bn.running_mean.view(1, -1, 1, 1).to(cells)
        spread = (vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps).sqrt()
        unpatched = self.pipeline._unpatchify_latents(cells * spread.to(cells) + mean)
        made: Tensor = vae.decode(unpatched, return_dict=False)[0]
        return made

    def velocity(self, noisy: Tensor, level: Tensor, seen: Seen) -> Tensor:
        """Return the velocity; tokens of the input have a time of their own."""
        blank = noisy.new_empty(1, 1, *seen.grid)
        ids = [self.pipeline._prepare_latent_ids(blank), self.pipeline._prepare_image_ids([blank])]
        guidance = None
        if self.network.config.guidance_embeds:
            guidance = torch.full_like(level, self.call["guidance_scale"], dtype=torch.float32)
        made: Tensor = self.network(
            torch.cat([noisy, seen.latents], 1),
            timestep=level,
            guidance=guidance,
            img_ids=torch.cat(ids, 1).expand(len(noisy), -1, -1).to(noisy.device),
            return_dict=False,
            **seen.words,
        )[0]
        return made[:, : noisy.shape[1]]

    def shift(self, grid: Grid, steps: int) -> float:
        """Return what shifts the levels, by this family's own rule."""
        from diffusers.pipelines.flux2.pipeline_flux2 import compute_empirical_mu

        return float(compute_empirical_mu(image_seq_len=grid[0] * grid[1], num_steps=steps))

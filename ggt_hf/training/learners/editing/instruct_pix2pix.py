"""InstructPix2Pix: a UNet that is shown the input in four more channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import diffusers
import torch
import torch.nn.functional as F
from torch import Tensor

from ggt_hf.training.learners.editing.flow import repeated
from ggt_hf.training.learners.editing.learner import EditingLearner


class InstructPix2PixLearner(EditingLearner):
    """A LoRA of InstructPix2Pix, trained to predict what its scheduler asks for: the noise, the
    velocity, or the truth.

    Now and then the prompt, the input or both are hidden: restoring calls are guided by both, and
    guidance compares with what the network says without them.
    """

    part = "unet"

    @property
    def multiple(self) -> int:
        """What the sides of pictures must be multiples of: so often does the UNet halve them."""
        halvings = len(self.network.config.block_out_channels) - 1
        return int(self.pipeline.vae_scale_factor << halvings)

    def encode_prompt(self) -> dict[str, Any]:
        """Return the prompt's tokens, and those of no prompt."""
        return {"prompt": self._read(self._prompt), "nothing": self._read("")}

    def _read(self, prompt: str) -> Tensor:
        words: Tensor = self.pipeline._encode_prompt(prompt, self._device, 1, False)
        return words

    def encode(self, picture: Tensor) -> Tensor:
        """Return latents, ``(B, C, h, w)``, unscaled, as the UNet is shown the input."""
        latents: Tensor = self.pipeline.vae.encode(picture).latent_dist.mode()
        return latents

    def forward(self, lq: Tensor, gt: Tensor, keys: Sequence[str]) -> Tensor:
        """Return the mean squared error of what the scheduler asks for, at one time a pair."""
        scheduler = self._scheduler("DDPMScheduler")
        with torch.no_grad():
            seen, clean = self.encode(self._shown(lq)), self.encode(self._shown(gt)).float()
        clean = clean * self.pipeline.vae.config.scaling_factor
        noise = torch.randn_like(clean)
        steps = scheduler.config.num_train_timesteps
        time = torch.randint(steps, (len(clean),), device=clean.device)
        wanted = {
            "epsilon": noise,
            "v_prediction": scheduler.get_velocity(clean, noise, time),
            "sample": clean,
        }[scheduler.config.prediction_type]
        words, seen = self._hidden(seen)
        noisy = scheduler.add_noise(clean, noise, time)
        return F.mse_loss(self._predicted(noisy, seen, time, words), wanted)

    def _hidden(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Return prompts and inputs; of the recipe's share of pairs the prompt is hidden, of as
        many the input, and of as many both.
        """
        share = self._recipe.hide
        drawn = torch.rand(len(seen), device=seen.device)
        words = repeated(self._words, len(seen))
        no_words = (drawn < 2 * share).view(-1, 1, 1)
        no_input = ((drawn >= share) & (drawn < 3 * share)).view(-1, 1, 1, 1)
        return (
            torch.where(no_words, words["nothing"], words["prompt"]),
            torch.where(no_input, torch.zeros_like(seen), seen),
        )

    def _predicted(self, noisy: Tensor, seen: Tensor, time: Tensor, words: Tensor) -> Tensor:
        given = torch.cat([noisy.to(self._dtype), seen], 1)
        made: Tensor = self.network(given, time, words, return_dict=False)[0]
        return made.float()

    def _scheduler(self, name: str, **options: Any) -> Any:
        """Return a scheduler of diffusers with the noise and the prediction of the pipeline's."""
        return getattr(diffusers, name).from_config(self.pipeline.scheduler.config, **options)

    @torch.no_grad()
    def restore(self, lq: Tensor, seed: int) -> Tensor:
        """Return restored pictures: DDIM's steps from noise, without guidance."""
        scheduler = self._scheduler("DDIMScheduler", clip_sample=False)
        scheduler.set_timesteps(self._inference_steps, device=lq.device)
        seen = self.encode(self._shown(lq))
        words = repeated(self._words, len(lq))["prompt"]
        generator = torch.Generator().manual_seed(seed)
        latents = torch.randn(seen.shape, generator=generator).to(lq.device)
        for time in scheduler.timesteps:
            made = self._predicted(latents, seen, time, words)
            latents = scheduler.step(made, time, latents, return_dict=False)[0]
        vae = self.pipeline.vae
        scaled = (latents / vae.config.scaling_factor).to(self._dtype)
        decoded: Tensor = vae.decode(scaled, return_dict=False)[0]
        return (decoded.float() / 2 + 0.5).clamp(0, 1)

"""Qwen-Image-Edit and -Plus: the input as tokens, and seen by the prompt's encoder as well."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus
from torch import Tensor

from ggt_hf.training.learners.editing.flow import FlowLearner, Grid, Seen


class QwenImageEditLearner(FlowLearner):
    """A LoRA of Qwen-Image-Edit. A vision-language model reads the prompt with the input before
    its eyes, so it stays loaded, and reads every crop.
    """

    encoder_sees: ClassVar[bool] = True

    def encode_prompt(self) -> dict[str, Any]:
        """Return nothing: there is no prompt without a picture."""
        return {}

    def read(self, lq: Tensor) -> dict[str, Any]:
        """Return the prompt's tokens, read before each of the inputs."""
        tokens = [self._read(one) for one in lq]
        return {"encoder_hidden_states": torch.cat(tokens), "encoder_hidden_states_mask": None}

    def _read(self, lq: Tensor) -> Tensor:
        # All crops have one size and one prompt, so that no token is padding.
        words: Tensor = self.pipeline.encode_prompt(
            self._prompt, image=self._looked_at(lq), device=self._device, **self._recipe.encoding
        )[0]
        return words

    def _looked_at(self, lq: Tensor) -> Any:
        """Return one input as the pipeline shows it to the prompt's encoder."""
        return self.pipeline.image_processor.numpy_to_pil(
            lq.float().permute(1, 2, 0).cpu().numpy()
        )[0]

    def encode(self, picture: Tensor) -> Tensor:
        """Return tokens, ``(B, N, 4C)``; to the VAE, a picture is a film of one frame."""
        latents = self.pipeline._encode_vae_image(picture[:, :, None], None)
        batch, channels, _, height, width = latents.shape
        tokens: Tensor = self.pipeline._pack_latents(latents, batch, channels, height, width)
        return tokens

    def decode(self, latents: Tensor, grid: Grid) -> Tensor:
        """Return pictures of tokens."""
        pipeline, config = self.pipeline, self.pipeline.vae.config
        height, width = (side * self.multiple for side in grid)
        frames = pipeline._unpack_latents(latents, height, width, pipeline.vae_scale_factor)
        mean, spread = (
            torch.tensor(numbers).view(1, -1, 1, 1, 1).to(frames)
            for numbers in (config.latents_mean, config.latents_std)
        )
        made: Tensor = pipeline.vae.decode(frames * spread + mean, return_dict=False)[0][:, :, 0]
        return made

    def velocity(self, noisy: Tensor, level: Tensor, seen: Seen) -> Tensor:
        """Return the velocity; the network is told how many tokens each picture has."""
        made: Tensor = self.network(
            torch.cat([noisy, seen.latents], 1),
            timestep=level,
            img_shapes=[[(1, *seen.grid), (1, *seen.grid)]] * len(noisy),
            return_dict=False,
            **seen.words,
        )[0]
        return made[:, : noisy.shape[1]]


class QwenImageEditPlusLearner(QwenImageEditLearner):
    """A LoRA of Qwen-Image-Edit-Plus (2509 and later), whose encoder sees the input reduced."""

    def _looked_at(self, lq: Tensor) -> Any:
        plus: Any = pipeline_qwenimage_edit_plus
        ratio = lq.shape[-1] / lq.shape[-2]
        width, height = plus.calculate_dimensions(plus.CONDITION_IMAGE_SIZE, ratio)
        return [self.pipeline.image_processor.resize(super()._looked_at(lq), height, width)]

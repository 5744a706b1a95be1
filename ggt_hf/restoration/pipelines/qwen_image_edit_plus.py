"""QwenImageEditPlusRestorationPipeline: Qwen-Image-Edit-Plus (2509, 2511) as a restorer."""

from __future__ import annotations

from diffusers import QwenImageEditPlusPipeline
from torch import Tensor

from ggt_hf.restoration.pipelines.editing import EditingRestorer


class QwenImageEditPlusRestorationPipeline(EditingRestorer, QwenImageEditPlusPipeline):
    """Restores pictures with Qwen-Image-Edit-Plus; works on one megapixel of any ratio.

    Examples:
        >>> pipeline = QwenImageEditPlusRestorationPipeline.from_pretrained(
        ...     "Qwen/Qwen-Image-Edit-2511"
        ... )
        >>> restored = pipeline(Image.open("photo.jpg")).images[0]
    """

    family = "QwenImageEditPlusPipeline"
    noise_cell = 8

    def as_latents(self, noise: Tensor) -> Tensor:
        """Return noise in the packed form of this family."""
        packed: Tensor = self._pack_latents(noise, *noise.shape)
        return packed

"""QwenImageEditRestorationPipeline: Qwen-Image-Edit as a restorer."""

from __future__ import annotations

from diffusers import QwenImageEditPipeline
from torch import Tensor

from ggt_hf.restoration.pipelines.editing import EditingRestorer


class QwenImageEditRestorationPipeline(EditingRestorer, QwenImageEditPipeline):
    """Restores pictures with Qwen-Image-Edit; works on one megapixel of any aspect ratio.

    Examples:
        >>> pipeline = QwenImageEditRestorationPipeline.from_pretrained(
        ...     "Qwen/Qwen-Image-Edit"
        ... )
        >>> restored = pipeline(Image.open("photo.jpg")).images[0]
    """

    family = "QwenImageEditPipeline"
    noise_cell = 8

    def as_latents(self, noise: Tensor) -> Tensor:
        """Return noise in the packed form of this family."""
        packed: Tensor = self._pack_latents(noise, *noise.shape)
        return packed

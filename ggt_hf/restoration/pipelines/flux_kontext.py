"""FluxKontextRestorationPipeline: FLUX.1 Kontext as a restorer."""

from __future__ import annotations

from diffusers import FluxKontextPipeline
from torch import Tensor

from ggt_hf.restoration.pipelines.editing import EditingRestorer


class FluxKontextRestorationPipeline(EditingRestorer, FluxKontextPipeline):
    """Restores pictures with FLUX.1 Kontext; works on one megapixel, in sizes of its own.

    Examples:
        >>> pipeline = FluxKontextRestorationPipeline.from_pretrained(
        ...     "black-forest-labs/FLUX.1-Kontext-dev"
        ... )
        >>> restored = pipeline(Image.open("photo.jpg")).images[0]
    """

    family = "FluxKontextPipeline"
    noise_cell = 8

    def as_latents(self, noise: Tensor) -> Tensor:
        """Return noise in the packed form of this family."""
        packed: Tensor = self._pack_latents(noise, *noise.shape)
        return packed

"""Flux2RestorationPipeline: FLUX.2 as a restorer."""

from __future__ import annotations

from diffusers import Flux2Pipeline

from ggt_hf.restoration.pipelines.editing import EditingRestorer


class Flux2RestorationPipeline(EditingRestorer, Flux2Pipeline):
    """Restores pictures with FLUX.2; takes any multiple of 16 up to one megapixel.

    Examples:
        >>> pipeline = Flux2RestorationPipeline.from_pretrained(
        ...     "black-forest-labs/FLUX.2-dev"
        ... )
        >>> restored = pipeline(Image.open("photo.jpg")).images[0]
    """

    family = "Flux2Pipeline"
    noise_cell = 16

    @property
    def noise_channels(self) -> int:
        """This family's latents hold 2 x 2 cells as channels."""
        return int(self.transformer.config.in_channels)

"""Flux2KleinRestorationPipeline: FLUX.2 Klein as a restorer."""

from __future__ import annotations

from diffusers import Flux2KleinPipeline

from ggt_hf.restoration.pipelines.editing import EditingRestorer


class Flux2KleinRestorationPipeline(EditingRestorer, Flux2KleinPipeline):
    """Restores pictures with FLUX.2 Klein, in four steps; up to one megapixel at once.

    Examples:
        >>> pipeline = Flux2KleinRestorationPipeline.from_pretrained(
        ...     "black-forest-labs/FLUX.2-klein-4B"
        ... )
        >>> restored = pipeline(Image.open("photo.jpg")).images[0]
    """

    family = "Flux2KleinPipeline"
    noise_cell = 16

    @property
    def noise_channels(self) -> int:
        """This family's latents hold 2 x 2 cells as channels."""
        return int(self.transformer.config.in_channels)

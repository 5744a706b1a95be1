"""InstructPix2PixRestorationPipeline: InstructPix2Pix as a restorer."""

from __future__ import annotations

from diffusers import StableDiffusionInstructPix2PixPipeline

from ggt_hf.restoration.pipelines.editing import EditingRestorer


class InstructPix2PixRestorationPipeline(EditingRestorer, StableDiffusionInstructPix2PixPipeline):
    """Restores pictures with InstructPix2Pix; up to 768 x 768 pixels at once.

    Examples:
        >>> pipeline = InstructPix2PixRestorationPipeline.from_pretrained(
        ...     "timbrooks/instruct-pix2pix"
        ... )
        >>> restored = pipeline(Image.open("photo.jpg")).images[0]
    """

    family = "StableDiffusionInstructPix2PixPipeline"
    noise_cell = 8
    # CLIP reads 77 tokens, so the longer instruction of the others would be cut off.
    instruction = "Restore this photograph: make it clean and sharp, and keep everything in place."

    @property
    def noise_channels(self) -> int:
        """Channels of the VAE's latents."""
        return int(self.vae.config.latent_channels)

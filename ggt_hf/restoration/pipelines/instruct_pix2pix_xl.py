"""InstructPix2PixXLRestorationPipeline: InstructPix2Pix over SDXL as a restorer."""

from __future__ import annotations

from diffusers import StableDiffusionXLInstructPix2PixPipeline

from ggt_hf.restoration.pipelines.editing import EditingRestorer


class InstructPix2PixXLRestorationPipeline(
    EditingRestorer, StableDiffusionXLInstructPix2PixPipeline
):
    """Restores pictures with InstructPix2Pix over SDXL; up to one megapixel at once.

    Examples:
        >>> pipeline = InstructPix2PixXLRestorationPipeline.from_pretrained(
        ...     "diffusers/sdxl-instructpix2pix-768"
        ... )
        >>> restored = pipeline(Image.open("photo.jpg")).images[0]
    """

    family = "StableDiffusionXLInstructPix2PixPipeline"
    noise_cell = 8
    # CLIP reads 77 tokens, so the longer instruction of the others would be cut off.
    instruction = "Restore this photograph: make it clean and sharp, and keep everything in place."

    @property
    def noise_channels(self) -> int:
        """Channels of the VAE's latents."""
        return int(self.vae.config.latent_channels)

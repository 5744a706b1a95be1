"""ZImageRestorationPipeline: Z-Image as a restorer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from diffusers import ZImageImg2ImgPipeline

from ggt_hf.restoration.pipelines.editing import EditingRestorer


class ZImageRestorationPipeline(EditingRestorer, ZImageImg2ImgPipeline):
    """Restores pictures with Z-Image, by noising and denoising them.

    How far a picture is noised, from 0 to 1, is `noise_strength` here: `strength` is the share of
    the change, as in every restorer.

    Examples:
        >>> pipeline = ZImageRestorationPipeline.from_pretrained(
        ...     "Tongyi-MAI/Z-Image-Turbo"
        ... )
        >>> restored = pipeline(Image.open("photo.jpg"), noise_strength=0.4).images[0]
    """

    family = "ZImageImg2ImgPipeline"
    renamed: ClassVar[Mapping[str, str]] = {"noise_strength": "strength"}

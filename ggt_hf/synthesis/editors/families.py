"""How each family of diffusers pipelines is called: a table.

Values are those of the model cards and of the pipelines' own defaults; any can be overridden.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ggt_hf.synthesis.editors.grid import Buckets, FixedArea, Multiples, Size, SizeRule

ONE_MEGAPIXEL = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """One pipeline class: which sizes it takes, and what it is called with."""

    rule: SizeRule
    """The sizes on which its own resizing changes nothing."""
    call: Mapping[str, object] = field(default_factory=dict)
    """Arguments beside prompt, image, size and generator."""
    area_argument: str | None = None
    """Name of the argument that holds width x height, where it has one."""

    def arguments(
        self, call: Callable[..., object], fed: Size, settings: Mapping[str, object]
    ) -> dict[str, object]:
        """Return what `call` is given on a canvas of size `fed`, beside prompt, image, generator.

        Args:
            call: the pipeline's own.
            fed: width and height of the canvas.
            settings: arguments over those of the table.

        Raises:
            ValueError: the pipeline takes no argument of such a name.
        """
        taken = inspect.signature(call).parameters
        sides = {"width": fed[0], "height": fed[1]}
        given: dict[str, object] = {name: side for name, side in sides.items() if name in taken}
        given |= {**self.call, **settings}
        if self.area_argument:
            given[self.area_argument] = fed[0] * fed[1]
        if unknown := sorted(given.keys() - taken.keys()):
            names = ", ".join(name for name in taken if not name.startswith("_"))
            raise ValueError(f"takes no {', '.join(unknown)}; it takes {names}")
        return given


_KONTEXT_SIZES = (
    *((672, 1568), (688, 1504), (720, 1456), (752, 1392), (800, 1328), (832, 1248)),
    *((880, 1184), (944, 1104), (1024, 1024), (1104, 944), (1184, 880), (1248, 832)),
    *((1328, 800), (1392, 752), (1456, 720), (1504, 688), (1568, 672)),
)

_FLUX2 = Multiples(16, ONE_MEGAPIXEL, min_side=64, max_ratio=7.5)
"""It refuses sides below 64 and ratios above 8; rounding up must not lead there."""

FAMILIES: Mapping[str, Family] = {
    "QwenImageEditPipeline": Family(
        rule=FixedArea(ONE_MEGAPIXEL, 32),
        call={"true_cfg_scale": 4.0, "negative_prompt": " ", "num_inference_steps": 50},
    ),
    "QwenImageEditPlusPipeline": Family(
        rule=FixedArea(ONE_MEGAPIXEL, 32),
        call={"true_cfg_scale": 4.0, "negative_prompt": " ", "num_inference_steps": 40},
    ),
    "FluxKontextPipeline": Family(
        rule=Buckets(_KONTEXT_SIZES),
        call={"guidance_scale": 2.5, "num_inference_steps": 28, "_auto_resize": False},
        area_argument="max_area",
    ),
    "Flux2Pipeline": Family(rule=_FLUX2, call={"guidance_scale": 4.0, "num_inference_steps": 50}),
    "Flux2KleinPipeline": Family(
        rule=_FLUX2, call={"guidance_scale": 1.0, "num_inference_steps": 4}
    ),
    "ZImageImg2ImgPipeline": Family(
        rule=Multiples(16, ONE_MEGAPIXEL, min_side=64),
        call={"strength": 0.6, "guidance_scale": 0.0, "num_inference_steps": 9},
    ),
    "StableDiffusionInstructPix2PixPipeline": Family(
        rule=Multiples(8, 768 * 768, min_side=64),
        call={"image_guidance_scale": 1.5, "guidance_scale": 7.5, "num_inference_steps": 100},
    ),
    "StableDiffusionXLInstructPix2PixPipeline": Family(
        rule=Multiples(8, ONE_MEGAPIXEL, min_side=64),
        call={"image_guidance_scale": 1.5, "guidance_scale": 5.0, "num_inference_steps": 100},
    ),
}

EDITED_BY: Mapping[str, str] = {"ZImagePipeline": "ZImageImg2ImgPipeline"}
"""Pipelines that make pictures of words alone, and the class that edits with their weights."""

OTHER = Family(rule=Multiples(32, ONE_MEGAPIXEL))
"""A pipeline class that is not in the table, but takes a prompt and an image."""

"""OneStepRestorer: a small convolutional network that takes a picture back in one pass.

Three corrections follow each other, from coarse to fine:

1. tone: one colour transform for the whole picture, from its `context` (exposure, casts, fading);
2. light: a gain and an offset for each place, smooth over 8 pixels (haze, pools of light);
3. residual: what is left, pixel by pixel (noise, blur, streaks, flakes, scratches).

Each begins as the identity, so that an untrained network gives back its input. Nothing but the
context looks at the whole picture: given the same context, a tile far enough from its border has
the pixels that it has in the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

THUMBNAIL = 64
"""Side of the reduced picture that the context is drawn from, in pixels."""

_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


class OneStepRestorer(ModelMixin, ConfigMixin):  # type: ignore[misc]  # the bases disagree
    """A U-Net of gated convolutions at half resolution and below, led by a global context.

    Args:
        channels: features at 1/2, 1/4, 1/8, ... of the resolution; at least four levels.
        blocks: gated blocks at each level; those above the last come twice, down and up.
        context_channels: numbers that describe the whole picture.
    """

    _supports_gradient_checkpointing = False

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        channels: Sequence[int] = (24, 48, 72, 96),
        blocks: Sequence[int] = (1, 2, 2, 3),
        context_channels: int = 64,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if len(channels) != len(blocks) or len(channels) < 4:
            raise ValueError(
                f"channels and blocks must have the same length of at least 4, got "
                f"{list(channels)} and {list(blocks)}"
            )
        self.context_encoder = ContextEncoder(context_channels)
        self.tone = Tone(context_channels)
        self.stem = nn.Conv2d(24, channels[0], 3, padding=1)
        self.down_stages = nn.ModuleList(
            Stage(wide, count, context_channels)
            for wide, count in zip(channels, blocks, strict=True)
        )
        self.downs = nn.ModuleList(
            nn.Conv2d(wide, wider, 2, stride=2) for wide, wider in pairwise(channels)
        )
        self.ups = nn.ModuleList(
            nn.Conv2d(wider, 4 * wide, 1) for wide, wider in pairwise(channels)
        )
        self.up_stages = nn.ModuleList(
            Stage(wide, count, context_channels)
            for wide, count in zip(channels[:-1], blocks[:-1], strict=True)
        )
        self.light = _silent(nn.Conv2d(channels[2], 6, 1))
        self.residual = _silent(nn.Conv2d(channels[0], 12, 3, padding=1))

    @property
    def multiple(self) -> int:
        """Height and width of an input must be multiples of this many pixels."""
        return int(2 ** len(self.down_stages))

    def context(self, picture: Tensor) -> Tensor:
        """Describe a whole picture, for `forward` on it or on its tiles.

        Args:
            picture: RGB in [0, 1], ``(B, 3, H, W)``, of any size.

        Returns:
            ``(B, context_channels)``.
        """
        described: Tensor = self.context_encoder(thumbnail(picture))
        return described

    def forward(self, picture: Tensor, context: Tensor | None = None) -> Tensor:
        """Restore pictures or tiles of them.

        Args:
            picture: RGB in [0, 1], ``(B, 3, H, W)``; H and W multiples of `multiple`.
            context: of the whole pictures, ``(B, context_channels)``; drawn from `picture`
                itself unless given.

        Returns:
            RGB, ``(B, 3, H, W)``, near [0, 1] but not clamped.
        """
        if context is None:
            context = self.context(picture)
        toned: Tensor = self.tone(picture, context)
        features = self.stem(F.pixel_unshuffle(torch.cat([picture, toned], 1), 2))
        skips = []
        for stage, down in zip(self.down_stages, self.downs, strict=False):
            features = stage(features, context)
            skips.append(features)
            features = down(features)
        features = self.down_stages[-1](features, context)
        for level in reversed(range(len(skips))):
            features = skips[level] + F.pixel_shuffle(self.ups[level](features), 2)
            features = self.up_stages[level](features, context)
            if level == 2:
                light = self.light(features)
        return self._corrected(toned, light, self.residual(features))

    def _corrected(self, toned: Tensor, light: Tensor, residual: Tensor) -> Tensor:
        smooth = F.interpolate(light.to(toned.dtype), scale_factor=8, mode="bilinear")
        gain, offset = smooth.chunk(2, 1)
        return toned * (1 + gain) + offset + F.pixel_shuffle(residual.to(toned.dtype), 2)


class ContextEncoder(nn.Module):
    """Describes a whole picture by its colour quantiles and a small convolutional network."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(3, 24, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(24, 48, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(48, 64, 3, stride=2, padding=1),
            nn.GELU(),
        )
        self.describe = nn.Sequential(
            nn.Linear(64 + 3 * len(_QUANTILES), 128), nn.GELU(), nn.Linear(128, channels), nn.GELU()
        )

    def forward(self, small: Tensor) -> Tensor:
        """Return ``(B, channels)`` of thumbnails ``(B, 3, THUMBNAIL, THUMBNAIL)``."""
        # In float32: quantiles are not there in half precision.
        points = torch.tensor(_QUANTILES, device=small.device)
        levels = torch.quantile(small.float().flatten(2), points, dim=2)
        levels = levels.permute(1, 2, 0).flatten(1).to(small.dtype)
        seen = self.look(small).mean((2, 3))
        described: Tensor = self.describe(torch.cat([seen.to(levels.dtype), levels], 1))
        return described


class Tone(nn.Module):
    """One colour transform of the whole picture: a 3 x 9 matrix over ``x``, ``x^2``, ``sqrt x``."""

    def __init__(self, context_channels: int) -> None:
        super().__init__()
        self.coefficients = nn.Sequential(
            nn.Linear(context_channels, 64), nn.GELU(), _silent(nn.Linear(64, 30))
        )

    def forward(self, picture: Tensor, context: Tensor) -> Tensor:
        """Return `picture` ``(B, 3, H, W)`` in other tones."""
        numbers = self.coefficients(context).to(picture.dtype)
        matrix, offset = numbers[:, :27].view(-1, 3, 9), numbers[:, 27:]
        powers = torch.cat([picture, picture.square(), (picture.clamp(0) + 1e-3).sqrt()], 1)
        change: Tensor = torch.einsum("boi,bihw->bohw", matrix, powers)
        toned: Tensor = picture + change + offset[:, :, None, None]
        return toned


class Stage(nn.Module):
    """Gated blocks at one resolution, scaled and shifted by the context."""

    def __init__(self, channels: int, blocks: int, context_channels: int) -> None:
        super().__init__()
        self.modulation = _silent(nn.Linear(context_channels, 2 * channels))
        self.blocks = nn.ModuleList(GatedBlock(channels) for _ in range(blocks))

    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Return features ``(B, C, H, W)`` of the same shape."""
        scale, shift = self.modulation(context)[:, :, None, None].to(features.dtype).chunk(2, 1)
        features = features * (1 + scale) + shift
        for block in self.blocks:
            features = block(features)
        return features


class GatedBlock(nn.Module):
    """A 3 x 3 convolution whose one half opens and closes the other, added to what came in.

    There is no normalisation: it would tie a tile's pixels to the tile. Instead the block begins
    as the identity and its gate is bounded, which keeps training stable.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.join = _silent(nn.Conv2d(channels, channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Return features ``(B, C, H, W)`` of the same shape."""
        kept, gate = self.spread(features).chunk(2, 1)
        changed: Tensor = features + self.join(kept * F.hardsigmoid(gate))
        return changed


def thumbnail(picture: Tensor) -> Tensor:
    """Average a picture ``(B, 3, H, W)`` of any size down to THUMBNAIL pixels each way."""
    return F.adaptive_avg_pool2d(picture, (THUMBNAIL, THUMBNAIL))


def _silent(layer: Layer) -> Layer:
    """Let a layer give zeros until it is trained."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer

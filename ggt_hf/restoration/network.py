"""OneStepRestorer: a small convolutional network that takes a picture back in one pass.

Three corrections follow each other, from coarse to fine:

1. tone: one colour transform for the whole picture, from its `context` (exposure, casts, fading);
2. light: a gain and an offset for each place, smooth over 8 pixels (haze, pools of light);
3. residual: what is left, in details finer than those 8 pixels (noise, blur, streaks, flakes,
   scratches).

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
        doubt: size of a colour change that is half believed, as a share of white; 0 believes all.
    """

    _supports_gradient_checkpointing = False

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        channels: Sequence[int] = (24, 48, 72, 96),
        blocks: Sequence[int] = (1, 2, 2, 3),
        context_channels: int = 64,
        doubt: float = 0.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if len(channels) != len(blocks) or len(channels) < 4:
            raise ValueError(
                f"channels and blocks must have the same length of at least 4, got "
                f"{list(channels)} and {list(blocks)}"
            )
        self.context_encoder = ContextEncoder(context_channels)
        self.tone = Tone(context_channels, doubt)
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
        """Describe whole pictures, for `forward` on them or on their tiles.

        Args:
            picture: RGB, ``(B, 3, H, W)``, ``uint8`` or floats in [0, 1], of any size, on any
                device; of a large one no float copy is made.

        Returns:
            ``(B, context_channels)``, on the device of the network.
        """
        like = self.stem.weight
        small, detail = (part.to(like.device) for part in (thumbnail(picture), details(picture)))
        described: Tensor = self.context_encoder(small.to(like.dtype), detail.to(like.dtype))
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
        lit, residual = self.corrections(picture, context)
        return lit + residual

    def corrections(self, picture: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return the picture in its new light, and the residual to be added: both of its shape."""
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
        smooth = F.interpolate(light.to(toned.dtype), scale_factor=8.0, mode="bilinear")
        gain, offset = smooth.chunk(2, 1)
        residual = F.pixel_shuffle(self.residual(features).to(toned.dtype), 2)
        return toned * (1 + gain) + offset, fine(residual)


class ContextEncoder(nn.Module):
    """Describes whole pictures: how light and colours are spread, how fine details are, and
    what a small convolutional network sees in a thumbnail.
    """

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
        numbers = 10 * len(_QUANTILES) + NUM_DETAILS
        self.describe = nn.Sequential(
            nn.Linear(64 + numbers, 128), nn.GELU(), nn.Linear(128, channels), nn.GELU()
        )

    def forward(self, small: Tensor, detail: Tensor) -> Tensor:
        """Return ``(B, channels)``.

        Args:
            small: what `thumbnail` gives.
            detail: what `details` gives.
        """
        seen = self.look(4 * (small - 0.5)).mean((2, 3))
        levels = _spread(small)
        # Levels, for what is bright; and their logarithms, for how many stops are missing.
        numbers = torch.cat(
            [4 * (levels - 0.5), (levels + 0.01).log() + 1.5, detail.float() + 4], 1
        )
        described: Tensor = self.describe(torch.cat([seen, numbers.to(seen.dtype)], 1))
        return described


def _spread(small: Tensor) -> Tensor:
    """Return quantiles of red, green, blue, the darkest channel and the saturation."""
    # In float32: quantiles are not there in half precision. Halved: to sort takes long.
    pixels = F.avg_pool2d(small.float(), 2).flatten(2)
    dark, light = pixels.amin(1, keepdim=True), pixels.amax(1, keepdim=True)
    points = torch.tensor(_QUANTILES, device=small.device)
    levels = torch.quantile(torch.cat([pixels, dark, light - dark], 1), points, dim=2)
    return levels.permute(1, 2, 0).flatten(1)


class Tone(nn.Module):
    """One colour transform of the whole picture: exposure, and a 3 x 9 matrix over ``x``, ``x^2``
    and ``sqrt x``.

    Where the tones are right already, what a context says of them is its error. So a change is
    shrunk the more, the smaller it is, as Wiener's filter does it: by ``m^2 / (m^2 + doubt^2)``,
    with ``m`` its root mean square over a lattice of colours, the same for all tiles.
    """

    def __init__(self, context_channels: int, doubt: float) -> None:
        super().__init__()
        self._doubt = doubt
        self.coefficients = nn.Sequential(
            nn.Linear(context_channels, 64), nn.GELU(), _silent(nn.Linear(64, 31))
        )

    def forward(self, picture: Tensor, context: Tensor) -> Tensor:
        """Return `picture` ``(B, 3, H, W)`` in other tones."""
        numbers = self.coefficients(context).to(picture.dtype)
        toned = self._applied(picture, numbers)
        if not self._doubt:
            return toned
        steps = torch.tensor((0.2, 0.5, 0.8), dtype=picture.dtype, device=picture.device)
        lattice = torch.cartesian_prod(steps, steps, steps).T.reshape(1, 3, 9, 3)
        change = self._applied(lattice.expand(len(context), -1, -1, -1), numbers) - lattice
        size = change.square().mean((1, 2, 3), keepdim=True)
        return picture + (toned - picture) * (size / (size + self._doubt**2))

    def _applied(self, picture: Tensor, numbers: Tensor) -> Tensor:
        matrix, offset = numbers[:, :27].view(-1, 3, 9), numbers[:, 27:30]
        exposure = numbers[:, 30].clamp(max=3).exp()
        powers = torch.cat([picture, picture.square(), (picture.clamp(0) + 1e-3).sqrt()], 1)
        change: Tensor = torch.einsum("boi,bihw->bohw", matrix, powers)
        toned: Tensor = picture * exposure[:, None, None, None] + change + offset[:, :, None, None]
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


def fine(picture: Tensor) -> Tensor:
    """Return pictures ``(B, C, H, W)``, sides multiples of 8, without what is smooth over 8 pixels.

    So that light and residual have each their own: neither can undo what the other learns.
    """
    return picture - F.interpolate(F.avg_pool2d(picture, 8), scale_factor=8.0, mode="bilinear")


def thumbnail(picture: Tensor) -> Tensor:
    """Average pictures ``(B, 3, H, W)``, ``uint8`` or floats, down to THUMBNAIL pixels each way.

    Returns:
        ``float32`` in [0, 1], ``(B, 3, THUMBNAIL, THUMBNAIL)``: what adaptive pooling gives, a
        band of rows at a time where the picture is large.
    """
    height = picture.shape[2]
    if height * picture.shape[3] <= _BAND:
        return F.adaptive_avg_pool2d(_floats(picture), (THUMBNAIL, THUMBNAIL))
    bands = []
    for row in range(THUMBNAIL):
        band = picture[:, :, row * height // THUMBNAIL : -(-(row + 1) * height // THUMBNAIL)]
        bands.append(F.adaptive_avg_pool2d(_floats(band), (1, THUMBNAIL)))
    return torch.cat(bands, 2)


def details(picture: Tensor) -> Tensor:
    """Return how rough pictures ``(B, 3, H, W)`` are, at two scales and in both directions.

    Rain is rougher across than down, noise rough everywhere and most so in colour, a blurred or
    hazy picture smooth.

    Returns:
        ``float32``, ``(B, NUM_DETAILS)``: logarithms of mean absolute differences.
    """
    rows = max(8, _BAND // picture.shape[3])
    bands = [_floats(band) for band in picture.split(rows, 2) if band.shape[2] >= 8]
    weights = [band.shape[2] for band in bands]
    total = torch.stack(
        [_roughness(band) * rows for band, rows in zip(bands, weights, strict=True)]
    )
    return (total.sum(0) / sum(weights) + 1e-4).log()


NUM_DETAILS = 12
"""Numbers that `details` gives."""

_BAND = 2**21
"""Pixels of a large picture that are looked at in one go."""


def _roughness(picture: Tensor) -> Tensor:
    luma = picture.mean(1, keepdim=True)
    colour = picture[:, :1] - picture[:, 2:]
    found = []
    for plane in (luma, F.avg_pool2d(luma, 2), colour):
        for axis in (2, 3):
            for order in (1, 2):
                found.append(plane.diff(n=order, dim=axis).abs().mean((1, 2, 3)))
    return torch.stack(found, 1)


def _floats(picture: Tensor) -> Tensor:
    return picture.float() / 255 if picture.dtype == torch.uint8 else picture.float()


def _silent(layer: Layer) -> Layer:
    """Let a layer give zeros until it is trained."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer

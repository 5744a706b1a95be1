"""Old photographs: what a century does to a print, from its chemistry to its owners' hands.

Order as it happened: a soft lens and a vignette, the silver's grain, the fading of the print,
then what befell its surface (`print_damage`).
"""

from __future__ import annotations

from typing import cast

import numpy as np

from ggt_hf.degradation.blur import draw_blur
from ggt_hf.degradation.light import (
    Picture,
    Plane,
    blend,
    luminance,
    optical_unit,
    rgb,
    smooth,
    smooth_noise,
)
from ggt_hf.degradation.print_damage import (
    draw_creases,
    draw_dust,
    draw_scratches,
    draw_stains,
)
from ggt_hf.degradation.steps import Dice, Step

# Ink (deepest tone) and paper (lightest), sRGB; of prints as museums scan them.
_PRINTS = {
    "silver": ((0.09, 0.09, 0.09), (0.93, 0.92, 0.89)),
    "sepia": ((0.16, 0.1, 0.06), (0.95, 0.88, 0.74)),
    "albumen": ((0.22, 0.13, 0.11), (0.94, 0.87, 0.77)),
    "newsprint": ((0.2, 0.18, 0.15), (0.85, 0.8, 0.7)),
}
# Gamma of red, green and blue where one dye has gone first, and the stain of its paper.
_DYES = {
    "magenta": ((0.72, 1.12, 0.92), (1.0, 0.9, 0.88)),
    "yellow": ((0.8, 0.9, 1.3), (1.0, 0.95, 0.76)),
    "cyan": ((1.2, 0.9, 0.85), (0.9, 0.97, 0.95)),
    "red": ((0.62, 1.0, 1.08), (1.0, 0.88, 0.8)),
}


def recipe(dice: Dice, severity: float) -> list[Step]:
    """Draw a print's ageing and, each with some chance, the kinds of damage."""
    always = [
        draw_blur(dice, dice.share(severity, 0.15, 0.55), ("gaussian", "defocus")),
        _draw_grain(dice, dice.share(severity, 0.2, 0.9)),
        _draw_toning(dice, dice.share(severity, 0.7, 1.0)),
    ]
    maybe = [
        (0.6, _draw_vignette(dice, dice.share(severity, 0.3, 1.0))),
        (0.55, draw_stains(dice, dice.share(severity, 0.3, 1.0))),
        (0.75, draw_scratches(dice, dice.share(severity, 0.3, 1.0))),
        (0.8, draw_dust(dice, dice.share(severity, 0.3, 1.0))),
        (0.4, draw_creases(dice, dice.share(severity, 0.4, 1.0))),
    ]
    return always + [step for chance, step in maybe if dice.chance(chance)]


def _draw_grain(dice: Dice, severity: float) -> Step:
    return {
        "effect": "grain",
        "severity": severity,
        "amount": dice.by(severity, (0.005, 0.01), (0.05, 0.11)),
        "size": dice.between(0.5, 1.3),
        "paper": dice.by(severity, (0.0, 0.005), (0.0, 0.06)),
    }


def grain(
    image: Picture, rng: np.random.Generator, *, amount: float, size: float, paper: float
) -> Picture:
    """Add silver grain, strongest in the mid-tones, and the tooth of the paper.

    Args:
        image: sRGB picture.
        rng: draws both.
        amount: deviation of the grain at mid-grey.
        size: blur of the grain, pixels at a shorter side of 512; grows with its root.
        paper: deviation of the paper's fibres, coarser and the same in every tone.
    """
    shape = image.shape[:2]
    silver = _textured(rng, shape, size * optical_unit(image))
    fibres = _textured(rng, shape, 2.2 * optical_unit(image))
    tone = np.clip(luminance(image), 0, 1)
    # A tone's variance under a fixed number of grains: p (1 - p), as of any coin.
    strength = np.float32(2 * amount) * np.sqrt(tone * (1 - tone)) + np.float32(0.15 * amount)
    change = silver * strength + fibres * np.float32(paper)
    return cast("Picture", np.clip(image + change[..., None], 0, 1))


def _textured(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Plane:
    """Return blurred white noise of deviation 1."""
    drawn = smooth(rng.standard_normal(shape, np.float32), sigma)
    return drawn / np.float32(max(float(drawn.std()), 1e-6))


def _draw_toning(dice: Dice, severity: float) -> Step:
    colored = dice.chance(0.3)
    dye, tone = dice.pick(tuple(_DYES)), dice.pick(tuple(_PRINTS))
    return {
        "effect": "toning",
        "severity": severity,
        "kind": dye if colored else tone,
        "strength": round(min(1.0, 0.65 + 0.7 * severity), 4),
        "contrast": dice.by(severity, (0.88, 1.0), (0.4, 0.75)),
        "density": dice.between(0.8, 1.35),
        "uneven": dice.by(severity, (0.0, 0.03), (0.05, 0.3)),
    }


def toning(
    image: Picture,
    rng: np.random.Generator,
    *,
    kind: str,
    strength: float,
    contrast: float,
    density: float,
    uneven: float,
) -> Picture:
    """Age the print: from tones of silver to brown ones, or from fresh dyes to one that is left.

    Args:
        image: sRGB picture.
        rng: draws where the print faded most.
        kind: a monochrome process (``silver``, ``sepia``, ``albumen``, ``newsprint``) or the
            cast of faded dyes (``magenta``, ``yellow``, ``cyan``, ``red``).
        strength: share of the aged picture in the result.
        contrast: between ink and paper; 1 = as printed.
        density: gamma of the tones; above 1 = darker.
        uneven: how much paler the most faded places are.
    """
    base = np.clip(image, 0, 1) ** np.float32(density)
    if kind in _PRINTS:
        ink, paper = (rgb(color) for color in _PRINTS[kind])
        aged = ink + (paper - ink) * luminance(base)[..., None]
    else:
        gamma, paper = (rgb(color) for color in _DYES[kind])
        aged = np.stack([base[..., c] ** gamma[c] for c in range(3)], axis=2)
        aged = (np.float32(0.08) + np.float32(0.92) * aged) * paper
    # Fading lifts the ink towards the paper and greys the paper a little.
    middle = paper * np.float32(0.62)
    aged = middle + (aged - middle) * np.float32(contrast)
    if uneven > 0:
        patches = smooth_noise(rng, image.shape[:2], 2.0, octaves=2)
        aged = blend(aged, paper, np.float32(uneven) * patches)
    return cast("Picture", np.clip(image + (aged - image) * np.float32(strength), 0, 1))


def _draw_vignette(dice: Dice, severity: float) -> Step:
    return {
        "effect": "vignette",
        "severity": severity,
        "strength": dice.by(severity, (0.02, 0.1), (0.35, 0.75)),
        "faded": dice.chance(0.4),
        "power": dice.between(1.6, 4.0),
    }


def vignette(
    image: Picture, _rng: np.random.Generator, *, strength: float, faded: bool, power: float
) -> Picture:
    """Darken the corners as a lens does, or bleach the edges as air and light do.

    Args:
        image: sRGB picture.
        strength: opacity in the corners.
        faded: bleached to paper instead of darkened.
        power: how late the change sets in on the way from the centre.
    """
    height, width = image.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    reach = np.clip(np.sqrt((x * x + y * y) / 2), 0, 1) ** np.float32(power)
    color = rgb((0.9, 0.84, 0.72)) if faded else rgb((0.03, 0.02, 0.02))
    return blend(image, color, reach * np.float32(strength))

"""General mixed degradation, and the light tail of it that every category carries."""

from __future__ import annotations

from ggt_hf.degradation.blur import draw_blur
from ggt_hf.degradation.camera import draw_jpeg, draw_noise, draw_resize
from ggt_hf.degradation.steps import Dice, Step


def recipe(dice: Dice, severity: float) -> list[Step]:
    """Draw blur, resize, noise and JPEG twice over, each time in another strength.

    The second-order model of Real-ESRGAN (Wang et al., 2021): photographs are taken, shared,
    resized and shared again. The last JPEG is the file's own (`simulation`).
    """
    lead = dice.pick(("blur", "resize", "noise", "jpeg"))
    steps = _round(dice, severity, lead)
    return steps + (_round(dice, 0.5 * severity, lead) if dice.chance(0.6) else [])


def tail(dice: Dice, severity: float) -> list[Step]:
    """Draw the light blur, noise and loss of resolution that any photograph may carry."""
    steps = [
        draw_blur(dice, dice.share(severity, 0.05, 0.3)),
        draw_resize(dice, dice.share(severity, 0.05, 0.25)),
        draw_noise(dice, dice.share(severity, 0.02, 0.2)),
    ]
    return [step for step in steps if dice.chance(0.5)]


def _round(dice: Dice, severity: float, lead: str) -> list[Step]:
    """Draw one pass; the `lead` keeps its full strength, the others a drawn share of it."""

    def share(name: str) -> float:
        drawn = dice.share(severity, 0.25, 0.8)
        return severity if name == lead else drawn

    steps = [draw_blur(dice, share("blur"))]
    steps.append(draw_resize(dice, share("resize")))
    steps.append(draw_noise(dice, share("noise")))
    steps.append(draw_jpeg(dice, share("jpeg")))
    kept = [dice.chance(0.8) for _ in steps]
    names = ("blur", "resize", "noise", "jpeg")
    return [s for s, keep, name in zip(steps, kept, names, strict=True) if keep or name == lead]

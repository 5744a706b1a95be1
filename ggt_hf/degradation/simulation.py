"""From a category and a seed to steps, and from steps to a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from ggt_hf.degradation import (
    LABELS,
    MIN_SIDE,
    REVISION,
    Degraded,
    camera,
    haze,
    low_light,
    mixed,
    old_photo,
    print_damage,
    rain,
    snow,
)
from ggt_hf.degradation.blur import blur
from ggt_hf.degradation.light import Picture, from_bytes, to_bytes
from ggt_hf.degradation.steps import Dice, Step
from ggt_hf.errors import UsageError
from ggt_hf.records import DEGRADATIONS, Degradation

if TYPE_CHECKING:
    from numpy.typing import NDArray

Recipe = Callable[[Dice, float], list[Step]]
Effect = Callable[..., Picture]

RECIPES: dict[Degradation, Recipe] = {
    "mixed": mixed.recipe,
    "rain": rain.recipe,
    "haze": haze.recipe,
    "snow": snow.recipe,
    "low_light": low_light.recipe,
    "old_photo": old_photo.recipe,
}
"""Category -> what draws its steps."""

EFFECTS: dict[str, tuple[Effect, str]] = {
    "blur": (blur, "blur"),
    "resize": (camera.resize, "low_resolution"),
    "noise": (camera.noise, "noise"),
    "jpeg": (camera.jpeg, "compression"),
    "white_balance": (camera.white_balance, "color_cast"),
    "haze": (haze.haze, "haze"),
    "rain_streaks": (rain.rain_streaks, "rain_streaks"),
    "lens_drops": (rain.lens_drops, "lens_drops"),
    "snow_flakes": (snow.snow_flakes, "snow_flakes"),
    "low_light": (low_light.low_light, "darkness"),
    "vignette": (old_photo.vignette, "vignette"),
    "grain": (old_photo.grain, "noise"),
    "toning": (old_photo.toning, "fading"),
    "stains": (print_damage.stains, "surface_damage"),
    "scratches": (print_damage.scratches, "surface_damage"),
    "dust": (print_damage.dust, "surface_damage"),
    "creases": (print_damage.creases, "surface_damage"),
}
"""Name -> (what changes the picture, the label its severity counts for)."""


def draw_settings(
    degradation: Degradation, *, seed: int, severity: float | None = None
) -> dict[str, Any]:
    """Draw every parameter of one degradation; no picture is needed for it.

    Raises:
        UsageError: an unknown category, a negative seed, a severity outside [0, 1].
    """
    if degradation not in RECIPES:
        raise UsageError(
            f"There is no degradation {degradation!r}.",
            hint=f"Choose one of {', '.join(DEGRADATIONS)}.",
        )
    if seed < 0:
        raise UsageError(f"The seed is {seed}.", hint="Give an integer of 0 or more.")
    dice = Dice([seed, crc32(degradation.encode())])
    drawn = dice.between(0.1, 1.0)
    strength = drawn if severity is None else round(float(severity), 4)
    if not 0 <= strength <= 1:
        raise UsageError(f"The severity is {severity}.", hint="Give a number from 0 to 1.")
    steps = RECIPES[degradation](dice, strength)
    if degradation != "mixed":
        steps += mixed.tail(dice, strength)
    steps.append(camera.draw_jpeg(dice, dice.share(strength, 0.05, 0.6)))
    return {
        "simulator": REVISION,
        "degradation": degradation,
        "severity": strength,
        "steps": steps,
    }


def run(gt: NDArray[np.uint8], settings: Mapping[str, Any], *, seed: int) -> Degraded:
    """Apply the steps in order; the last one writes the file.

    Each step has a random stream of its own, so that one step's draws never move another's.
    """
    _check_picture(gt)
    steps = _checked_steps(settings)
    image = from_bytes(gt)
    for index, step in enumerate(steps[:-1]):
        effect, _ = EFFECTS[step["effect"]]
        rng = np.random.default_rng([seed, crc32(step["effect"].encode()), index])
        image = partial(effect, image, rng)(**_parameters(step))
    data = camera.encode_jpeg(to_bytes(image), **_parameters(steps[-1]))
    return Degraded(
        lq=camera.decode_jpeg(data),
        jpeg=data,
        settings=dict(settings),
        labels=_labels(steps),
    )


def _labels(steps: list[Step]) -> dict[str, float]:
    labels = dict.fromkeys(LABELS, 0.0)
    for step in steps:
        label = EFFECTS[step["effect"]][1]
        labels[label] = max(labels[label], float(step["severity"]))
    return labels


def _parameters(step: Step) -> dict[str, Any]:
    return {name: value for name, value in step.items() if name not in ("effect", "severity")}


def _checked_steps(settings: Mapping[str, Any]) -> list[Step]:
    if settings.get("simulator") != REVISION:
        raise UsageError(
            f"The settings are of simulator {settings.get('simulator')!r}, this is {REVISION!r}.",
            hint="Use the version of ggt_hf that drew them.",
        )
    steps: list[Step] = settings.get("steps") or [{}]
    try:
        for step in steps:
            effect, _ = EFFECTS[step["effect"]]
            signature(effect).bind(None, None, **_parameters(step))
            float(step["severity"])
        if steps[-1]["effect"] != "jpeg":
            raise ValueError("the last step is not jpeg")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"The settings hold steps that cannot be run ({type(error).__name__}: {error}).",
            hint="Take the settings as degrade() gave them.",
        ) from error
    return steps


def _check_picture(gt: NDArray[np.uint8]) -> None:
    shape, dtype = getattr(gt, "shape", None), getattr(gt, "dtype", None)
    if dtype != np.uint8 or shape is None or len(shape) != 3 or shape[2] != 3:
        raise UsageError(
            f"The picture is {dtype} {shape}.",
            hint="Give RGB uint8 of shape (H, W, 3), as ggt_hf.images.decode does.",
        )
    if min(shape[:2]) < MIN_SIDE:
        raise UsageError(
            f"The picture is {shape[1]}x{shape[0]} pixels.",
            hint=f"Give one whose sides have at least {MIN_SIDE} pixels.",
        )

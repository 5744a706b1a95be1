"""Prompters: what to ask of an editor for one low-quality picture.

A fixed prompter says the same to all pictures, or to all of a category. An adaptive one lets a
vision-language model observe the picture first, and composes the prompt from what it saw by a
versioned template. The wording is ours; that of the paper is not public.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import AnswerError, UsageError
from ggt_hf.records import Degradation, Effect, Observation, Prompt
from ggt_hf.vlm.chat import Picture, VisionLanguageModel
from ggt_hf.vlm.observation import EVERYWHERE, observe_many

if TYPE_CHECKING:
    from jinja2 import Environment

FIXED = "fixed/v1"
ADAPTIVE = "adaptive/v1"

_NAMES: Mapping[Degradation, str] = {
    "mixed": "degraded photograph",
    "rain": "photograph taken in rain",
    "haze": "hazy photograph",
    "snow": "photograph taken in falling snow",
    "low_light": "photograph taken in low light",
    "old_photo": "old, damaged photograph",
}

_EFFECTS: Mapping[Effect, str] = {
    "rain_streaks": "rain streaks",
    "lens_drops": "drops on the lens",
    "haze": "haze",
    "snow_flakes": "falling snowflakes",
    "darkness": "darkness",
    "color_cast": "colour cast",
    "fading": "fading",
    "surface_damage": "scratches, stains and creases",
    "vignette": "vignetting",
    "blur": "blur",
    "low_resolution": "loss of resolution",
    "noise": "noise",
    "compression": "compression artefacts",
}

_STRENGTH = {1: "very light", 2: "light", 3: "plain", 4: "strong", 5: "very strong"}


class FixedPrompter:
    """The same prompt for every picture: generic, or one for each category.

    Args:
        per_category: word the prompt for the picture's category where that is known.
    """

    def __init__(self, *, per_category: bool = False) -> None:
        self.per_category = per_category

    def prompt(self, degradation: Degradation | None = None) -> Prompt:
        """Return the prompt for a picture of `degradation`; nobody looks at the picture."""
        named = degradation if self.per_category else None
        return Prompt(
            text=render(FIXED, degradation=named),
            strategy="fixed",
            template=FIXED,
            degradation=named,
        )


class AdaptivePrompter:
    """A prompt for each picture, from what a vision-language model observes in it.

    Args:
        vlm: the observer.
        template: name and version of a template of ours, or the path of a Jinja file of yours
            (it gets ``seen``, the `Observation`, and ``category``, ``effects``, ``strength``).
    """

    def __init__(self, vlm: VisionLanguageModel, template: str | Path = ADAPTIVE) -> None:
        self.vlm = vlm
        self.template, self._source = _template(template)

    def prompt(self, picture: Picture) -> Prompt:
        """Observe one picture and write its prompt.

        Raises:
            AnswerError: the observer's answer cannot be used.
            ImageError: the picture cannot be decoded.
        """
        [result] = self.prompts([picture])
        if isinstance(result, AnswerError):
            raise result
        return result

    def prompts(self, pictures: Sequence[Picture]) -> list[Prompt | AnswerError]:
        """Observe many pictures; where the observer's answer cannot be used, the error stands."""
        results: list[Prompt | AnswerError] = []
        for observation, answer in observe_many(self.vlm, pictures):
            if observation is None:
                results.append(
                    AnswerError(
                        f"The answer of {answer.model_id} cannot be used: {answer.problem}.",
                        hint="Try another model, or --strategy fixed.",
                    )
                )
                continue
            results.append(
                Prompt(
                    text=self._compose(observation),
                    strategy="adaptive",
                    template=self.template,
                    degradation=observation.category,
                    observation=observation,
                    vlm_id=answer.model_id,
                    vlm_revision=answer.revision,
                )
            )
        return results

    def _compose(self, observation: Observation) -> str:
        values = {
            "seen": observation,
            "category": _NAMES[observation.category],
            "effects": _EFFECTS,
            "strength": _STRENGTH,
            "everywhere": EVERYWHERE,
        }
        if self._source is None:
            return render(self.template, **values)
        from jinja2 import TemplateError

        try:
            return _environment().from_string(self._source).render(**values).strip()
        except TemplateError as error:
            raise UsageError(
                f"The template {self.template} cannot be filled: {error}.",
                hint="It may use seen, category, effects, strength and everywhere.",
            ) from error


def render(template: str, **values: Any) -> str:
    """Return the text of a template of ours, such as ``adaptive/v1``, filled with `values`."""
    name, _, version = template.partition("/")
    return _environment().get_template(f"{name}.{version}.j2").render(**values).strip()


def _template(template: str | Path) -> tuple[str, str | None]:
    """Return a template's name with its version, and its source where it is the user's own."""
    if template == ADAPTIVE:
        return ADAPTIVE, None
    try:
        source = Path(template).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"There is no readable template {template}.",
            hint=f"Give the path of a Jinja file, or {ADAPTIVE}.",
        ) from error
    return (
        f"{Path(template).stem}/sha256:{hashlib.sha256(source.encode()).hexdigest()[:12]}",
        source,
    )


@cache
def _environment() -> Environment:
    from jinja2 import PackageLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Observations hold a model's words: data, never markup of a page, so nothing is escaped.
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("ggt_hf.synthesis", "templates"),
        undefined=StrictUndefined,
        autoescape=False,
    )
    environment.filters["quoted"] = lambda words: ", ".join(f'"{word}"' for word in words)
    return environment

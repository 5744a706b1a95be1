"""The one question that prompters ask of a picture, and the answer they understand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ggt_hf.records import DEGRADATIONS, EFFECTS, Observation, SeenEffect
from ggt_hf.vlm.chat import Answer, Picture, VisionLanguageModel
from ggt_hf.vlm.views import views

if TYPE_CHECKING:
    from PIL import Image

EVERYWHERE = "everywhere"
"""The place of an effect that covers the whole picture."""

MAX_SEVERITY = 5

_WORDS = {"type": "array", "items": {"type": "string", "maxLength": 120}, "maxItems": 12}

OBSERVATION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "category": {"enum": list(DEGRADATIONS)},
        "degradations": {
            "type": "array",
            "maxItems": len(EFFECTS),
            "items": {
                "type": "object",
                "properties": {
                    "name": {"enum": list(EFFECTS)},
                    "severity": {"type": "integer", "minimum": 1, "maximum": MAX_SEVERITY},
                    "place": {"type": "string", "maxLength": 80},
                },
                "required": ["name", "severity", "place"],
                "additionalProperties": False,
            },
        },
        "scene": {"type": "string", "maxLength": 300},
        "preserve": {
            "type": "object",
            "properties": {"text": _WORDS, "faces": _WORDS, "signs": _WORDS, "counts": _WORDS},
            "required": ["text", "faces", "signs", "counts"],
            "additionalProperties": False,
        },
    },
    "required": ["category", "degradations", "scene", "preserve"],
    "additionalProperties": False,
}
"""What an observation looks like as JSON; the order is the order of thought."""

QUESTION = f"""\
The first picture is a low-quality photograph. The others are details of it at full resolution.
Describe what is wrong with it and what a restoration must not change. Do not restore it.
Answer with one JSON object alone:
- "category": what dominates, one of {", ".join(DEGRADATIONS)} ("mixed" = blur, noise, \
compression, low resolution without weather, darkness or age).
- "degradations": a list of {{"name", "severity", "place"}}, strongest first. "name" is one of \
{", ".join(EFFECTS)}. "severity" is 1 (barely visible) to {MAX_SEVERITY} (hides the content). \
"place" is "{EVERYWHERE}" or says where.
- "scene": what the picture shows, in at most twenty words.
- "preserve": {{"text", "faces", "signs", "counts"}}, each a list of short strings: words written \
in the picture, letter for letter; people whose likeness must stay; signs, plates, logos; things \
whose number must stay. Empty lists where there are none."""
"""What an observer is asked."""


def observe(vlm: VisionLanguageModel, picture: Picture) -> tuple[Observation, Answer]:
    """Let a model look at one picture.

    Args:
        vlm: the observer.
        picture: encoded, or decoded RGB.

    Raises:
        AnswerError: the model does not keep the schema, or refuses.
        ImageError: the picture cannot be decoded.
    """
    answer = vlm.ask(views(_decoded(picture)), QUESTION, schema=OBSERVATION_SCHEMA)
    return parse(answer.data or {}), answer


def observe_many(
    vlm: VisionLanguageModel, pictures: Sequence[Picture]
) -> list[tuple[Observation | None, Answer]]:
    """Let a model look at many pictures; where its answer has a `problem`, nothing was observed."""
    shown = [views(_decoded(picture)) for picture in pictures]
    answers = vlm.ask_many(shown, QUESTION, schema=OBSERVATION_SCHEMA)
    return [(None if a.problem else parse(a.data or {}), a) for a in answers]


def parse(data: Mapping[str, Any]) -> Observation:
    """Read data that keeps `OBSERVATION_SCHEMA`; an effect named twice counts once, strongest."""
    strongest: dict[str, SeenEffect] = {}
    for seen in data["degradations"]:
        effect = SeenEffect(**seen)
        if effect.name not in strongest or strongest[effect.name].severity < effect.severity:
            strongest[effect.name] = effect
    effects = sorted(strongest.values(), key=lambda e: (-e.severity, EFFECTS.index(e.name)))
    kept = {name: tuple(_tidy(words)) for name, words in data["preserve"].items()}
    return Observation(
        category=data["category"],
        effects=tuple(effects),
        scene=" ".join(data["scene"].split()),
        **kept,
    )


def to_data(observation: Observation) -> dict[str, Any]:
    """Return an observation as the schema has it: the inverse of `parse`."""
    return {
        "category": observation.category,
        "degradations": [
            {"name": effect.name, "severity": effect.severity, "place": effect.place}
            for effect in observation.effects
        ],
        "scene": observation.scene,
        "preserve": {
            "text": list(observation.text),
            "faces": list(observation.faces),
            "signs": list(observation.signs),
            "counts": list(observation.counts),
        },
    }


def to_text(observation: Observation) -> str:
    """Return an observation as a model would write it."""
    return json.dumps(to_data(observation), ensure_ascii=False)


def _tidy(words: Sequence[str]) -> list[str]:
    """Drop empty words and repetitions; keep the order."""
    return list(dict.fromkeys(tidy for word in words if (tidy := " ".join(word.split()))))


def _decoded(picture: Picture) -> Image.Image:
    from PIL import Image

    from ggt_hf.images import decode

    if isinstance(picture, bytes):
        return Image.fromarray(decode(picture, "The picture"))
    return picture.convert("RGB")

"""Which of two restorations a vision-language model prefers, asked in both orders.

Models lean to a place: many prefer what they see first. So each two are shown twice, the second
time swapped, and only what is said both times counts; all else is a tie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ggt_hf.vlm import Answer, VisionLanguageModel

Preferred = Literal["first", "second", "tie"]
"""Which one is better; ``tie`` also where the two orders disagree, or there is no answer."""

Triple = tuple[bytes, bytes, bytes]
"""The encoded input, and two restorations of it."""

TEMPLATE = "prefer.v1"
"""Name and version of the question."""

PREFERENCE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "minLength": 1, "maxLength": 600},
        "better": {"enum": ["second", "third", "same"]},
    },
    "required": ["reason", "better"],
    "additionalProperties": False,
}
"""What an answer looks like; the reason comes first, as thought does."""

_PLACES: dict[str, Preferred] = {"second": "first", "third": "second", "same": "tie"}
_SWAPPED: dict[Preferred, Preferred] = {"first": "second", "second": "first", "tie": "tie"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Preference:
    """What a model prefers of two."""

    better: Preferred
    """Which."""
    agreed: bool
    """Whether both orders gave the same; where not, `better` is ``tie``."""
    reason: str
    """Why, in the model's words of the first order, or what went wrong."""


class VLMPreference:
    """Asks a vision-language model for its preference.

    Args:
        vlm: any that answers questions about three pictures.
    """

    def __init__(self, vlm: VisionLanguageModel) -> None:
        self._vlm = vlm

    @property
    def name(self) -> str:
        """The question with its hash, the model and its revision."""
        digest = hashlib.sha256(_question().encode()).hexdigest()[:8]
        return f"{TEMPLATE}@{digest} {self._vlm.model_id}@{self._vlm.revision}"

    def prefer_many(self, triples: Sequence[Triple]) -> list[Preference]:
        """Ask of each input and its two restorations, in both orders.

        Raises:
            ModelError: the model or its endpoint cannot be used.
            ImageError: a picture cannot be decoded.
        """
        forward = self._ask(triples)
        backward = self._ask([(lq, other, one) for lq, one, other in triples])
        return [_agreed(*both) for both in zip(forward, backward, strict=True)]

    def _ask(self, triples: Sequence[Triple]) -> list[Answer]:
        return self._vlm.ask_many(triples, _question(), schema=PREFERENCE_SCHEMA)


def _agreed(forward: Answer, backward: Answer) -> Preference:
    problem = forward.problem or backward.problem
    if problem or forward.data is None or backward.data is None:
        return Preference(better="tie", agreed=False, reason=f"no answer to be used ({problem})")
    one = _PLACES[forward.data["better"]]
    other = _SWAPPED[_PLACES[backward.data["better"]]]
    reason = " ".join(forward.data["reason"].split())
    return Preference(better=one if one == other else "tie", agreed=one == other, reason=reason)


@cache
def _question() -> str:
    return (files(__package__) / "templates" / f"{TEMPLATE}.txt").read_text(encoding="utf-8")

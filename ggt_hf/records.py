"""The vocabulary: closed sets of words and frozen records. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Degradation = Literal["mixed", "rain", "haze", "snow", "low_light", "old_photo"]
"""The category of a pair, named after what dominates; every category holds mixed degradations."""

DEGRADATIONS: tuple[Degradation, ...] = get_args(Degradation)

Origin = Literal["generated", "synthetic", "captured", "unknown"]
"""How a pair came to be.

- ``generated``: the LQ is a real photograph, the GT was made from it by a generative model;
- ``synthetic``: the GT is a real photograph, the LQ was simulated from it;
- ``captured``: both sides are photographs of one scene;
- ``unknown``: nobody said.
"""

ORIGINS: tuple[Origin, ...] = get_args(Origin)

ImageFormat = Literal["jpeg", "png", "webp"]
"""The encodings a shard may hold."""

IMAGE_FORMATS: tuple[ImageFormat, ...] = get_args(ImageFormat)


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Who made the target, and how it can be made again. Every field may be unknown (``None``)."""

    prompter: str | None = None
    """Model id (or rule name) that wrote the prompt."""
    prompt_template: str | None = None
    """Name and version of the template the prompt was composed by."""
    editor: str | None = None
    """Model id that made the GT from the LQ, or the simulator that made the LQ from the GT."""
    editor_revision: str | None = None
    """Commit or version of the editor."""
    seed: int | None = None
    """Random seed of the making."""
    settings: str | None = None
    """Every other parameter of the making, as one line of JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairInfo:
    """All that is known of a pair but its pixels."""

    key: str
    """Unique in the dataset; lower-case letters, digits, ``_`` and ``-`` only."""
    split: str
    """``train``, ``test``, ... ; the same alphabet as a key, without ``-``."""
    degradation: Degradation
    """The category, stored as ``category``."""
    prompt: str | None = None
    """The instruction that made the GT; ``None`` where there was none."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Metric name -> value, as quality control measured it; empty where nothing was measured."""
    provenance: Provenance = Provenance()
    """Who made the target."""
    license: str = "unknown"
    """SPDX identifier or the words of the source; ``unknown`` where nobody said."""
    credit: str | None = None
    """Whom to name, as the licence asks."""
    origin: Origin = "unknown"
    """How the pair came to be."""
    source: str | None = None
    """Where the LQ was found: a path relative to the source, a URL, a dataset and row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One low-quality picture and its ground truth, still encoded."""

    info: PairInfo
    """Everything but the pixels."""
    lq: bytes
    """The encoded low-quality picture, byte for byte as the source gave it."""
    gt: bytes
    """The encoded ground truth, of the same width and height as ``lq``."""


Stage = Literal["metrics", "vlm", "review"]
"""A stage of quality control, in the order they run: measured, judged by a model, by a person."""

STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What one stage of quality control found in one candidate."""

    stage: Stage
    """Which stage."""
    passed: bool
    """Whether the candidate may go on."""
    scores: Mapping[str, float]
    """Everything that was measured, finite numbers only; what could not be measured is absent."""
    reason: str
    """Why, in a sentence or more; each fault found is named with its number and its limit."""
    judged_by: str
    """Who decided: the gate and its thresholds, a model id and revision, or a reviewer's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What quality control decided of one candidate, and how it came to it."""

    key: str
    """The candidate's key."""
    checks: tuple[Check, ...]
    """In the order they were made; the last one may be the first that did not pass."""

    @property
    def accepted(self) -> bool:
        """Whether at least one stage looked at it and none refused it."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def rejected_at(self) -> Stage | None:
        """The first stage that refused it; ``None`` where none did."""
        return next((check.stage for check in self.checks if not check.passed), None)

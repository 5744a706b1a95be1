"""The vocabulary: closed sets of words and frozen records. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Degradation = Literal["mixed", "rain", "haze", "snow", "low_light", "old_photo"]
"""The category of a pair, named after what dominates; every category holds mixed degradations."""

DEGRADATIONS: tuple[Degradation, ...] = get_args(Degradation)

Effect = Literal[
    "rain_streaks",
    "lens_drops",
    "haze",
    "snow_flakes",
    "darkness",
    "color_cast",
    "fading",
    "surface_damage",
    "vignette",
    "blur",
    "low_resolution",
    "noise",
    "compression",
]
"""One thing that is wrong with a picture; a category is a mixture of several."""

EFFECTS: tuple[Effect, ...] = get_args(Effect)

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
class Source:
    """A low-quality photograph before anything is made of it: one line of ``sources.jsonl``."""

    key: str
    """Unique among the sources; the alphabet of a pair's key."""
    path: str
    """The encoded picture: absolute, or relative to the folder of the file that lists it."""
    degradation: Degradation | None = None
    """Its category; ``None`` where nobody said."""
    width: int
    """Pixels across, upright."""
    height: int
    """Pixels down, upright."""
    origin: Origin = "unknown"
    """``captured`` for a photograph as a camera gave it, ``synthetic`` for a simulated one."""
    license: str = "unknown"
    """SPDX identifier or the words of the source; ``unknown`` where nobody said."""
    credit: str | None = None
    """Whom to name, as the licence asks."""
    source: str | None = None
    """Where it was found: a URL, a dataset and row, the name of a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A target that an editor made, not yet judged: one line of ``candidates.jsonl``."""

    key: str
    """Unique among the candidates; that of its source where the source has one candidate."""
    source_key: str
    """Key of the `Source` it was made from."""
    lq_path: str
    """The low-quality picture, unchanged: relative to the folder of ``candidates.jsonl``."""
    gt_path: str
    """The target, of the width and height of the LQ: relative likewise."""
    degradation: Degradation | None = None
    """As in the source, or as its prompt says."""
    width: int
    """Pixels across, of both pictures, upright."""
    height: int
    """Pixels down, of both pictures, upright."""
    lq_sha256: str
    """Of the LQ's encoded bytes, in hexadecimal."""
    gt_sha256: str
    """Of the target's encoded bytes, in hexadecimal."""
    prompt: str
    """The instruction that was given to the editor; empty for an editor that takes none."""
    prompter: str | None = None
    """Model id (or rule name) that wrote the prompt."""
    prompt_template: str | None = None
    """Name and version of the template the prompt was composed by."""
    editor_id: str
    """Model id, or the name of the method."""
    editor_revision: str
    """Commit, or version, of the editor."""
    seed: int
    """Random seed that was given to the editor."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Every other parameter of the making, such as ``num_inference_steps``."""
    fed_width: int
    """Pixels across of the picture that the model was really given."""
    fed_height: int
    """Pixels down of the picture that the model was really given."""
    fed_sha256: str
    """Of that picture's RGB bytes, row by row, in hexadecimal."""
    regridded: bool
    """``True``: the answer was resampled onto the LQ's grid; ``False``: pixels are untouched."""
    cost: float = 0.0
    """What the answer cost, in US dollars; 0 = made here."""
    origin: Origin = "unknown"
    """As in the source."""
    license: str = "unknown"
    """As in the source."""
    credit: str | None = None
    """As in the source."""
    source: str | None = None
    """As in the source."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenEffect:
    """One effect as an observer saw it."""

    name: Effect
    """What is wrong."""
    severity: int
    """1 = barely visible, 3 = plain, 5 = hides the content."""
    place: str
    """Where: ``everywhere``, or words such as ``sky`` or ``lower left``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What an observer saw in a low-quality picture, before anything is asked of an editor."""

    category: Degradation
    """What dominates."""
    effects: tuple[SeenEffect, ...] = ()
    """What is wrong, strongest first; empty where nothing was seen."""
    scene: str = ""
    """What the picture shows, in a few words; empty where the observer cannot say."""
    text: tuple[str, ...] = ()
    """Written words that must stay, letter for letter."""
    faces: tuple[str, ...] = ()
    """People whose likeness must stay, each in a few words."""
    signs: tuple[str, ...] = ()
    """Signs, plates, logos and symbols that must stay."""
    counts: tuple[str, ...] = ()
    """Things whose number must stay, such as ``3 boats``."""


PromptStrategy = Literal["fixed", "adaptive"]
"""One text for all pictures (of a category), or one written from each picture's observation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """An instruction to an editor, and how it came to be."""

    text: str
    """The instruction."""
    strategy: PromptStrategy
    """How it was chosen."""
    template: str
    """Name and version of the template, as ``adaptive/v1``."""
    degradation: Degradation | None = None
    """The category it was written for; ``None`` = any."""
    observation: Observation | None = None
    """What was seen; ``None`` for a fixed prompt."""
    vlm_id: str | None = None
    """Model id of the observer; ``None`` for a fixed prompt."""
    vlm_revision: str | None = None
    """Commit or version of the observer; ``None`` for a fixed prompt."""


Stage = Literal["metrics", "vlm", "review"]
"""A stage of quality control, in the order they run: measured, judged by a model, by a person."""

STAGES: tuple[Stage, ...] = get_args(Stage)

Outcome = Literal["accepted", "rejected", "undecided"]
"""Where quality control stands with a candidate."""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What one stage of quality control found in one candidate."""

    stage: Stage
    """Which stage."""
    passed: bool | None
    """Whether the candidate may go on; ``None``: this stage cannot say, a later one must."""
    scores: Mapping[str, float]
    """Everything that was measured, finite numbers only; what could not be measured is absent."""
    reason: str
    """Why, in a sentence or more; each fault found is named with its number and its limit."""
    judged_by: str
    """Who decided, and all that it depends on: the gate and its thresholds, a model and its
    revision, the reviewers. The same words on the same pictures mean the same check."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What quality control decided of one candidate, and how it came to it."""

    key: str
    """The candidate's key."""
    checks: tuple[Check, ...]
    """In the order they were made; the last one may be the first that did not pass."""

    @property
    def outcome(self) -> Outcome:
        """Rejected by any stage; accepted where the last one said yes; else undecided."""
        if self.rejected_at:
            return "rejected"
        return "accepted" if self.checks and self.checks[-1].passed else "undecided"

    @property
    def accepted(self) -> bool:
        """Whether no stage refused it, and the last one could say so."""
        return self.outcome == "accepted"

    @property
    def rejected_at(self) -> Stage | None:
        """The first stage that refused it; ``None`` where none did."""
        return next((check.stage for check in self.checks if check.passed is False), None)

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

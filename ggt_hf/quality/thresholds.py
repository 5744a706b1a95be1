"""The limits of stages 1 and 2, read from one YAML file and checked word by word."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from ggt_hf.errors import UsageError
from ggt_hf.quality.joint import TONE, Joint, Part
from ggt_hf.quality.scores import SCORES
from ggt_hf.records import DEGRADATIONS, Degradation

FORMAT = 1
"""Version of the file's format."""

_ENDS = ("min", "max")
_KEYS = ("format", "name", "limits", "judge")
_HINT = "See ggt_hf/quality/thresholds.yaml for one that is right."


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """Where one score must lie, for one category."""

    score: str
    """Name of the score."""
    low: float = -math.inf
    """The least it may be; -inf = no such limit."""
    high: float = math.inf
    """The most it may be; inf = no such limit."""

    def allows(self, value: float) -> bool:
        """Say whether `value` lies within; both ends belong to it."""
        return self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeLimits:
    """What a judge's numbers must be, 0 to 100 each."""

    min_removed: float
    """The least D: how much of the degradation is gone."""
    min_kept: float
    """The least F: how faithful the content is."""
    max_gap: float
    """Points by which D or F may differ between the two orders; beyond, the judge cannot say."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value <= 100:
                raise UsageError(f"{name} is {value}.", hint="Give a number from 0 to 100.")

    def __str__(self) -> str:
        return f"removed>={self.min_removed:g} kept>={self.min_kept:g}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """Every limit of stages 1 and 2."""

    name: str
    """What stage 1 calls them: the file's name for itself and the start of its limits' sha256."""
    limits: Mapping[Degradation, tuple[Limit, ...]]
    """Category -> the limits of stage 1, in the order of the file."""
    tone: Mapping[Degradation, Joint]
    """Category -> the tones of its good targets, from which the score `tone` counts."""
    judge: JudgeLimits
    """The limits of stage 2."""


def read_thresholds(path: Path) -> Thresholds:
    """Read a thresholds file.

    Raises:
        UsageError: the file is missing or no YAML, or names a score, a category or a limit that
            there is not, or gives one that is no number.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The thresholds {path} cannot be read: {error.strerror}.",
            hint="Give the path of a YAML file, or none for the defaults.",
        ) from error
    return parse_thresholds(data, str(path))


@lru_cache(maxsize=1)
def default_thresholds() -> Thresholds:
    """Return the limits that come with this package: ours, chosen on planted faults."""
    packed = files(__package__) / "thresholds.yaml"
    return parse_thresholds(packed.read_bytes(), "the default thresholds")


def parse_thresholds(data: bytes, source: str) -> Thresholds:
    """Parse the bytes of a thresholds file; `source` is what an error calls it."""
    import yaml

    try:
        content = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(source, f"it is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or set(content) - {TONE} != set(_KEYS):
        raise _wrong(source, "it must hold exactly format, name, limits and judge, and may tone")
    if content["format"] != FORMAT:
        raise _wrong(source, f"its format is {content['format']!r}, this version reads {FORMAT}")
    if not isinstance(content["name"], str) or not content["name"]:
        raise _wrong(source, "its name is no text")
    if not isinstance(content["limits"], dict):
        raise _wrong(source, "limits is no mapping from scores to their limits")
    rules = {name: _rule(name, rule, source) for name, rule in content["limits"].items()}
    tone = _tone(content.get(TONE, {}), source)
    for category in rules.get(TONE, {}).get("max", {}):
        if category not in tone:
            raise _wrong(source, f"tone is limited for {category}, whose tones it does not hold")
    # Of the rules alone: neither a comment nor the limits of stage 2 change what stage 1 decides.
    decisive = [rules, content.get(TONE)] if tone else rules
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:8]
    return Thresholds(
        name=f"{content['name']}@{digest}",
        limits={category: _limits(rules, category) for category in DEGRADATIONS},
        tone=tone,
        judge=_judge(content["judge"], source),
    )


def _judge(rule: object, source: str) -> JudgeLimits:
    names = [field.name for field in fields(JudgeLimits)]
    if not isinstance(rule, dict) or set(rule) != set(names):
        raise _wrong(source, f"judge must hold exactly {', '.join(names)}")
    numbers = {name: _number(f"judge.{name}", rule[name], source) for name in names}
    try:
        return JudgeLimits(**numbers)
    except UsageError as error:
        raise _wrong(source, error.message.rstrip(".")) from error


def _tone(content: object, source: str) -> dict[Degradation, Joint]:
    if not isinstance(content, dict) or not set(content) <= set(DEGRADATIONS):
        raise _wrong(source, f"tone may hold {', '.join(DEGRADATIONS)} alone")
    return {category: _joint(category, parts, source) for category, parts in content.items()}


def _joint(category: Degradation, content: object, source: str) -> Joint:
    name = f"{TONE}.{category}"
    if not isinstance(content, dict) or not set(content) <= set(SCORES) - {TONE}:
        raise _wrong(source, f"{name} is no mapping from scores to their usual values")
    parts = []
    for score, row in content.items():
        if not isinstance(row, list) or len(row) < 2:
            raise _wrong(source, f"{name}.{score} must hold a usual value and a spread at least")
        usual, spread, *rest = (_number(f"{name}.{score}", value, source) for value in row)
        parts.append(Part(score, usual, spread, tuple(rest)))
    try:
        return Joint(parts=tuple(parts))
    except UsageError as error:
        raise _wrong(source, f"{name}: {error.message.rstrip('.')}") from error


Rule = dict[str, dict[str, float]]
"""``min`` or ``max`` -> category -> number."""


def _limits(rules: Mapping[str, Rule], category: Degradation) -> tuple[Limit, ...]:
    found = []
    for score, rule in rules.items():
        low = rule.get("min", {}).get(category, -math.inf)
        high = rule.get("max", {}).get(category, math.inf)
        if low > -math.inf or high < math.inf:
            found.append(Limit(score=score, low=low, high=high))
    return tuple(found)


def _rule(score: object, rule: object, source: str) -> Rule:
    if score not in SCORES:
        raise _wrong(source, f"there is no score {score!r}; there are {', '.join(SCORES)}")
    if not isinstance(rule, dict) or not rule or not set(rule) <= set(_ENDS):
        raise _wrong(source, f"{score} must hold min, max or both")
    ends = {end: _per_category(f"{score}.{end}", value, source) for end, value in rule.items()}
    for category in DEGRADATIONS:
        low, high = (ends.get(end, {}).get(category) for end in _ENDS)
        if low is not None and high is not None and low > high:
            raise _wrong(source, f"{score} has min {low} above max {high} for {category}")
    return ends


def _per_category(name: str, value: object, source: str) -> dict[str, float]:
    """Spread one number, or a mapping of categories with a ``default``, over the categories."""
    if not isinstance(value, dict):
        return dict.fromkeys(DEGRADATIONS, _number(name, value, source))
    unknown = set(value) - {*DEGRADATIONS, "default"}
    if unknown:
        words = ", ".join(sorted(map(repr, unknown)))
        raise _wrong(
            source, f"{name} names {words}; it may name default, {', '.join(DEGRADATIONS)}"
        )
    given = {key: _number(f"{name}.{key}", v, source) for key, v in value.items() if v is not None}
    rest = cast("dict[str, Any]", value).get("default")
    return {
        category: given[category] if category in given else given["default"]
        for category in DEGRADATIONS
        if category in given or (rest is not None and category not in value)
    }


def _number(name: str, value: object, source: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _wrong(source, f"{name} is {value!r}, not a finite number")
    return float(value)


def _wrong(source: str, cause: str) -> UsageError:
    return UsageError(f"{source} cannot be used: {cause}.", hint=_HINT)

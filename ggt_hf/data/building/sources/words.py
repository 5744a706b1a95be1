"""What names mean: which folder holds the LQ, which the GT, which category, which split."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby
from typing import Literal, TypeVar, cast, get_args

from ggt_hf.data.format.schema import is_split
from ggt_hf.errors import UsageError
from ggt_hf.records import DEGRADATIONS, Degradation

Role = Literal["lq", "gt"]
T = TypeVar("T", bound=str)

_PLAIN_ROLES: dict[Role, str] = {
    "lq": "lq low_quality lowquality lr low_resolution input inputs degraded degradation cond",
    "gt": "gt ground_truth groundtruth hq high_quality highquality hr target targets reference",
}
"""Folder names that say a role and nothing else."""

_LOOSE_ROLES: dict[Role, str] = {
    "lq": "low rainy hazy foggy snowy noisy blur blurry dark compressed corrupted distorted",
    "gt": "high clean clear sharp normal norain no_rain nohaze no_haze nosnow no_snow original",
}
"""Names that say a role only where no plain one stands in the same path (``rainy/GT/``)."""

_MARKS: dict[Role, str] = {"lq": "lq lr input degraded", "gt": "gt hq hr target clean"}
"""Words that say a role as the first or last word of a longer name (``train_LQ``, ``1_gt.png``)."""

_CATEGORIES: dict[Degradation, str] = {
    "mixed": "mixed general_mixed mix mixture mixed_degradation mixed_degradations",
    "rain": "rain rainy derain deraining rain_removal raindrop raindrops rainstreak rainstreaks",
    "haze": "haze hazy dehaze dehazing fog foggy defog",
    "snow": "snow snowy desnow desnowing",
    "low_light": "low_light lowlight low_light_enhancement llie underexposed night nighttime",
    "old_photo": "old_photo old_photos oldphoto oldphotos old_photograph old_photographs",
}

_SPLITS = {
    "train": "train training",
    "test": "test testing",
    "validation": "validation valid val",
}


class Strength(IntEnum):
    """How surely a name says something."""

    NOTHING = 0
    LOOSE = 1
    PART = 2
    WHOLE = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Name:
    """What one folder's name (or a zip's) says."""

    text: str
    """The name as it is."""
    role: Role | None
    """The side its pictures are on, if it says so."""
    role_strength: Strength
    """How surely."""
    rest: str
    """What is left of the name without the role."""
    category: Degradation | None
    """The category, if it says one."""
    category_strength: Strength
    """How surely."""
    split: str | None
    """The split, if it says one."""
    split_strength: Strength
    """How surely."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the path of a picture says."""

    role: Role | None
    """The side it is on; ``None``: the path does not say."""
    pair: str
    """The path without role and suffix: the same for both pictures of a pair."""
    categories: frozenset[Degradation]
    """What its folders say; more than one: they contradict each other."""
    splits: frozenset[str]
    """Likewise."""


class Vocabulary:
    """The tables above, and what the user added to them by ``--map NAME=WORD``.

    Args:
        names: folder name -> ``lq``, ``gt``, a category, or a split.

    Raises:
        UsageError: a word is none of these.
    """

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self._roles = _spread(_PLAIN_ROLES)
        self._loose = _spread(_LOOSE_ROLES)
        self._marks = _spread(_MARKS)
        self._categories = _spread(_CATEGORIES)
        self._splits = _spread(_SPLITS)
        self._known: dict[str, Name] = {}
        for name, word in (names or {}).items():
            self._add(simplified(name), word)

    def _add(self, name: str, word: str) -> None:
        if word in get_args(Role):
            self._roles[name] = cast("Role", word)
        elif category := self.category(word):
            self._categories[name] = category
        elif is_split(word):
            self._splits[name] = word
        else:
            raise UsageError(
                f"{name}={word} maps a name to neither a role, nor a category, nor a split.",
                hint=f"Write NAME=lq, NAME=gt, NAME=SPLIT, or one of {', '.join(DEGRADATIONS)}.",
            )

    def category(self, text: str) -> Degradation | None:
        """Return the category that `text` as a whole names, in any usual spelling."""
        return self._categories.get(simplified(text))

    def split(self, text: str) -> str | None:
        """Return the split that `text` as a whole names, in the Hub's spelling."""
        return self._splits.get(simplified(text))

    def name(self, text: str) -> Name:
        """Return what a folder's name says."""
        if text not in self._known:
            self._known[text] = self._examine(text)
        return self._known[text]

    def _examine(self, text: str) -> Name:
        plain = simplified(text)
        words = plain.split("_")
        category, category_strength = _find(self._categories, plain, words)
        split, split_strength = _find(self._splits, plain, words)
        role, role_strength, rest = self._role(text, plain, words)
        if role_strength == Strength.PART and category_strength == Strength.WHOLE:
            role, role_strength, rest = None, Strength.NOTHING, text
        return Name(
            text=text,
            role=role,
            role_strength=role_strength,
            rest=rest,
            category=category,
            category_strength=category_strength,
            split=split,
            split_strength=split_strength,
        )

    def _role(
        self, text: str, plain: str, words: Sequence[str]
    ) -> tuple[Role | None, Strength, str]:
        if plain in self._roles:
            return self._roles[plain], Strength.WHOLE, ""
        if plain in self._loose:
            return self._loose[plain], Strength.LOOSE, ""
        if len(words) > 1 and words[-1] in self._marks:
            return self._marks[words[-1]], Strength.PART, "_".join(words[:-1])
        if len(words) > 1 and words[0] in self._marks:
            return self._marks[words[0]], Strength.PART, "_".join(words[1:])
        return None, Strength.NOTHING, text

    def read(self, path: str) -> Reading:
        """Return what a picture's path (with ``/``) says."""
        *folders, file = path.split("/")
        names = [self.name(folder) for folder in folders]
        stem = file.rpartition(".")[0] or file
        said = [name for name in names if name.role is not None]
        # The surest name decides; of equally sure ones, the innermost.
        chosen = max(reversed(said), key=lambda name: min(name.role_strength, 2), default=None)
        role, short = self._stem(stem)
        if chosen is None:
            parts = [*folders, short]
        else:
            if chosen.role != role:
                short = stem
            role = chosen.role
            parts = [*(_without(name, chosen) for name in names), short]
        return Reading(
            role=role,
            pair="/".join(_no_echo(parts)),
            categories=_surest([(n.category, n.category_strength) for n in names]),
            splits=_surest([(n.split, n.split_strength) for n in names]),
        )

    def _stem(self, stem: str) -> tuple[Role | None, str]:
        short, _, last = re.sub(r"[-. ]", "_", stem).rpartition("_")
        role = self._marks.get(last.lower()) if short else None
        return role, stem[: len(short)] if role else stem


def simplified(text: str) -> str:
    """Return `text` in lower case, its words joined by ``_``."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _spread(table: Mapping[T, str]) -> dict[str, T]:
    return {name: word for word, names in table.items() for name in names.split()}


def _find(table: Mapping[str, T], plain: str, words: Sequence[str]) -> tuple[T | None, Strength]:
    """Look the whole name up, then every run of words in it; two answers are none."""
    if plain in table:
        return table[plain], Strength.WHOLE
    runs = ("_".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1))
    found = {table[run] for run in runs if run in table}
    return (found.pop(), Strength.PART) if len(found) == 1 else (None, Strength.NOTHING)


def _without(name: Name, chosen: Name) -> str:
    """Return what a folder leaves in the pair's path when `chosen` says the role."""
    loose = name.role_strength == Strength.LOOSE
    if name.role == chosen.role and loose == (chosen.role_strength == Strength.LOOSE):
        return name.rest
    return name.text


def _no_echo(parts: Sequence[str]) -> list[str]:
    """Drop empty parts, and folders that repeat the one above (``rain.zip`` holding ``rain/``)."""
    *folders, stem = parts
    filled = [folder for folder in folders if folder]
    return [*(next(group) for _, group in groupby(filled, key=simplified)), stem]


def _surest(said: Sequence[tuple[T | None, Strength]]) -> frozenset[T]:
    best = max((strength for word, strength in said if word is not None), default=None)
    return frozenset(word for word, strength in said if word is not None and strength == best)

"""What a pair is called and what is said of it: names, columns, and the user's own words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ggt_hf.data.building.sources.blobs import Blob
from ggt_hf.data.building.sources.words import Reading, Vocabulary
from ggt_hf.data.format.schema import encode_json, is_split, normalise_key
from ggt_hf.data.format.tarball import stored_size
from ggt_hf.errors import SourceError, UsageError
from ggt_hf.records import DEGRADATIONS, ORIGINS, Degradation, Origin, PairInfo, Provenance

COLUMNS = (
    *("key", "split", "category", "prompt", "scores"),
    *("license", "credit", "origin", "source", "provenance"),
)
"""Columns of a manifest or a dataset that become a pair's record."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairSource:
    """A pair before it is read: its record, and where its pictures lie."""

    info: PairInfo
    """The record, complete."""
    lq: Blob
    """The low-quality picture."""
    gt: Blob
    """The ground truth."""

    @property
    def stored_num_bytes(self) -> int:
        """Bytes its three members will take in a shard."""
        sizes = (self.lq.num_bytes, self.gt.num_bytes, len(encode_json(self.info)))
        return sum(stored_size(size) for size in sizes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """What the user says of every pair that does not say it itself.

    Raises:
        UsageError: a word outside its vocabulary.
    """

    category: str | None = None
    """Category of pairs whose folders and columns name none."""
    split: str = "train"
    """Split of pairs whose folders and columns name none."""
    license: str | None = None
    """SPDX identifier of pairs without one."""
    credit: str | None = None
    """Whom to name for pairs without a credit."""
    origin: str | None = None
    """How pairs came to be that do not say it."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Folder name -> role, category or split, beside those known already."""

    def __post_init__(self) -> None:
        if self.category is not None and Vocabulary(self.names).category(self.category) is None:
            raise UsageError(
                f"There is no category {self.category!r}.",
                hint=f"Give one of {', '.join(DEGRADATIONS)}.",
            )
        if not is_split(self.split):
            raise UsageError(
                f"{self.split!r} cannot name a split.",
                hint="Give at most 64 lower-case letters, digits and '_', but not 'all'.",
            )
        if self.origin is not None and self.origin not in ORIGINS:
            raise UsageError(
                f"There is no origin {self.origin!r}.", hint=f"Give one of {', '.join(ORIGINS)}."
            )


class Labeller:
    """Completes records: a column's word first, then the folders', then the user's.

    Args:
        labels: the user's words.
        root_name: name of the source itself, asked last (``rain.zip`` alone holds rain).
    """

    def __init__(self, labels: Labels, root_name: str) -> None:
        self.labels = labels
        self.vocabulary = Vocabulary(labels.names)
        self._root = root_name

    def info(
        self, key: str, reading: Reading, columns: Mapping[str, Any], *, source: str
    ) -> PairInfo:
        """Return the record of a pair.

        Args:
            key: any name that is the pair's own; normalised here.
            reading: what the path of its LQ (or of its table) says.
            columns: what a manifest or a table says of it, by `COLUMNS`; ``None`` = not said.
            source: where the LQ was found.

        Raises:
            SourceError: a word is missing, contradictory, or outside its vocabulary.
        """
        said = {name: value for name, value in columns.items() if value not in (None, "")}
        info = PairInfo(
            key=normalise_key(str(said.get("key", key))),
            split=self._split(said.get("split"), reading, source),
            degradation=self._category(said.get("category"), reading, source),
            prompt=_text(said.get("prompt")),
            scores=_scores(said.get("scores"), source),
            provenance=_provenance(said.get("provenance"), source),
            license=_text(said.get("license")) or self.labels.license or "unknown",
            credit=_text(said.get("credit")) or self.labels.credit,
            origin=_origin(said.get("origin") or self.labels.origin, source),
            source=_text(said.get("source")) or source,
        )
        _refuse_broken_text(info, source)
        return info

    def _category(self, column: Any, reading: Reading, source: str) -> Degradation:
        if column is not None:
            category = self.vocabulary.category(str(column))
            if category is None:
                raise SourceError(
                    f"{source} has the category {column!r}, which is none.",
                    hint=f"Write one of {', '.join(DEGRADATIONS)}, or --map '{column}=CATEGORY'.",
                )
            return category
        if len(reading.categories) > 1:
            raise _contradiction(source, "category", reading.categories)
        fallback = self.vocabulary.category(self._root)
        word = next(iter(reading.categories), fallback) or self.vocabulary.category(
            self.labels.category or ""
        )
        if word is None:
            folder = source.rpartition("/")[0] or self._root
            raise SourceError(
                f"No category can be told from the folder {folder}.",
                hint="Say it for all with --category, or for a folder with --map NAME=CATEGORY.",
            )
        return word

    def _split(self, column: Any, reading: Reading, source: str) -> str:
        if column is not None:
            split = self.vocabulary.split(str(column)) or str(column)
            if not is_split(split):
                raise SourceError(
                    f"{source} has the split {column!r}, which cannot name one.",
                    hint="Write at most 64 lower-case letters, digits and '_', but not 'all'.",
                )
            return split
        if len(reading.splits) > 1:
            raise _contradiction(source, "split", reading.splits)
        fallback = self.vocabulary.split(self._root)
        return next(iter(reading.splits), fallback) or self.labels.split


def _contradiction(source: str, what: str, words: frozenset[Any]) -> SourceError:
    return SourceError(
        f"The folders of {source} name more than one {what}: {', '.join(sorted(words))}.",
        hint=f"Rename one, or say what a name means with --map NAME={what.upper()}.",
    )


def _refuse_broken_text(info: PairInfo, source: str) -> None:
    try:
        encode_json(info)
    except UnicodeEncodeError as error:
        raise SourceError(
            f"The record of {source} holds half a character ({error.reason}).",
            hint="Write names, prompts and credits in valid UTF-8.",
        ) from error


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _origin(value: Any, source: str) -> Origin:
    if value is None:
        return "unknown"
    if value not in ORIGINS:
        raise SourceError(
            f"{source} has the origin {value!r}, which is none.",
            hint=f"Write one of {', '.join(ORIGINS)}.",
        )
    return cast("Origin", value)


def _scores(value: Any, source: str) -> dict[str, float]:
    """Read scores: a mapping, a list of {metric, value}, or either as JSON text."""
    try:
        given = json.loads(value) if isinstance(value, str) else value or {}
        if not isinstance(given, Mapping):
            given = {score["metric"]: score["value"] for score in given}
        scores = {str(m): float(v) for m, v in given.items() if v is not None}
        if not all(math.isfinite(v) for v in scores.values()):
            raise ValueError("a score is not finite")
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise SourceError(
            f"{source} has scores that cannot be read ({error}).",
            hint='Write them as JSON: {"psnr": 23.5}.',
        ) from error
    return scores


def _int64(value: Any) -> int:
    """Return a seed as the column that is declared for it holds it."""
    seed = int(value)
    if not -(2**63) <= seed < 2**63:
        raise ValueError(f"the seed {str(value)[:40]} has more than 64 bits")
    return seed


def _provenance(value: Any, source: str) -> Provenance:
    try:
        given = json.loads(value) if isinstance(value, str) else dict(value or {})
        settings = given.get("settings")
        if settings is not None and not isinstance(settings, str):
            given["settings"] = json.dumps(settings, sort_keys=True)
        if given.get("seed") is not None:
            given["seed"] = _int64(given["seed"])
        wrong = [n for n, v in given.items() if n != "seed" and not isinstance(v, str | None)]
        if wrong:
            raise ValueError(f"{wrong[0]} is no text")
        return Provenance(**given)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        fields = ", ".join(Provenance.__dataclass_fields__)
        raise SourceError(
            f"{source} has a provenance that cannot be read ({error}).",
            hint=f"Write it as JSON with some of the fields {fields}.",
        ) from error

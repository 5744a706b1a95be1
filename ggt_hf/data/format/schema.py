"""Shard format v1: what a pair looks like inside a tar. Only this file knows a member's name.

A shard is an ordinary uncompressed tar. A pair is three adjacent members in this order::

    KEY.lq      the encoded low-quality picture (JPEG, PNG or WebP)
    KEY.gt      the encoded ground truth, of the same size
    KEY.json    everything else, as `FEATURES_YAML` declares it

Keys match ``[a-z0-9_-]+``: WebDataset readers cut a member's name at its first dot. They do not
begin with ``__``: stock readers skip such members without a word. They have at most 95 characters:
a plain tar header holds 100 bytes of a name.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from ggt_hf.errors import FormatError
from ggt_hf.records import (
    DEGRADATIONS,
    ORIGINS,
    Degradation,
    Origin,
    Pair,
    PairInfo,
    Provenance,
)

if TYPE_CHECKING:
    import datasets

FORMAT_VERSION = 1
"""Raised only when a reader of the old version would read the new one wrongly."""

LQ, GT, JSON = "lq", "gt", "json"
MEMBERS = (LQ, GT, JSON)
"""Member suffixes, in the order in which they stand in a shard."""

MANIFEST_PATH = "meta/manifest.parquet"
INFO_PATH = "meta/info.json"
"""Written last: its existence means that the dataset is complete."""
CARD_PATH = "README.md"

_MAX_KEY = 95
_KEY = re.compile(rf"(?!__)[a-z0-9_-]{{1,{_MAX_KEY}}}")
_SPLIT = re.compile(r"(?!all$)[a-z0-9_]{1,64}")
"""``all`` is a word of `datasets`: every split together."""
_SHARD = re.compile(
    r"data/(?P<category>[a-z_]+)/(?P<split>[a-z0-9_]+)-(?P<index>\d{5})-of-(?P<count>\d{5})\.tar"
)

_STRING = {"dtype": "string"}

FEATURES_YAML: list[dict[str, Any]] = [
    {"name": LQ, "dtype": "image"},
    {"name": GT, "dtype": "image"},
    {
        "name": JSON,
        "struct": [
            {
                "name": "category",
                "dtype": {
                    "class_label": {"names": {str(i): d for i, d in enumerate(DEGRADATIONS)}}
                },
            },
            {"name": "prompt", **_STRING},
            {
                "name": "scores",
                "list": [{"name": "metric", **_STRING}, {"name": "value", "dtype": "float64"}],
            },
            {
                "name": "provenance",
                "struct": [
                    {"name": "prompter", **_STRING},
                    {"name": "prompt_template", **_STRING},
                    {"name": "editor", **_STRING},
                    {"name": "editor_revision", **_STRING},
                    {"name": "seed", "dtype": "int64"},
                    {"name": "settings", **_STRING},
                ],
            },
            {"name": "license", **_STRING},
            {"name": "credit", **_STRING},
            {"name": "origin", **_STRING},
            {"name": "source", **_STRING},
        ],
    },
]
"""The columns of every dataset, as the card's ``dataset_info.features`` declares them.

Declared once and never inferred: inference from the first samples drops later fields.
"""


def features() -> datasets.Features:
    """Return `FEATURES_YAML` as `datasets.Features`."""
    from datasets import ClassLabel, Features, Image, List, Value

    text = Value("string")
    provenance = {name: text for name in _provenance_fields()} | {"seed": Value("int64")}
    return Features(
        {
            LQ: Image(),
            GT: Image(),
            JSON: {
                "category": ClassLabel(names=list(DEGRADATIONS)),
                "prompt": text,
                "scores": List({"metric": text, "value": Value("float64")}),
                "provenance": provenance,
                "license": text,
                "credit": text,
                "origin": text,
                "source": text,
            },
        }
    )


def is_key(text: str) -> bool:
    """Say whether `text` may be a key."""
    return _KEY.fullmatch(text) is not None


def is_split(text: str) -> bool:
    """Say whether `text` may name a split: at most 64 of a-z, 0-9 and ``_``, and not ``all``."""
    return _SPLIT.fullmatch(text) is not None


def normalise_key(text: str) -> str:
    """Bring any name into the alphabet of keys: accents dropped, the rest joined by ``-``.

    Of a name that is too long the beginning is kept, and a hash of all of it stands for the rest.
    Different names can become one key; whoever calls this must refuse the collision.

    Raises:
        FormatError: nothing is left of `text`.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    key = re.sub(r"[^a-z0-9_-]+", "-", plain.lower()).strip("-")
    key = re.sub(r"^__+", "_", key)
    if len(key) > _MAX_KEY:
        whole = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        key = f"{key[: _MAX_KEY - 13]}-{whole[:12]}"
    if not key:
        raise FormatError(
            f"The name {text!r} has no letter or digit that a key can hold.",
            hint="Rename it with letters a-z, digits, '_' or '-'.",
        )
    return key


def member_name(key: str, suffix: str) -> str:
    """Return the name of a pair's member in its shard."""
    return f"{key}.{suffix}"


def key_of(name: str) -> str:
    """Return the key in a member's name: all before the first dot, as WebDataset readers cut it.

    `datasets` keeps the name as the ``path`` of an undecoded picture.
    """
    return name.partition(".")[0]


def shard_path(category: Degradation, split: str, index: int, count: int) -> str:
    """Return a shard's path inside its dataset, with ``/`` on every system."""
    return f"data/{category}/{split}-{index:05d}-of-{count:05d}.tar"


def parse_shard_path(path: str) -> tuple[Degradation, str, int, int]:
    """Return (category, split, index, count) of a shard's path.

    Raises:
        FormatError: `path` names no shard of this format.
    """
    match = _SHARD.fullmatch(path)
    if match is None or match["category"] not in DEGRADATIONS:
        raise FormatError(
            f"{path} is no shard path of format v{FORMAT_VERSION}.",
            hint="Shards are data/CATEGORY/SPLIT-NNNNN-of-NNNNN.tar; rebuild with ggt build.",
        )
    category = cast("Degradation", match["category"])
    return category, match["split"], int(match["index"]), int(match["count"])


def encode_json(info: PairInfo) -> bytes:
    """Return the bytes of a pair's JSON member: every field present, keys sorted, UTF-8."""
    fields = {
        "category": info.degradation,
        "prompt": info.prompt,
        "scores": [{"metric": m, "value": v} for m, v in sorted(info.scores.items())],
        "provenance": asdict(info.provenance),
        "license": info.license,
        "credit": info.credit,
        "origin": info.origin,
        "source": info.source,
    }
    text = json.dumps(
        fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    return text.encode()


def decode_json(data: bytes, *, key: str, split: str) -> PairInfo:
    """Return what a JSON member says of its pair.

    Raises:
        FormatError: no JSON, a field missing or unknown, or a word outside its vocabulary.
    """
    name = member_name(key, JSON)
    try:
        fields = json.loads(data)
        scores = {score["metric"]: float(score["value"]) for score in fields.pop("scores")}
        provenance = Provenance(**fields.pop("provenance"))
        info = PairInfo(
            key=key,
            split=split,
            degradation=_word(fields.pop("category"), DEGRADATIONS),
            origin=cast("Origin", _word(fields.pop("origin"), ORIGINS)),
            scores=scores,
            provenance=provenance,
            **fields,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(
            f"{name} does not hold the declared fields ({type(error).__name__}: {error}).",
            hint="Rebuild its shard with ggt build.",
        ) from error
    return info


def members(pair: Pair) -> tuple[tuple[str, bytes], ...]:
    """Return (name, content) of a pair's members, in the order of the format."""
    contents = {LQ: pair.lq, GT: pair.gt, JSON: encode_json(pair.info)}
    return tuple((member_name(pair.info.key, suffix), contents[suffix]) for suffix in MEMBERS)


def _word(value: Any, vocabulary: tuple[Any, ...]) -> Any:
    if value not in vocabulary:
        raise ValueError(f"{value!r} is none of {', '.join(vocabulary)}")
    return value


def _provenance_fields() -> tuple[str, ...]:
    return tuple(Provenance.__dataclass_fields__)

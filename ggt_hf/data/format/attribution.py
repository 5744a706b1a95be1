"""Whose the pairs are and how they were made, counted over a whole dataset."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from ggt_hf.data.format.licenses import forbids_derivatives
from ggt_hf.data.format.manifest import Manifest
from ggt_hf.data.format.schema import decode_json
from ggt_hf.records import PairInfo

PixelChange = Literal["unchanged", "lossless", "lossy", "unknown"]
"""What happened to the pixels between the licensed source and the shard.

- ``unchanged``: the encoded bytes were moved as they were;
- ``lossless``: encoded anew, every pixel equal;
- ``lossy``: resized, cropped, filtered, simulated, or encoded with loss;
- ``unknown``: the record does not say.
"""

_PIXEL_CHANGES: tuple[str, ...] = get_args(PixelChange)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Attribution:
    """What a group of pairs has in common: whose they are, and how they came to be."""

    license: str
    """As in `PairInfo`."""
    origin: str
    """As in `PairInfo`."""
    credit: str = ""
    """As in `PairInfo`; empty where nobody is named."""
    editor: str = ""
    """As in `Provenance`, with ``@revision`` where one is known; empty where unknown."""
    pixels: PixelChange = "unchanged"
    """What happened to the licensed pixels."""

    @property
    def is_changed_no_derivative(self) -> bool:
        """Whether the licence forbids sharing changed pixels, and these may be changed."""
        return forbids_derivatives(self.license) and self.pixels in ("lossy", "unknown")


def pixel_change(info: PairInfo) -> PixelChange:
    """Return what the record of a pair says of its pixels.

    The word stands in ``provenance.settings``, a line of JSON, under ``"pixels"``. Whoever
    changes pixels writes it. Where it is missing, building has moved the bytes unchanged, with
    one exception: one side of a synthetic pair was computed from the other, so that silence
    there, like an unreadable line, means ``unknown``.
    """
    silent: PixelChange = "unknown" if info.origin == "synthetic" else "unchanged"
    if info.provenance.settings is None:
        return silent
    try:
        settings = json.loads(info.provenance.settings)
    except ValueError:
        return "unknown"
    if not isinstance(settings, dict) or "pixels" not in settings:
        return silent
    word = settings["pixels"]
    return word if word in _PIXEL_CHANGES else "unknown"


def with_lossless_pixels(info: PairInfo) -> PairInfo:
    """Return the record of a pair after some of its pixels were encoded anew, every one equal.

    A record that tells of more than that, or of nothing that is known, stays as it is.
    """
    if pixel_change(info) != "unchanged":
        return info
    settings = json.loads(info.provenance.settings or "{}") | {"pixels": "lossless"}
    line = json.dumps(settings, sort_keys=True)
    return replace(info, provenance=replace(info.provenance, settings=line))


def attribution(info: PairInfo) -> Attribution:
    """Return the attribution of one pair."""
    made_by = info.provenance
    revision = f"@{made_by.editor_revision}" if made_by.editor_revision else ""
    return Attribution(
        license=info.license,
        origin=info.origin,
        credit=info.credit or "",
        editor=f"{made_by.editor}{revision}" if made_by.editor else "",
        pixels=pixel_change(info),
    )


def read_attributions(root: Path, manifest: Manifest) -> Counter[Attribution]:
    """Count the attributions of a dataset on disk: one small read of each pair's record.

    Raises:
        FormatError: a record that does not hold the declared fields.
    """
    counts: Counter[Attribution] = Counter()
    rows = iter(manifest)
    row = next(rows, None)
    while row is not None:
        shard = row.shard
        with (root / shard).open("rb") as file:
            while row is not None and row.shard == shard:
                file.seek(row.json.offset)
                data = file.read(row.json.num_bytes)
                counts[attribution(decode_json(data, key=row.key, split=row.split))] += 1
                row = next(rows, None)
    return counts


def manifest_attributions(manifest: Manifest) -> Counter[Attribution]:
    """Count what the manifest alone knows: licence and origin; credits and editors stay empty."""
    columns = manifest.table.select(["license", "origin"]).to_pydict()
    pairs = Counter(zip(columns["license"], columns["origin"], strict=True))
    return Counter({Attribution(license=lic, origin=how): n for (lic, how), n in pairs.items()})


def total_by(counts: Mapping[Attribution, int], *names: str) -> list[tuple[tuple[str, ...], int]]:
    """Sum `counts` over all but the named fields; the largest first, equals by name."""
    totals: Counter[tuple[str, ...]] = Counter()
    for entry, number in counts.items():
        totals[tuple(getattr(entry, name) for name in names)] += number
    return sorted(totals.items(), key=lambda item: (-item[1], item[0]))

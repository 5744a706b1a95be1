"""The fingerprints of a test set in one small file, and looking pictures up in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ggt_hf.errors import FormatError, UsageError
from ggt_hf.quality.fingerprints import (
    NUM_WINDOWS,
    NUM_WORDS,
    VERSION,
    Fingerprint,
    Suppositions,
    mirrored,
    mirrored_usable,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMITS = ((1, 0.225), (2, 0.26), (4, 0.315), (9, 0.345))
"""(windows compared, at least; share of unequal bits below which two pictures are one).

Ours, chosen on photographs; docs/contamination.md says what they find and what they mistake.
"""

_METADATA = b"ggt_fingerprints"
_COARSE_LIMIT = 24
"""Unequal bits of the 64 lowest of one window, above which a supposition is not pursued."""
_CHUNK = 4096
"""Stored pictures compared at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A stored picture that a picture was found to be."""

    name: str
    """Of the stored picture."""
    distance: float
    """Share of unequal bits, from 0 (the same) to about 0.5 (unrelated)."""
    limit: float
    """The distance from which on it would not count."""
    mirrored: bool
    """Whether one is the mirror image of the other."""


class FingerprintIndex:
    """Fingerprints by name.

    Args:
        names: of the pictures.
        hashes: ``(N, 16, 2)``, ``uint64``.
        usable: ``(N, 16)``, which windows have detail.
        made_from: what the test set was called.
    """

    def __init__(
        self,
        names: Sequence[str],
        hashes: NDArray[np.uint64],
        usable: NDArray[np.bool_],
        made_from: str,
    ) -> None:
        self.names, self.made_from = list(names), made_from
        self._hashes, self._usable = hashes, usable
        # Looking up asks for the mirror images too: the second half.
        self._both = np.concatenate([hashes, mirrored(hashes)])
        self._both_usable = np.concatenate([usable, mirrored_usable(usable)])

    def __len__(self) -> int:
        return len(self.names)

    @property
    def num_flat(self) -> int:
        """Pictures in which nothing can be recognised, such as a black one."""
        return int((~self._usable.any(axis=1)).sum())

    @classmethod
    def of(
        cls, names: Sequence[str], fingerprints: Sequence[Fingerprint], made_from: str
    ) -> FingerprintIndex:
        """Put fingerprints together."""
        return cls(
            names,
            np.stack([found.hashes for found in fingerprints]),
            np.stack([found.usable for found in fingerprints]),
            made_from,
        )

    def save(self, path: Path) -> None:
        """Write the index as parquet: the same pictures give the same bytes."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = np.ascontiguousarray(self._hashes).astype("<u8").reshape(len(self), -1)
        flags = np.packbits(self._usable, axis=1, bitorder="little").view("<u2")[:, 0]
        made = {"version": VERSION, "made_from": self.made_from, "num_pictures": len(self)}
        table = pa.table(
            {
                "name": pa.array(self.names, pa.string()),
                "hashes": pa.array([row.tobytes() for row in rows], pa.binary(8 * rows.shape[1])),
                "usable": pa.array(flags, pa.uint16()),
            }
        ).replace_schema_metadata({_METADATA: json.dumps(made, sort_keys=True)})
        partial = path.with_name(f".{path.name}.partial")
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, partial, compression="zstd")
        partial.replace(path)

    @classmethod
    def load(cls, path: str | Path) -> FingerprintIndex:
        """Read an index.

        Raises:
            UsageError: there is no such file.
            FormatError: it is no index, or one of another version.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not Path(path).is_file():
            raise UsageError(
                f"{path} is no file.", hint="Make it: ggt contamination index TESTSET OUT"
            )
        try:
            table = pq.read_table(path)
            made = json.loads((table.schema.metadata or {}).get(_METADATA, b"{}"))
            version = made.get("version")
        except (pa.ArrowException, OSError, ValueError, AttributeError) as error:
            raise _no_index(path, str(error)) from error
        if version != VERSION:
            raise _no_index(path, f"its version is {version}, not {VERSION}")
        return cls._from_table(table, str(made.get("made_from")), path)

    @classmethod
    def _from_table(cls, table: Any, made_from: str, path: str | Path) -> FingerprintIndex:
        try:
            words = b"".join(table["hashes"].to_pylist())
            hashes = np.frombuffer(words, "<u8").reshape(-1, NUM_WINDOWS, NUM_WORDS)
            flags = table["usable"].to_numpy().astype("<u2").view(np.uint8).reshape(-1, 2)
            usable = np.unpackbits(flags, axis=1, bitorder="little").astype(bool)
            names = table["name"].to_pylist()
        except (KeyError, ValueError, TypeError) as error:
            raise _no_index(path, str(error)) from error
        if not names or not len(names) == len(hashes) == len(usable):
            raise _no_index(path, "it is empty or its columns disagree")
        return cls(names, hashes.astype(np.uint64), usable, made_from)

    def matches(self, picture: Suppositions) -> list[Match]:
        """Return the stored pictures that this one is, nearest first."""
        best: dict[int, Match] = {}
        for start in range(0, len(self._both), _CHUNK):
            stop = start + _CHUNK
            pursued = self._pursued(picture, start, stop)
            for entry, distance, limit in self._compared(picture, *pursued):
                index = entry % len(self)
                if index not in best or distance - limit < best[index].distance - best[index].limit:
                    best[index] = Match(
                        name=self.names[index],
                        distance=round(distance, 4),
                        limit=limit,
                        mirrored=entry >= len(self),
                    )
        return sorted(best.values(), key=lambda match: (match.distance - match.limit, match.name))

    def _pursued(
        self, picture: Suppositions, start: int, stop: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the (suppositions, entries) that the lowest bits of one window leave open."""
        first = picture.usable.argmax(axis=1)
        kept, entries = [], []
        for window in np.unique(first):
            group = np.flatnonzero((first == window) & picture.usable.any(axis=1))
            asked = picture.hashes[group, window, 0]
            stored = self._both[start:stop, window, 0]
            near = np.bitwise_count(asked[:, None] ^ stored) <= _COARSE_LIMIT
            near |= ~self._both_usable[start:stop, window]
            which, entry = np.nonzero(near)
            kept.append(group[which])
            entries.append(entry + start)
        return np.concatenate(kept), np.concatenate(entries)

    def _compared(
        self, picture: Suppositions, kept: NDArray[np.intp], entries: NDArray[np.intp]
    ) -> list[tuple[int, float, float]]:
        """Return (entry, distance, limit) of the pursued that are near enough."""
        both = picture.usable[kept] & self._both_usable[entries]
        unequal = np.bitwise_count(picture.hashes[kept] ^ self._both[entries]).sum(axis=2)
        windows = both.sum(axis=1)
        distances = (unequal * both).sum(axis=1) / np.maximum(windows * 64 * NUM_WORDS, 1)
        limits = _limits()[windows]
        near = np.flatnonzero(distances < limits)
        return [(int(entries[i]), float(distances[i]), float(limits[i])) for i in near]


def _limits() -> NDArray[np.float64]:
    """Return the limit for each number of windows from 0 to 16."""
    limits = np.zeros(NUM_WINDOWS + 1)
    for least, limit in LIMITS:
        limits[least:] = limit
    return limits


def _no_index(path: str | Path, cause: str) -> FormatError:
    return FormatError(
        f"{path} is no index of fingerprints that can be used: {cause}.",
        hint="Make it again: ggt contamination index TESTSET OUT",
    )

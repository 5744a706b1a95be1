"""A manifest of the user's own: JSONL, CSV or parquet, a row a pair, with paths of its pictures.

Paths are relative to the manifest, or absolute. They may lead anywhere (it is the user's file),
but what is recorded of a path outside the manifest's folder is the file's name alone.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ggt_hf.data.building.sources.blobs import MAX_NUM_BYTES, FileBlob
from ggt_hf.data.building.sources.labels import COLUMNS, Labeller, PairSource
from ggt_hf.data.building.sources.listing import Listing
from ggt_hf.data.building.sources.problems import Problem
from ggt_hf.errors import GgtError, SourceError

MANIFEST_SUFFIXES = frozenset({".jsonl", ".ndjson", ".csv", ".tsv", ".parquet"})

_KNOWN = frozenset({"lq", "gt", *COLUMNS})


def list_manifest(src: Path, labeller: Labeller) -> Listing:
    """Return the pairs that a manifest names.

    Raises:
        SourceError: it cannot be read as a whole.
    """
    listing = Listing()
    unknown: set[str] = set()
    number = 0
    try:
        for number, row in enumerate(_rows(src), start=1):
            if number == 1:
                _refuse_other_columns(src, row)
            unknown.update(name for name in row if name and name not in _KNOWN)
            try:
                listing.pairs.append(_pair(src, labeller, row, f"{src.name}, row {number}"))
            except GgtError as error:
                listing.problems.append(Problem.of(error, f"{src.name}:{number}"))
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        raise SourceError(
            f"{src} cannot be read as a manifest, after row {number} ({error}).",
            hint="Write one row a pair, as JSONL, CSV or parquet in UTF-8, with columns lq and gt.",
        ) from error
    if not number:
        raise SourceError(
            f"{src} holds no row.",
            hint="Write one row a pair, with columns lq and gt; CSV begins with these names.",
        )
    if unknown:
        listing.remarks.append(f"Passed over unknown columns: {', '.join(sorted(unknown))}")
    return listing


def _rows(src: Path) -> Iterator[Mapping[str, Any]]:
    suffix = src.suffix.lower()
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(src) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
        return
    with src.open(encoding="utf-8-sig", newline="") as text:
        if suffix in (".csv", ".tsv"):
            yield from csv.DictReader(text, delimiter="\t" if suffix == ".tsv" else ",")
            return
        for line in text:
            if line.strip():
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError(f"a line is no JSON object: {line.strip()[:60]}")
                yield row


def _refuse_other_columns(src: Path, row: Mapping[str, Any]) -> None:
    missing = [name for name in ("lq", "gt") if name not in row]
    if missing:
        columns = ", ".join(str(name) for name in row) or "none"
        raise SourceError(
            f"{src} has no column {' and '.join(missing)} (it has {columns[:200]}).",
            hint="Call the columns of the pictures' paths lq and gt; cells of CSV end in commas.",
        )


def _pair(src: Path, labeller: Labeller, row: Mapping[str, Any], where: str) -> PairSource:
    if None in row:
        raise SourceError(
            f"{where} has more cells than the header.", hint='Write commas in "quotes".'
        )
    lq, gt = _blob(src, row, "lq", where), _blob(src, row, "gt", where)
    reading = labeller.vocabulary.read(lq.name)
    columns = {name: row.get(name) for name in COLUMNS}
    info = labeller.info(reading.pair, reading, columns, source=lq.name)
    return PairSource(info=info, lq=lq, gt=gt)


def _blob(src: Path, row: Mapping[str, Any], column: str, where: str) -> FileBlob:
    given = row.get(column)
    if not given:
        raise SourceError(f"{where} has no {column}.", hint=f"Fill the column {column}.")
    if not isinstance(given, str):
        raise SourceError(
            f"{where} has no path as its {column}, but {type(given).__name__}.",
            hint="Write paths; pictures inside of parquet are read from the folder that holds it.",
        )
    if "://" in given:
        raise SourceError(
            f"{where} has a URL as its {column}: {given}.",
            hint="Download the pictures first, and name the files.",
        )
    path = src.parent / given
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise SourceError(
            f"{where}: {given} cannot be read ({cause}).",
            hint="Give paths relative to the manifest, or absolute ones.",
        ) from error
    if status.st_size > MAX_NUM_BYTES or not path.is_file():
        raise SourceError(f"{where}: {given} is no picture file.", hint="Leave this row out.")
    return FileBlob.of(_recorded(src.parent, path), path, status)


def _recorded(root: Path, path: Path) -> str:
    """Return the path as the dataset may remember it: nothing of the machine outside `root`."""
    relative = os.path.relpath(path, root)
    return path.name if relative.startswith("..") else Path(relative).as_posix()

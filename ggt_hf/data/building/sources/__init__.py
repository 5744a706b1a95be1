"""What users have -> pairs: paired folders, zips, manifests, datasets. Nothing is read yet.

`read_source` tells the kinds apart; each has a module of its own.
"""

from __future__ import annotations

import re
from pathlib import Path

from ggt_hf.data.building.sources.folders import list_folder
from ggt_hf.data.building.sources.labels import Labeller, Labels, PairSource
from ggt_hf.data.building.sources.listing import Listing
from ggt_hf.data.building.sources.manifests import MANIFEST_SUFFIXES, list_manifest
from ggt_hf.data.building.sources.problems import Problem, refusal
from ggt_hf.data.building.sources.tables import is_table_folder, list_table
from ggt_hf.data.format.schema import INFO_PATH
from ggt_hf.errors import SourceError
from ggt_hf.stages import CANDIDATES, PAIRS, VERDICTS

__all__ = ["Labels", "Listing", "PairSource", "Problem", "read_source", "refusal"]

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def read_source(
    src: str | Path,
    labels: Labels,
    *,
    columns: tuple[str | None, str | None] = (None, None),
    revision: str | None = None,
) -> Listing:
    """List the pairs of a source, by key, without reading a picture.

    Args:
        src: a folder of pictures or zips, one zip, a manifest (JSONL, CSV, parquet), a folder
            of the `datasets` library, or ``NAMESPACE/NAME`` on the Hub.
        labels: what to say of pairs that do not say it themselves.
        columns: names of the LQ and GT image columns, for datasets.
        revision: commit, tag or branch, for repositories.

    Raises:
        SourceError: there is nothing that could be listed.
    """
    path = Path(src)
    if (folder := _of_candidates(path)) is not None:
        raise SourceError(
            f"{folder} holds candidates, whether they were accepted or not.",
            hint=f"Run: ggt qc {folder} {folder}   and then: ggt build {folder / 'pairs.jsonl'}",
        )
    if not path.exists():
        is_file = path.suffix.lower() in {".zip", *MANIFEST_SUFFIXES}
        if is_file or not _REPOSITORY.fullmatch(str(src)):
            raise SourceError(f"{src} does not exist.", hint=_missing(path))
        labeller = Labeller(labels, str(src).partition("/")[2])
        return list_table(str(src), labeller, columns=columns, revision=revision).settled()
    labeller = Labeller(labels, path.resolve().stem if path.is_file() else path.resolve().name)
    if path.is_file():
        return _list_file(path, labeller).settled()
    if (path / INFO_PATH).is_file():
        raise SourceError(
            f"{src} is a dataset of this format already.",
            hint="Load it as it is; ggt validate proves it.",
        )
    if any(columns) or is_table_folder(path):
        listing = list_table(str(path), labeller, columns=columns, revision=None)
    else:
        listing = list_folder(path, labeller)
    return listing.settled()


def _missing(path: Path) -> str:
    if path.name == PAIRS and path.with_name(VERDICTS).is_file():
        return "ggt qc has accepted no candidate yet. See why not, or decide: ggt review FOLDER."
    if path.name == PAIRS and path.with_name(CANDIDATES).is_file():
        return f"ggt qc writes it: ggt qc {path.parent} {path.parent}"
    return "Check the path."


def _of_candidates(path: Path) -> Path | None:
    """Return the folder of candidates that `path` is, or the file of; else ``None``."""
    folder = path.parent if path.name == CANDIDATES else path
    return folder if (folder / CANDIDATES).is_file() else None


def _list_file(path: Path, labeller: Labeller) -> Listing:
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return list_folder(path, labeller)
    if suffix in MANIFEST_SUFFIXES:
        return list_manifest(path, labeller)
    raise SourceError(
        f"{path} is neither a folder, nor a zip, nor a manifest.",
        hint=f"Manifests end in {', '.join(sorted(MANIFEST_SUFFIXES))}.",
    )

"""Every picture of anything that pairs come from, one by one, whatever side it is on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ggt_hf.data.building.sources import Labels, PairSource, read_source
from ggt_hf.data.format.schema import INFO_PATH
from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.data.reading.store import PairStore
from ggt_hf.errors import FormatError, ReadError, SourceError

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture that can be read."""

    name: str
    """What to call it: ``KEY.lq``, or a path within the source."""
    read: Callable[[], bytes]
    """Returns the encoded bytes."""


def pictures_of(
    src: str | Path,
    *,
    revision: str | None = None,
    token: str | None = None,
    split: str | None = None,
) -> list[Picture]:
    """List every picture of a source, by name; none is read yet.

    Args:
        src: a dataset of this format (folder or repository), a folder of pictures, one picture,
            or whatever else ``ggt build`` takes.
        revision: commit, tag or branch, for repositories.
        token: of the Hub.
        split: of a dataset of this format, the one to list; all unless given.

    Raises:
        SourceError: there is no picture, or a part of the source cannot be listed.
        GgtError: a dataset cannot be opened.
    """
    path = Path(src)
    if path.exists():
        found = _pictures_here(path, split)
    else:
        try:
            found = _pictures_in(open_dataset(src, revision=revision, token=token), split)
        except FormatError:  # a repository of another format
            found = _listed(src, revision)
    if not found:
        raise SourceError(
            f"{src} holds no picture.",
            hint="Give a folder of JPEG, PNG or WebP files, or a dataset.",
        )
    return sorted(found, key=lambda picture: picture.name)


def pictures_of_pairs(pairs: Iterable[PairSource]) -> list[Picture]:
    """Return both pictures of each pair."""
    return [
        Picture(name=f"{pair.info.key}.{side}", read=blob.read)
        for pair in pairs
        for side, blob in (("lq", pair.lq), ("gt", pair.gt))
    ]


def _pictures_here(path: Path, split: str | None) -> list[Picture]:
    if path.is_file():
        if path.suffix.lower() in _SUFFIXES:
            return [Picture(name=path.name, read=partial(_read, path))]
        return _listed(path, None)
    if (path / INFO_PATH).is_file():
        return _pictures_in(open_dataset(path), split)
    files = [file for file in path.rglob("*") if file.is_file()]
    if any(file.suffix.lower() in {".zip", ".parquet", ".arrow"} for file in files):
        return _listed(path, None)
    return [
        Picture(name=file.relative_to(path).as_posix(), read=partial(_read, file))
        for file in files
        if file.suffix.lower() in _SUFFIXES
    ]


def _pictures_in(store: PairStore, split: str | None) -> list[Picture]:
    return [
        Picture(
            name=f"{row.key}.{side}",
            read=partial(store.read, row.shard, span.offset, span.num_bytes),
        )
        for row in store.manifest
        if split in (None, row.split)
        for side, span in (("lq", row.lq), ("gt", row.gt))
    ]


def _listed(src: str | Path, revision: str | None) -> list[Picture]:
    # The category is of no consequence here; where none is said, any will do.
    listing = read_source(src, Labels(category="mixed"), revision=revision)
    if listing.problems:
        raise SourceError(
            f"{src} has {len(listing.problems)} parts that cannot be listed, for example: "
            f"{listing.problems[0].cause}",
            hint="Try ggt build --dry-run: it names them all. A check must see every picture.",
        )
    return pictures_of_pairs(listing.pairs)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReadError(
            f"{path} cannot be read: {error}.", hint="Check its permissions."
        ) from error

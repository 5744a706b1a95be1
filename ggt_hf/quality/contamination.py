"""Whether anything that trains holds pictures of a test set, on either side of its pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ggt_hf.data.building.checking import in_order
from ggt_hf.errors import GgtError, OverlapError, SourceError
from ggt_hf.images import luminance
from ggt_hf.progress import bar
from ggt_hf.quality.fingerprint_index import FingerprintIndex, Match
from ggt_hf.quality.fingerprints import SIDE, Fingerprint, fingerprint, suppose
from ggt_hf.quality.pictures import Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Made = TypeVar("Made")

_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A picture that is one of the test set."""

    name: str
    """Of the picture in the source."""
    match: Match
    """The picture of the test set that it is nearest to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContaminationReport:
    """What a check found."""

    num_pictures: int
    """Pictures of the source."""
    hits: tuple[Hit, ...]
    """Pictures that are in the test set, by name."""
    unreadable: tuple[str, ...]
    """Why a picture could not be looked at, one sentence each."""
    num_flat: int
    """Pictures without detail, such as black ones, which can be told from nothing."""

    @property
    def clean(self) -> bool:
        """Whether every picture was looked at and none is in the test set."""
        return not self.hits and not self.unreadable


def build_index(
    pictures: Sequence[Picture],
    made_from: str,
    *,
    num_workers: int | None = None,
    quiet: bool = False,
) -> FingerprintIndex:
    """Take the fingerprint of every picture of a test set.

    Raises:
        SourceError: a picture cannot be decoded.
    """
    found = list(_seen(fingerprint, pictures, num_workers, quiet=quiet))
    bad = [made for made in found if isinstance(made, GgtError)]
    if bad:
        raise SourceError(
            f"{len(bad)} pictures of {made_from} cannot be decoded: {bad[0].message}",
            hint="An index must hold the whole test set; mend or remove them.",
        )
    fingerprints = [made for made in found if isinstance(made, Fingerprint)]
    return FingerprintIndex.of([picture.name for picture in pictures], fingerprints, made_from)


def check(
    pictures: Sequence[Picture],
    index: FingerprintIndex,
    *,
    num_workers: int | None = None,
    quiet: bool = False,
) -> ContaminationReport:
    """Look every picture up in the index of a test set."""
    look = partial(_look, index)
    hits, unreadable, num_flat = [], [], 0
    for picture, found in zip(
        pictures, _seen(look, pictures, num_workers, quiet=quiet), strict=True
    ):
        if isinstance(found, GgtError):
            unreadable.append(found.message)
        elif found is None:
            num_flat += 1
        elif found:
            hits.append(Hit(name=picture.name, match=found[0]))
    return ContaminationReport(
        num_pictures=len(pictures),
        hits=tuple(hits),
        unreadable=tuple(unreadable),
        num_flat=num_flat,
    )


def refuse_overlap(
    pictures: Sequence[Picture],
    index: str | Path,
    *,
    num_workers: int | None = None,
    quiet: bool = False,
) -> None:
    """Raise where a picture is in the test set, or could not be looked at.

    Raises:
        OverlapError: naming some of them.
    """
    report = check(pictures, FingerprintIndex.load(index), num_workers=num_workers, quiet=quiet)
    if report.hits:
        some = ", ".join(f"{hit.name} (is {hit.match.name})" for hit in report.hits[:_SHOWN])
        raise OverlapError(
            f"{len(report.hits)} of {report.num_pictures} pictures are in the test set of "
            f"{index}: {some}.",
            hint="ggt contamination check SOURCE INDEX lists them all; leave their pairs out.",
        )
    if report.unreadable:
        raise OverlapError(
            f"{len(report.unreadable)} pictures could not be compared with {index}: "
            f"{report.unreadable[0]}",
            hint="Mend them or leave them out: what was not seen is not known to be clean.",
        )


def _look(index: FingerprintIndex, square: NDArray[np.uint8]) -> list[Match] | None:
    asked = suppose(square)
    return index.matches(asked) if asked.usable.any() else None


def _seen(
    see: Callable[..., Made], pictures: Sequence[Picture], num_workers: int | None, *, quiet: bool
) -> Iterator[Made | GgtError]:
    """Yield what `see` makes of each picture's luminance, or why it cannot be seen."""

    def work(picture: Picture) -> Made | GgtError:
        try:
            return see(luminance(picture.read(), picture.name, SIDE))
        except GgtError as error:
            return error

    with bar("looking", len(pictures), quiet=quiet) as advance:
        for made in in_order(work, pictures, num_workers):
            advance()
            yield made

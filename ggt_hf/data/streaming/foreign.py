"""Pairs that come from elsewhere: rows of any dataset, or any iterable, as a `PairSource`."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ggt_hf.data.regions import Region, decode_region
from ggt_hf.data.streaming.batches import PairSample, Slots
from ggt_hf.data.streaming.order import true_shuffle
from ggt_hf.data.streaming.transforms import Geometry, RandomGeometry
from ggt_hf.errors import ReadError, SourceError
from ggt_hf.images import inspect

Row = Mapping[str, Any]
"""A row with two pictures: encoded bytes, ``{"bytes": ...}``, PIL images or uint8 arrays."""

KEEP = 4096
"""Rows that a `SequentialPairs` keeps for whoever asks out of turn."""


class Rows(Protocol):
    """Anything with a length and rows by number, as `datasets.Dataset`."""

    def __len__(self) -> int:
        """Return how many rows there are."""
        ...

    def __getitem__(self, index: int) -> Row:
        """Return row `index`."""
        ...


class RowPairs:
    """Pairs of a table with random access, such as a `datasets.Dataset`, in a seeded order.

    Args:
        rows: the table. Columns of type `datasets.Image` are best cast to ``Image(decode=False)``:
            then only the crop is decoded.
        name: names these rows and their version, as part of the stream's state.
        lq: column of the low-quality picture.
        gt: column of the ground truth.
        shuffle: draw a new order each epoch; else keep that of the rows.
        seed: of the order and of the geometry.
        geometry: crop, flip and rotation.
    """

    def __init__(
        self,
        rows: Rows,
        name: str,
        *,
        lq: str = "lq",
        gt: str = "gt",
        shuffle: bool = True,
        seed: int = 0,
        geometry: RandomGeometry | None = None,
    ) -> None:
        self._rows = rows
        self._name = name
        self._columns = lq, gt
        self._shuffle = shuffle
        self._seed = seed
        self._geometry = geometry or RandomGeometry()
        self._order: tuple[int, NDArray[np.int64]] = -1, np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def sample_shape(self) -> tuple[int, int] | None:
        """(height, width) of every sample, or ``None`` where they may differ."""
        crop = self._geometry.crop
        return None if crop is None else (crop, crop)

    @property
    def fingerprint(self) -> str:
        """Names the rows, their order and their geometry."""
        words = self._name, len(self), self._columns, self._shuffle, self._seed, self._geometry
        return hashlib.blake2b(repr(words).encode(), digest_size=8).hexdigest()

    def sample(self, epoch: int, position: int, out: Slots | None = None) -> PairSample:
        """Return the pair at `position` of the epoch's order.

        Raises:
            SourceError: the row has no two pictures of one size, or they are too small.
            ImageError: a picture cannot be decoded.
        """
        index = self._index(epoch, position)
        key = f"{self._name}[{index}]"
        return _sample(self._rows[index], key, self._columns, self._geometry, self._seed, epoch)

    def _index(self, epoch: int, position: int) -> int:
        if not self._shuffle:
            return position
        drawn, order = self._order
        if drawn != epoch:
            order = true_shuffle(len(self), self._seed, epoch)
            self._order = epoch, order
        return int(order[position])


class SequentialPairs:
    """Pairs of an iterable that can only be read in its own order.

    Positions are found by reading on, so that every worker and rank reads the whole iterable and
    keeps its share, and resuming reads again up to the place. For more speed use `RowPairs`.

    Args:
        open_epoch: epoch -> an iterable of rows; the same rows each time it is called for one.
        length: rows of an epoch; an iterable that ends sooner is an error.
        name: names the iterable and its version, as part of the stream's state.
        lq: field of the low-quality picture.
        gt: field of the ground truth.
        seed: of the geometry.
        geometry: crop, flip and rotation.
    """

    def __init__(
        self,
        open_epoch: Callable[[int], Iterable[Row]],
        length: int,
        name: str,
        *,
        lq: str = "lq",
        gt: str = "gt",
        seed: int = 0,
        geometry: RandomGeometry | None = None,
    ) -> None:
        self._open = open_epoch
        self._length = length
        self._name = name
        self._columns = lq, gt
        self._seed = seed
        self._geometry = geometry or RandomGeometry()
        self._begin(-1)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._length

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_lock": None, "_iterator": iter(()), "_epoch": -1}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    @property
    def sample_shape(self) -> tuple[int, int] | None:
        """(height, width) of every sample, or ``None`` where they may differ."""
        crop = self._geometry.crop
        return None if crop is None else (crop, crop)

    @property
    def fingerprint(self) -> str:
        """Names the iterable and the geometry."""
        words = self._name, self._length, self._columns, self._seed, self._geometry
        return hashlib.blake2b(repr(words).encode(), digest_size=8).hexdigest()

    def sample(self, epoch: int, position: int, out: Slots | None = None) -> PairSample:
        """Return the pair at `position` of the iterable.

        Raises:
            ReadError: the iterable ended before `position`.
            SourceError: the row has no two pictures of one size, or they are too small.
            ImageError: a picture cannot be decoded.
        """
        with self._lock:
            row = self._row(epoch, position)
        key = f"{self._name}[{position}]"
        return _sample(row, key, self._columns, self._geometry, self._seed, epoch)

    def _row(self, epoch: int, position: int) -> Row:
        missed = position < self._next and position not in self._kept
        if epoch != self._epoch or missed:
            self._begin(epoch)
        while self._next <= position:
            try:
                self._kept[self._next] = next(self._iterator)
            except StopIteration:
                raise ReadError(
                    f"{self._name} ended after {self._next} of {self._length} rows.",
                    hint="Give the length that it has, or find out why rows are missing.",
                ) from None
            self._next += 1
            if len(self._kept) > KEEP:
                self._kept.popitem(last=False)
        return self._kept[position]

    def _begin(self, epoch: int) -> None:
        self._epoch = epoch
        self._iterator: Iterator[Row] = iter(self._open(epoch)) if epoch >= 0 else iter(())
        self._next = 0
        self._kept: OrderedDict[int, Row] = OrderedDict()


def _sample(
    row: Row,
    key: str,
    columns: tuple[str, str],
    geometry: RandomGeometry,
    seed: int,
    epoch: int,
) -> PairSample:
    pictures = [_picture(row, column, key) for column in columns]
    sizes = {_size(picture, key) for picture in pictures}
    width, height = sizes.pop()
    if sizes or min(width, height) < (geometry.crop or 1):
        raise SourceError(
            f"{key} has pictures of unlike sizes, or smaller than the crop of {geometry.crop} px.",
            hint="Leave it out of the rows, or lower crop.",
        )
    drawn = geometry.draw(seed, epoch, key, width, height)
    lq, gt = (drawn.turn(_crop(picture, drawn, key)) for picture in pictures)
    return PairSample(key=key, lq=lq, gt=gt)


def _picture(row: Row, column: str, key: str) -> bytes | NDArray[np.uint8]:
    value = row.get(column)
    if isinstance(value, Mapping):
        value = value.get("bytes")
    if isinstance(value, bytes):
        return value
    if value is None:
        raise SourceError(
            f"{key} has no picture in {column!r}; it has {', '.join(row)}.",
            hint="Name the columns: lq=..., gt=...",
        )
    if hasattr(value, "convert"):
        value = value.convert("RGB")
    return np.asarray(value, dtype=np.uint8)


def _size(picture: bytes | NDArray[np.uint8], key: str) -> tuple[int, int]:
    if isinstance(picture, bytes):
        info = inspect(picture, key)
        return info.width, info.height
    return picture.shape[1], picture.shape[0]


def _crop(picture: bytes | NDArray[np.uint8], geometry: Geometry, key: str) -> NDArray[np.uint8]:
    region = Region(x=geometry.x, y=geometry.y, width=geometry.width, height=geometry.height)
    if isinstance(picture, bytes):
        return decode_region(picture, region, name=key)
    return picture[region.y : region.y + region.height, region.x : region.x + region.width]

"""A dataset's pairs in a seeded order, filtered by the manifest, decoded only where cropped."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ggt_hf.data.regions import Read, Region, read_region
from ggt_hf.data.streaming.batches import PairSample, Slots
from ggt_hf.data.streaming.columns import PairColumns, PairPlace
from ggt_hf.data.streaming.order import BlockShuffle, true_shuffle
from ggt_hf.data.streaming.transforms import Geometry, RandomGeometry
from ggt_hf.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from ggt_hf.data.format.manifest import Manifest
    from ggt_hf.data.reading.overlays import Overlay
    from ggt_hf.data.reading.reader import PairStore

Shuffle = Literal["pairs", "blocks"]
"""``pairs``: any order is as likely as any other. ``blocks``: neighbours are read together."""

_SIDES = "lq", "gt"

BLOCK, WINDOW = 64, 32
"""Our defaults of a block shuffle: 2,048 pairs are mixed among themselves at a time."""


class DatasetPairs:
    """The selected pairs of a dataset, by their place in an epoch's order.

    Args:
        store: the opened dataset.
        manifest: the selected rows of it; the whole manifest unless given.
        shuffle: ``"pairs"``, ``"blocks"``, or ``None`` for the order of the shards.
        seed: of the order and of the geometry.
        geometry: crop, flip and rotation.
        verify: compare each member's sha256 with the manifest's.
        overlay: corrections that `manifest` has applied; their pictures stand in for the shard's.

    Raises:
        UsageError: no pair is left, or some are smaller than the crop.
    """

    def __init__(
        self,
        store: PairStore,
        manifest: Manifest | None = None,
        *,
        shuffle: Shuffle | None = "pairs",
        seed: int = 0,
        geometry: RandomGeometry | None = None,
        verify: bool = False,
        overlay: Overlay | None = None,
    ) -> None:
        self._store = store
        self._overlay = overlay
        self._columns = PairColumns(store.manifest if manifest is None else manifest)
        self._geometry = geometry or RandomGeometry()
        self._shuffle = shuffle
        self._seed = seed
        self._verify = verify
        self._lock = threading.Lock()
        self._order: tuple[int, NDArray[np.int64] | BlockShuffle] | None = None
        self._refuse_empty_or_small()

    def __len__(self) -> int:
        return len(self._columns)

    def __getstate__(self) -> dict[str, Any]:
        # A worker makes its own lock, and the order again: cheaper than sending it.
        return self.__dict__ | {"_lock": None, "_order": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    @property
    def sample_shape(self) -> tuple[int, int] | None:
        """(height, width) of every sample, or ``None`` where they differ."""
        if self._geometry.crop is not None:
            return self._geometry.crop, self._geometry.crop
        return self._columns.common_size()

    @property
    def fingerprint(self) -> str:
        """Names the pairs, their order and their geometry."""
        words = (self._columns.digest, self._shuffle, self._seed, self._geometry)
        return hashlib.blake2b(repr(words).encode(), digest_size=8).hexdigest()

    def sample(self, epoch: int, position: int, out: Slots | None = None) -> PairSample:
        """Return the pair at `position` of the epoch's order, cropped and turned.

        Args:
            epoch: which order.
            position: place in it.
            out: where to write the two pictures.

        Raises:
            ReadError: its bytes cannot be fetched.
            IntegrityError: its bytes are not the bytes that were written.
            ImageError: a picture cannot be decoded.
        """
        pair = self._columns.place(self._row(epoch, position))
        geometry = self._geometry.draw(self._seed, epoch, pair.key, pair.width, pair.height)
        region = Region(x=geometry.x, y=geometry.y, width=geometry.width, height=geometry.height)
        slots = out or _new_slots(geometry)
        members = zip(slots, self._members(pair), strict=True)
        for slot, (name, read, num_bytes, index) in members:
            crop = geometry.unturned(slot)
            read_region(read, num_bytes, region, index=index, out=crop, name=name)
        return PairSample(key=pair.key, lq=slots[0], gt=slots[1])

    def _row(self, epoch: int, position: int) -> int:
        if self._shuffle is None:
            return position
        with self._lock:
            if self._order is None or self._order[0] != epoch:
                self._order = epoch, self._permutation(epoch)
            return int(self._order[1][position])

    def _permutation(self, epoch: int) -> NDArray[np.int64] | BlockShuffle:
        if self._shuffle == "blocks":
            return BlockShuffle(len(self), self._seed, epoch, block=BLOCK, window=WINDOW)
        return true_shuffle(len(self), self._seed, epoch)

    def _members(self, pair: PairPlace) -> Iterator[tuple[str, Read, int, bytes | None]]:
        """Yield (name, what reads it, its length, its seek index) of the LQ and of the GT."""
        spans = (pair.lq_offset, pair.lq_bytes), (pair.gt_offset, pair.gt_bytes)
        overlay = self._overlay
        corrections = [overlay.replacement(pair.key, s) if overlay else None for s in _SIDES]
        # The manifest of a corrected pair says the replacement's length where the shard's was.
        from_shard = self._reader(pair, is_whole=not any(corrections))
        parts = zip(_SIDES, spans, pair.indexes, corrections, strict=True)
        for suffix, (offset, num_bytes), index, correction in parts:
            if correction:
                data = correction.read()  # proven by its own sha256
                yield str(correction.path), _reader_of(data), len(data), None
                continue
            if self._verify:
                self._check(pair, suffix, from_shard(offset, offset + num_bytes))
            name = f"{pair.key}.{suffix} in {pair.shard}"
            yield name, partial(_shifted, from_shard, offset), num_bytes, index

    def _reader(self, pair: PairPlace, *, is_whole: bool) -> Read:
        """Return what reads bytes of the pair's shard; `is_whole`: both sides lie there."""
        if not is_whole or (self._store.is_local and not self._verify):
            if all(pair.indexes):  # of seekable pictures parts are read, and used at once
                return self._store.reader_for_now(pair.shard)
            return lambda start, stop: self._store.read(pair.shard, start, stop - start)
        # LQ and GT are neighbours in the shard: one read brings both.
        first = pair.lq_offset
        both = self._store.read(pair.shard, first, pair.gt_offset + pair.gt_bytes - first)
        return lambda start, stop: both[start - first : stop - first]

    def _check(self, pair: PairPlace, suffix: str, content: bytes | memoryview) -> None:
        wanted = self._columns.sha256(pair.row, suffix)
        if hashlib.sha256(content).hexdigest() != wanted:
            raise IntegrityError(
                f"{pair.key}.{suffix} in {pair.shard} of {self._store.name} does not have the "
                f"sha256 {wanted} that the manifest records.",
                hint=f"Run: ggt validate {self._store.name}",
            )

    def _refuse_empty_or_small(self) -> None:
        if not len(self):
            raise UsageError(
                f"No pair of {self._store.name} is left after the filters.",
                hint=f"See what there is: ggt info {self._store.name}",
            )
        crop = self._geometry.crop
        if crop is None:
            return
        small = self._columns.smaller_than(crop)
        if len(small):
            example = self._columns.place(int(small[0]))
            raise UsageError(
                f"{len(small)} of {len(self)} pairs are smaller than the crop of {crop} px, "
                f"for example {example.key} ({example.width} x {example.height}).",
                hint="Lower crop, or leave them out with min_size.",
            )


def _new_slots(geometry: Geometry) -> Slots:
    crop = np.empty((geometry.height, geometry.width, 3), np.uint8)
    turned = geometry.turn(crop).shape
    return np.empty(turned, np.uint8), np.empty(turned, np.uint8)


def _reader_of(data: bytes) -> Read:
    return lambda start, stop: data[start:stop]


def _shifted(read: Read, offset: int, start: int, stop: int) -> bytes | memoryview:
    return read(offset + start, offset + stop)


def open_pairs(
    where: str | Path,
    *,
    split: str = "train",
    crop: int | None = None,
    flip: bool = False,
    rotate: bool = False,
    shuffle: Shuffle | None = "pairs",
    seed: int = 0,
    revision: str | None = None,
    token: str | None = None,
    verify: bool = False,
    overlay: Overlay | None = None,
    **filters: Any,
) -> DatasetPairs:
    """Open a dataset's pairs for streaming.

    Args:
        where: a folder, or ``namespace/name`` on the Hub.
        split: the split to read.
        crop: side of a random square crop, in pixels; ``None`` gives whole pictures.
        flip: mirror every second pair.
        rotate: rotate by a random multiple of 90 degrees; needs `crop`.
        shuffle: ``"pairs"``: any order is as likely as any other; best from a local disk or a
            warm cache. ``"blocks"``: 2,048 pairs out of 32 short stretches of shards are mixed
            at a time; far fewer shards are open at once. ``None``: the order of the shards.
        seed: of the order, the crops, flips and rotations.
        revision: commit, tag or branch on the Hub.
        token: of the Hub; ``None`` = HF_TOKEN or the stored one.
        verify: compare every picture with its recorded sha256 before decoding it.
        overlay: corrections made for this dataset (`read_overlay`): dropped pairs are left out,
            replaced pictures read from their files, new categories filtered by.
        filters: what `selection.select` takes: ``categories``, ``min_scores``, ``max_scores``,
            ``licenses``, ``min_size``.

    Raises:
        UsageError: nothing is left after the filters, or pairs are smaller than the crop.
        FormatError: `overlay` was made for another dataset, or another state of this one.
        GgtError: the dataset cannot be opened; see `reader.open_dataset`.
    """
    from ggt_hf.data.reading.reader import open_dataset
    from ggt_hf.data.streaming.selection import select

    if rotate and crop is None:
        raise UsageError("rotate needs a square crop.", hint="Pass crop=256, or rotate=False.")
    store = open_dataset(where, revision=revision, token=token)
    manifest = store.manifest
    if overlay is not None:
        overlay.check(store.info, store.name)
        manifest = overlay.apply(manifest)
    return DatasetPairs(
        store,
        select(manifest, split=split, **filters),
        shuffle=shuffle,
        seed=seed,
        geometry=RandomGeometry(crop=crop, flip=flip, rotate=rotate),
        verify=verify,
        overlay=overlay,
    )

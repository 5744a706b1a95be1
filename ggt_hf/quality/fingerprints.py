"""Fingerprints that survive degradation, cropping and mirroring, and hold no pixels.

Luminance, 128 x 128 whatever the aspect, is normalised to its local mean and contrast, which
haze, darkness, fading and toning change. Of a window of it, the signs of its 128 lowest cosine
frequencies are the hash: noise, rain, scratches and JPEG live above them. A picture is stored as
the hashes of 16 windows (4 x 4 pairs of intervals); mirroring it only exchanges windows and
flips signs.

To find a picture from a crop of it, or a crop of it in a picture, the question is turned around:
suppose the stored frame lies *there* relative to this picture; hash the windows where they would
be; compare those that lie inside both. A few hundred suppositions cover crops of 60 % of the area.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Interval = tuple[float, float]

VERSION = 1
"""Raised whenever the same picture would get another fingerprint."""

SIDE = 128
"""Pixels of the square of luminance."""

INTERVALS = ((0.0, 1.0), (0.0, 0.55), (0.225, 0.775), (0.45, 1.0))
"""Of one axis; the windows are their 16 products, row interval first."""

NUM_WINDOWS = len(INTERVALS) ** 2
NUM_WORDS = 2
"""64-bit words of a window's hash."""

_MIRRORED = (0, 3, 2, 1)
"""Which interval an interval becomes when the picture is mirrored."""
_SIGMA = 6.0
"""Of the Gaussian that local mean and contrast are taken over, in pixels of the square."""
_FLOOR = 4.0
"""Contrast, in grey levels, below which a place counts as flat."""
_LEAST_DETAIL = 0.12
"""Root mean square of the normalised luminance below which a window has nothing to hash."""
_STEP = 0.04
"""Between suppositions: of the shorter frame, in lengths of the longer one."""
_SMALLEST = 0.76
"""Side of the smallest crop that is supposed, of the whole's side."""
_TOLERANCE = 0.02
"""How far outside of a picture a window may lie, in sides of the picture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suppositions:
    """Where stored frames may lie, and the hashes that their windows would have there."""

    hashes: NDArray[np.uint64]
    """``(S, 16, 2)``."""
    usable: NDArray[np.bool_]
    """``(S, 16)``: the window lies inside this picture, and there is detail in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fingerprint:
    """What is stored of a picture."""

    hashes: NDArray[np.uint64]
    """``(16, 2)``."""
    usable: NDArray[np.bool_]
    """``(16,)``: there is detail in the window."""


def normalise(luminance: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Divide out local mean and contrast.

    Args:
        luminance: ``(SIDE, SIDE)``.

    Returns:
        About zero mean, root mean square at most about 1, ``(SIDE, SIDE)``.
    """
    values, blur = luminance.astype(np.float32), _gaussian()
    mean = blur @ values @ blur.T
    variance = np.maximum(blur @ (values * values) @ blur.T - mean * mean, 0)
    contrast = np.sqrt(variance + np.float32(_FLOOR**2))
    normal: NDArray[np.float32] = ((values - mean) / contrast).astype(np.float32)
    return normal


def fingerprint(luminance: NDArray[np.uint8]) -> Fingerprint:
    """Return what is stored of a picture of luminance ``(SIDE, SIDE)``, ``uint8``."""
    found = _suppose(normalise(luminance), _own_frame())
    return Fingerprint(hashes=found.hashes[0], usable=found.usable[0])


def suppose(luminance: NDArray[np.uint8]) -> Suppositions:
    """Return the hashes by which a picture ``(SIDE, SIDE)``, ``uint8``, is looked up."""
    return _suppose(normalise(luminance), _frames())


def mirrored(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the hashes ``(..., 16, 2)`` that the mirrored pictures have."""
    order = [4 * row + _MIRRORED[column] for row, column in product(range(4), repeat=2)]
    return hashes[..., order, :] ^ _odd_columns()


def mirrored_usable(usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return `usable` ``(..., 16)`` of the mirrored pictures."""
    order = [4 * row + _MIRRORED[column] for row, column in product(range(4), repeat=2)]
    return usable[..., order]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Frames:
    """Suppositions as arrays: which analysis of which axis each window takes."""

    bases: NDArray[np.float32]
    """``(K, F, SIDE)``: the cosines on each distinct interval."""
    windows: NDArray[np.intp]
    """``(2, W)``: bases of the rows and of the columns of each distinct window."""
    places: NDArray[np.intp]
    """``(S, 16)``: which of the W a window is."""
    inside: NDArray[np.bool_]
    """``(S, 16)``: the window lies inside the picture."""


def _suppose(normal: NDArray[np.float32], frames: _Frames) -> Suppositions:
    rows, columns = frames.windows
    by_rows = np.tensordot(frames.bases, normal, axes=1)  # (K, F, SIDE)
    spectrum = by_rows[rows] @ frames.bases[columns].transpose(0, 2, 1)  # (W, F, F)
    bits = spectrum[:, *_frequencies()] > 0
    words = np.ascontiguousarray(np.packbits(bits, axis=1, bitorder="little")).view(np.uint64)
    means = _means(frames.bases)
    energy = means @ (normal**2) @ means.T
    detailed = energy[rows, columns] >= _LEAST_DETAIL**2
    return Suppositions(hashes=words[frames.places], usable=detailed[frames.places] & frames.inside)


@cache
def _gaussian() -> NDArray[np.float32]:
    places = np.arange(SIDE)
    weights = np.exp(-((places[:, None] - places) ** 2) / (2 * _SIGMA**2))
    normal: NDArray[np.float32] = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return normal


@cache
def _frequencies() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the 128 lowest (row, column) frequencies without the mean, lowest first."""
    found = sorted(
        (row**2 + column**2, row, column)
        for row, column in product(range(16), repeat=2)
        if row or column
    )[: 64 * NUM_WORDS]
    return np.array([row for _, row, _ in found]), np.array([column for *_, column in found])


@cache
def _odd_columns() -> NDArray[np.uint64]:
    """Return the bits whose sign a mirroring flips, ``(2,)``."""
    return np.packbits(_frequencies()[1] % 2 == 1, bitorder="little").view(np.uint64)


def _basis(start: float, end: float) -> NDArray[np.float32]:
    """Return the cosines on an interval of an axis, ``(F, SIDE)``; zero outside of it."""
    places = ((np.arange(SIDE) + 0.5) / SIDE - start) / (end - start)
    inside = (places > 0) & (places < 1)
    waves = np.cos(np.pi * np.arange(16)[:, None] * places)
    return (waves * inside).astype(np.float32)


def _means(bases: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the weights that take the mean over each basis's interval, ``(K, SIDE)``."""
    inside = bases[:, 0]
    weights: NDArray[np.float32] = inside / np.maximum(inside.sum(1, keepdims=True), 1)
    return weights


@cache
def _own_frame() -> _Frames:
    return _arranged([((0.0, 1.0), (0.0, 1.0))])


@cache
def _frames() -> _Frames:
    """Return the frame itself, crops of both axes by one factor, and crops of one axis."""
    whole = (0.0, 1.0)
    found: list[tuple[_Interval, _Interval]] = [(whole, whole)]
    for count in range(1, round((1 - _SMALLEST) / _STEP) + 1):
        side = 1 - count * _STEP
        starts = [index * _STEP for index in range(count + 1)]
        inner = [(start, start + side) for start in starts]  # the stored frame is a crop of this
        outer = [(-start / side, (1 - start) / side) for start in starts]  # this is a crop of it
        for intervals in (inner, outer):
            found += product(intervals, intervals)
            found += [(whole, interval) for interval in intervals]
            found += [(interval, whole) for interval in intervals]
    return _arranged(found)


def _arranged(frames: list[tuple[_Interval, _Interval]]) -> _Frames:
    intervals: dict[_Interval, int] = {}
    windows: dict[tuple[int, int], int] = {}
    places = np.zeros((len(frames), NUM_WINDOWS), np.intp)
    inside = np.zeros(places.shape, np.bool_)
    for index, (vertical, horizontal) in enumerate(frames):
        for number, (across, along) in enumerate(product(INTERVALS, repeat=2)):
            axes = _placed(vertical, across), _placed(horizontal, along)
            if all(start >= -_TOLERANCE and end <= 1 + _TOLERANCE for start, end in axes):
                row, column = (intervals.setdefault(axis, len(intervals)) for axis in axes)
                places[index, number] = windows.setdefault((row, column), len(windows))
                inside[index, number] = True
    bases = np.stack([_basis(start, end) for start, end in intervals])
    return _Frames(bases=bases, windows=np.array(list(windows)).T, places=places, inside=inside)


def _placed(frame: _Interval, interval: _Interval) -> _Interval:
    start, length = frame[0], frame[1] - frame[0]
    return round(start + length * interval[0], 4), round(start + length * interval[1], 4)

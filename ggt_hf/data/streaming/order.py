"""The order of an epoch: a function of (count, seed, epoch), the same on every machine and version.

Library generators may change their streams between versions; a resumed run must not. So the order
is an argsort over SplitMix64 hashes (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014), which is defined here to the last bit.
"""

from __future__ import annotations

import hashlib
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ggt_hf.errors import UsageError

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def hashed(values: NDArray[np.uint64], salt: int) -> NDArray[np.uint64]:
    """Return SplitMix64's output for each of `values`, in the stream chosen by `salt`.

    Args:
        values: ``uint64``, any shape.
        salt: 0 to 2**64 - 1.
    """
    with np.errstate(over="ignore"):
        mixed = (values + np.uint64(1)) * _GOLDEN + np.uint64(salt)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        return cast("NDArray[np.uint64]", mixed ^ (mixed >> np.uint64(31)))


def salt(*words: int | str) -> int:
    """Return 64 bits that stand for `words`, alike on every machine."""
    text = "\0".join(str(word) for word in words)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def true_shuffle(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return a permutation of ``range(count)`` in which every order is as likely as any other."""
    # SplitMix64 gives no value twice, so that every kind of sort gives this one order.
    return np.argsort(hashed(np.arange(count, dtype=np.uint64), salt("pair", seed, epoch)))


def block_shuffle(
    count: int, seed: int, epoch: int, *, block: int, window: int
) -> NDArray[np.int64]:
    """Return a permutation that reads runs of neighbours together.

    The rows are cut into blocks of `block` neighbours, the blocks are shuffled over the whole
    set, and the pairs of each `window` blocks in turn are shuffled among themselves. A reader
    then works on `window` short stretches of shards at a time. A larger window is more random,
    a larger block more sequential; ``block=1`` is a true shuffle.

    Raises:
        UsageError: `block` or `window` below 1.
    """
    if block < 1 or window < 1:
        raise UsageError(
            f"block and window must be at least 1, got {block} and {window}.",
            hint="Pass shuffle=True for a true shuffle.",
        )
    blocks = true_shuffle(-(-count // block), seed, epoch)
    rank = np.empty_like(blocks)
    rank[blocks] = np.arange(len(blocks))
    rows = np.arange(count, dtype=np.int64)
    keys = hashed(rows.astype(np.uint64), salt("window", seed, epoch))
    return _sorted_in_groups((rank // window)[rows // block], keys)


def _sorted_in_groups(groups: NDArray[np.int64], keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the rows by group, and by key within a group; no key comes twice."""
    bits = np.uint64(int(groups.max(initial=0)).bit_length())
    # One sort of one number: the group in front of the key, which loses its last bits to it.
    both = (groups.astype(np.uint64) << (np.uint64(64) - bits)) | (keys >> bits) if bits else keys
    order = np.argsort(both)
    found = both[order]
    is_tied = bool((found[1:] == found[:-1]).any())
    return np.lexsort((keys, groups)) if is_tied else order

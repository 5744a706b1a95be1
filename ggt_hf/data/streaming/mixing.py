"""Several sources in a stated ratio, as one source: divided, resumed and batched like any other.

The n-th pair of a mix comes from a part that depends on n alone: 1:1 is exact in any two
neighbours, a:b in any a + b of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import gcd
from typing import Literal

from ggt_hf.data.streaming.batches import PairSample, PairSource, Slots
from ggt_hf.data.streaming.order import salt
from ggt_hf.errors import UsageError

Stop = Literal["shortest", "longest"]
"""``shortest``: an epoch ends before the first part runs out; no pair comes twice in it.
``longest``: it ends when every part was seen whole; the others begin again, reshuffled."""


class Mix:
    """Pairs of several sources, interleaved.

    Args:
        parts: the sources, with samples of one shape.
        ratio: pairs of each part in a row of ``sum(ratio)``; 1:1:... unless given.
        stop: which part ends the epoch.
        seed: turns the pattern, so that it does not always begin with the first part.

    Raises:
        UsageError: no parts, another number of ratios, a ratio below 1, or unlike shapes.
    """

    def __init__(
        self,
        parts: Sequence[PairSource],
        ratio: Sequence[int] | None = None,
        *,
        stop: Stop = "shortest",
        seed: int = 0,
    ) -> None:
        shares = tuple(ratio or (1,) * len(parts))
        _refuse(parts, shares)
        divisor = gcd(*shares)
        self._parts = tuple(parts)
        self._shares = tuple(share // divisor for share in shares)
        pattern = _pattern(self._shares)
        turn = salt("mix", seed) % len(pattern)
        self._pattern = pattern[turn:] + pattern[:turn]
        lengths = zip(parts, self._shares, strict=True)
        if stop == "shortest":
            self._periods = min(len(part) // share for part, share in lengths)
        else:
            self._periods = max(-(-len(part) // share) for part, share in lengths)
        # How often each part came before each place of the pattern.
        self._before = [
            [self._pattern[:place].count(part) for part in range(len(parts))]
            for place in range(len(pattern))
        ]

    @property
    def sample_shape(self) -> tuple[int, int] | None:
        """(height, width) of every sample, or ``None`` where they differ."""
        return self._parts[0].sample_shape

    @property
    def fingerprint(self) -> str:
        """Names the parts, the ratio and the pattern."""
        words = ([part.fingerprint for part in self._parts], self._pattern, self._periods)
        return hashlib.blake2b(repr(words).encode(), digest_size=8).hexdigest()

    def __len__(self) -> int:
        """Return the pairs of an epoch: a whole number of patterns."""
        return self._periods * len(self._pattern)

    def sample(self, epoch: int, position: int, out: Slots | None = None) -> PairSample:
        """Return the pair at `position` of the epoch's order, written to `out` if given.

        Raises:
            GgtError: the pair cannot be read or decoded; the error names it.
        """
        part, place = self.place(position)
        source = self._parts[part]
        # A part that begins again is in an epoch of its own, with another order.
        turns = -(-self._periods * self._shares[part] // len(source))
        return source.sample(epoch * turns + place // len(source), place % len(source), out)

    def place(self, position: int) -> tuple[int, int]:
        """Return (part, how many pairs of it came before) for a position of the mix."""
        period, within = divmod(position, len(self._pattern))
        part = self._pattern[within]
        return part, period * self._shares[part] + self._before[within][part]


class Repeated:
    """A source whose epoch is several epochs of another one, one after the other, each reshuffled.

    A stream makes no batch ahead across the end of an epoch: where epochs are short, training
    waits at each of them.

    Args:
        source: the pairs.
        times: how many of its epochs make one.
    """

    def __init__(self, source: PairSource, times: int) -> None:
        self._source, self._times = source, times

    @property
    def sample_shape(self) -> tuple[int, int] | None:
        """(height, width) of every sample, or ``None`` where they differ."""
        return self._source.sample_shape

    @property
    def fingerprint(self) -> str:
        """Names the source and how often it comes."""
        words = ("repeated", self._source.fingerprint, self._times)
        return hashlib.blake2b(repr(words).encode(), digest_size=8).hexdigest()

    def __len__(self) -> int:
        """Return the pairs of all its epochs."""
        return self._times * len(self._source)

    def sample(self, epoch: int, position: int, out: Slots | None = None) -> PairSample:
        """Return the pair at `position` of the epoch's order, written to `out` if given.

        Raises:
            GgtError: the pair cannot be read or decoded; the error names it.
        """
        turn, place = divmod(position, len(self._source))
        return self._source.sample(epoch * self._times + turn, place, out)


def _pattern(shares: Sequence[int]) -> tuple[int, ...]:
    """Return the parts' numbers, each as evenly spread as its share allows."""
    total = sum(shares)
    places = [
        ((2 * turn + 1) * total / (2 * share), part)
        for part, share in enumerate(shares)
        for turn in range(share)
    ]
    return tuple(part for _, part in sorted(places))


def _refuse(parts: Sequence[PairSource], shares: Sequence[int]) -> None:
    if not parts or len(shares) != len(parts) or min(shares) < 1:
        raise UsageError(
            f"A mix of {len(parts)} parts cannot have the ratio {':'.join(map(str, shares))}.",
            hint="Give each part a whole number of at least 1, such as ratio=(1, 1).",
        )
    shapes = {part.sample_shape for part in parts}
    if len(shapes) > 1:
        raise UsageError(
            f"The parts of a mix have samples of unlike shapes: {shapes}.",
            hint="Open each part with the same crop.",
        )

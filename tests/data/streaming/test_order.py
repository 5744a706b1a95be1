from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from ggt_hf.data.streaming.order import BlockShuffle, hashed, salt, true_shuffle
from ggt_hf.errors import UsageError


def test_the_hash_is_splitmix64_to_the_last_bit() -> None:
    # The first outputs of the published generator for the seed 1234567.
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert hashed(np.arange(3, dtype=np.uint64), 1234567).tolist() == published


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 1000])
def test_an_order_is_a_permutation(count: int) -> None:
    everything = list(range(count))
    assert sorted(true_shuffle(count, 1, 2).tolist()) == everything
    order = BlockShuffle(count, 1, 2, block=8, window=4)
    assert sorted(order[position] for position in range(count)) == everything


def test_seed_and_epoch_change_the_order() -> None:
    orders = {tuple(true_shuffle(50, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_a_true_shuffle_sends_every_pair_everywhere() -> None:
    # Mean place of each of 100 pairs over 400 epochs: 49.5, with a standard error of 1.44.
    places = np.zeros(100)
    for epoch in range(400):
        places[true_shuffle(100, 0, epoch)] += np.arange(100)
    assert np.abs(places / 400 - 49.5).max() < 6 * 1.44


def test_a_block_shuffle_stays_within_its_window() -> None:
    order = BlockShuffle(1024, 3, 0, block=16, window=4)
    for start in range(0, 1024, 64):
        assert len({order[position] // 16 for position in range(start, start + 64)}) == 4


@pytest.mark.parametrize("count", [1, 8, 31, 32, 33, 500, 777, 1000])
def test_a_block_shuffle_is_one_sort_by_window_and_hash(count: int) -> None:
    # Windows are shuffled one by one; sorting everything at once gives the same order.
    blocks = true_shuffle(-(-count // 8), 1, 2)
    rank = np.argsort(blocks)
    rows = np.arange(count)
    keys = hashed(rows.astype(np.uint64), salt("window", 1, 2))
    expected = np.lexsort((keys, rank[rows // 8] // 4)).tolist()
    order = BlockShuffle(count, 1, 2, block=8, window=4)
    backwards = [order[position] for position in reversed(range(count))]
    assert backwards[::-1] == expected


def test_the_first_row_of_a_block_shuffle_sorts_no_million() -> None:
    million = 1_000_000

    def first_row() -> None:
        order = BlockShuffle(million, 0, 0, block=64, window=32)
        assert 0 <= order[million // 2] < million

    sort = partial(true_shuffle, million, 0, 0)
    assert least_time(first_row) < least_time(sort) / 4


def least_time(work: Callable[[], object]) -> float:
    """Seconds that this thread computed, in the least disturbed of five runs."""
    took = []
    for _ in range(5):
        started = time.thread_time()
        work()
        took.append(time.thread_time() - started)
    return min(took)


def test_blocks_of_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="block"):
        BlockShuffle(10, 0, 0, block=0, window=1)

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggt_hf.data.streaming.division import Division
from ggt_hf.errors import UsageError

worlds = st.integers(1, 8)
batch_sizes = st.integers(1, 9)


def read(division: Division, rank: int, num_workers: int) -> list[range]:
    """The batches of a rank in the order in which a DataLoader asks its workers for them."""
    workers = [division.rounds(0, worker, num_workers) for worker in range(num_workers)]
    numbers = []
    while any(workers):
        turn = [next(rounds, None) for rounds in workers]
        if turn[0] is None:
            break
        numbers.extend(number for number in turn if number is not None)
    return [batch for number in numbers if (batch := division.batch(number, rank))]


@given(st.integers(0, 200), worlds, batch_sizes, st.integers(1, 4))
def test_every_position_goes_to_exactly_one_rank(
    count: int, world: int, size: int, workers: int
) -> None:
    division = Division(count=count, batch_size=size, world_size=world)
    seen = [p for rank in range(world) for batch in read(division, rank, workers) for p in batch]
    assert sorted(seen) == list(range(count))


@given(st.integers(0, 200), worlds, batch_sizes)
def test_the_number_of_workers_does_not_change_the_batches(
    count: int, world: int, size: int
) -> None:
    division = Division(count=count, batch_size=size, world_size=world)
    alone = [read(division, rank, 1) for rank in range(world)]
    for workers in (2, 3, 4):
        assert [read(division, rank, workers) for rank in range(world)] == alone


@given(st.integers(1, 200), worlds, worlds, batch_sizes, st.data())
def test_resuming_on_another_number_of_ranks_loses_and_doubles_nothing(
    count: int, before: int, after: int, size: int, data: st.DataObject
) -> None:
    first = Division(count=count, batch_size=size, world_size=before)
    done = data.draw(st.integers(0, first.num_rounds))
    seen = [
        p
        for rank in range(before)
        for batch in islice(map(lambda n, r=rank: first.batch(n, r), range(done)), done)
        for p in batch
    ]
    origin = first.position_after(done - 1) if done else 0
    second = Division(count=count, origin=origin, batch_size=size, world_size=after)
    seen += [p for rank in range(after) for batch in read(second, rank, 2) for p in batch]
    assert sorted(seen) == list(range(count))


@given(st.integers(0, 200), worlds, batch_sizes)
def test_the_last_round_is_shared_evenly(count: int, world: int, size: int) -> None:
    division = Division(count=count, batch_size=size, world_size=world)
    if division.num_rounds:
        sizes = [len(division.batch(division.num_rounds - 1, rank)) for rank in range(world)]
        assert max(sizes) - min(sizes) <= 1


def test_dropping_the_last_round_keeps_only_full_batches() -> None:
    division = Division(count=23, batch_size=4, world_size=2, drop_last=True)
    assert [len(batch) for rank in (0, 1) for batch in read(division, rank, 1)] == [4, 4, 4, 4]


def test_a_position_outside_the_epoch_is_refused() -> None:
    with pytest.raises(UsageError, match="position 7"):
        Division(count=5, origin=7, batch_size=1)

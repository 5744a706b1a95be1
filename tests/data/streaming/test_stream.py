from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain, islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from ggt_hf.data.streaming.batches import PairBatch
from ggt_hf.data.streaming.stream import PairStream, State
from ggt_hf.errors import ReadError, UsageError
from tests.data.streaming.numbered import NumberedPairs, keys


def stream(count: int = 50, rank: int = 0, world: int = 1, **options: object) -> PairStream:
    return PairStream(NumberedPairs(count), rank=rank, world_size=world, **options)


def test_a_batch_is_uint8_channels_first_and_aligned() -> None:
    batch = next(iter(stream(batch_size=3)))
    assert batch.lq.shape == batch.gt.shape == (3, 3, 2, 2)
    assert batch.lq.dtype == torch.uint8
    assert torch.equal(batch.lq, 255 - batch.gt)
    lq, gt = batch.floats()
    assert lq.dtype == torch.float32
    torch.testing.assert_close(lq + gt, torch.ones_like(lq))


def test_an_epoch_repeats_and_another_differs() -> None:
    pairs = stream()
    first = keys(pairs)
    assert keys(pairs) == first
    pairs.set_epoch(1)
    assert keys(pairs) != first
    assert sorted(keys(pairs)) == sorted(first)


def run_ranks(
    world: int, take: int | None, state: State | None, count: int, size: int
) -> tuple[list[list[str]], list[State]]:
    """Let `world` ranks read `take` batches each (or all) from `state`; keys and states by rank."""
    seen, states = [], []
    for rank in range(world):
        pairs = stream(count, rank, world, batch_size=size, threads=1)
        if state is not None:
            pairs.load_state_dict(json.loads(json.dumps(state)))
        iterator = iter(pairs)
        seen.append(keys(islice(iterator, take)))
        states.append(pairs.state_dict())
        iterator.close()
    return seen, states


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 8), st.integers(1, 8), st.integers(1, 6), st.data())
def test_stop_anywhere_and_go_on_with_any_number_of_ranks(
    count: int, before: int, after: int, size: int, data: st.DataObject
) -> None:
    whole, _ = run_ranks(before, None, None, count, size)
    steps = data.draw(st.integers(0, count // (size * before)))
    first, states = run_ranks(before, steps, None, count, size)
    second, _ = run_ranks(after, None, states[0], count, size)
    if steps * size * before < count:
        seen = list(chain(*first, *second))
        assert sorted(seen) == sorted(f"n{number}" for number in range(count))
        if before == after:
            assert [a + b for a, b in zip(first, second, strict=True)] == whole


@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("after", [0, 2])
def test_a_loader_resumes_whatever_was_made_ahead(before: int, after: int) -> None:
    whole = keys(stream(batch_size=4))
    first = stream(batch_size=4).loader(num_workers=before)
    used = keys(islice(iter(first), 5))
    second = stream(batch_size=4).loader(num_workers=after)
    second.load_state_dict(first.state_dict())
    assert len(second) == 8
    assert used + keys(second) == whole


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_draws_nothing_from_the_generator_of_training(workers: int) -> None:
    before = torch.get_rng_state()
    assert len(keys(stream(20, batch_size=4).loader(num_workers=workers))) == 20
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loader_counts_epochs_and_goes_on_where_it_was_left() -> None:
    loader = stream(20, batch_size=4).loader(num_workers=2, persistent_workers=True)
    epochs = [keys(loader) for _ in range(3)]
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert all(len(set(epoch)) == 20 for epoch in epochs)
    direct = stream(20, batch_size=4).loader()
    assert [keys(direct) for _ in range(3)] == epochs
    assert keys(islice(iter(direct), 2)) + keys(direct) == keys(
        [batch for batch in _epoch(stream(20, batch_size=4), 3)]
    )


def _epoch(pairs: PairStream, epoch: int) -> Iterable[PairBatch]:
    pairs.set_epoch(epoch)
    return pairs


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_plain_dataloader_gives_the_same_batches(workers: int) -> None:
    pairs = stream(batch_size=4)
    loader = DataLoader(pairs, batch_size=None, num_workers=workers)
    assert len(loader) == 13
    assert keys(loader) == keys(stream(batch_size=4))
    pairs.set_epoch(3)
    assert keys(loader) == keys(_epoch(stream(batch_size=4), 3))


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("stop", [1, 6, 12])
def test_torchdata_resumes_exactly(workers: int, stop: int) -> None:
    whole = keys(stream(batch_size=4))
    first = StatefulDataLoader(stream(batch_size=4), batch_size=None, num_workers=workers)
    used = keys(islice(iter(first), stop))
    second = StatefulDataLoader(stream(batch_size=4), batch_size=None, num_workers=workers)
    second.load_state_dict(first.state_dict())
    assert used + keys(second) == whole


def test_a_batch_carries_the_state_that_follows_it() -> None:
    pairs = stream(batch_size=4)
    batches = list(DataLoader(pairs, batch_size=None, num_workers=2))
    again = stream(batch_size=4)
    again.load_state_dict(batches[6].state)
    assert keys(again) == keys(batches[7:])


def test_the_state_of_a_finished_epoch_begins_the_next() -> None:
    pairs = stream(10)
    list(pairs)
    again = stream(10)
    again.load_state_dict(pairs.state_dict())
    assert again.epoch == 1
    assert keys(again) == keys(_epoch(stream(10), 1))


def test_a_state_of_other_pairs_is_refused() -> None:
    with pytest.raises(UsageError, match="another dataset"):
        stream(10).load_state_dict(stream(11).state_dict())


def test_a_broken_pair_ends_the_stream() -> None:
    pairs = PairStream(NumberedPairs(10, broken=frozenset({7})), batch_size=2)
    with pytest.raises(ReadError, match="pair 7"):
        list(pairs)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_skipped_pair_is_written_down_and_all_others_come(workers: int) -> None:
    source = NumberedPairs(20, broken=frozenset({3, 11}))
    loader = PairStream(source, batch_size=4, on_error="skip").loader(num_workers=workers)
    assert sorted(keys(loader)) == sorted(f"n{i}" for i in range(20) if i not in (3, 11))
    assert sorted(skip.cause for skip in loader.stream.ledger) == [
        "pair 11 is broken. Mend it.",
        "pair 3 is broken. Mend it.",
    ]


def test_the_environment_says_the_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    pairs = PairStream(NumberedPairs(30), batch_size=2)
    assert (pairs.rank, pairs.world_size) == (1, 3)
    monkeypatch.setenv("RANK", "3")
    with pytest.raises(UsageError, match="rank 3"):
        PairStream(NumberedPairs(30), batch_size=2)


def test_throughput_is_counted() -> None:
    pairs = stream(20, batch_size=4)
    list(pairs)
    assert (pairs.stats.pairs, pairs.stats.batches) == (20, 5)
    assert pairs.stats.pairs_per_second > 0
    assert 0 < pairs.stats.waiting_share <= 1

"""Worker processes use the memory of their batches again, and never that of one in use."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from ggt_hf.data.streaming import lending
from ggt_hf.data.streaming.batches import PairBatch, PairSample, Slots
from ggt_hf.data.streaming.lending import LentBatch, _received_memory
from ggt_hf.data.streaming.rows import BatchRows
from ggt_hf.data.streaming.stream import PairStream
from tests.data.streaming.numbered import NumberedPairs, keys


@dataclass
class LargerPairs(NumberedPairs):
    """Numbers written all over their pictures; each in the slots it is given."""

    side: int = 32

    @property
    def sample_shape(self) -> tuple[int, int]:
        return self.side, self.side

    def sample(self, epoch: int, position: int, out: Slots | None = None) -> PairSample:
        small = super().sample(epoch, position)
        lq, gt = out or (np.empty((self.side, self.side, 3), np.uint8) for _ in range(2))
        lq[...], gt[...] = small.lq[0, 0], small.gt[0, 0]
        return PairSample(key=small.key, lq=lq, gt=gt)


class SizedPairs(LargerPairs):
    """Every picture of another size."""

    @property
    def sample_shape(self) -> None:  # type: ignore[override]
        return None

    def sample(self, epoch: int, position: int, out: Slots | None = None) -> PairSample:
        self.side = 3 + position % 29
        return super().sample(epoch, position)


class Changed(IterableDataset[PairBatch]):
    """A user's own wrapper, in the worker."""

    def __init__(self, stream: PairStream) -> None:
        self.stream = stream

    def __iter__(self) -> Iterator[PairBatch]:
        for batch in self.stream:
            yield replace(copy.deepcopy(batch), lq=batch.lq, gt=255 - batch.lq)


def stream(count: int = 60, **options: object) -> PairStream:
    return PairStream(LargerPairs(count), batch_size=4, **options)  # type: ignore[arg-type]


def bare(stream: PairStream, num_workers: int) -> DataLoader[PairBatch]:
    return DataLoader(stream, batch_size=None, num_workers=num_workers)


def is_right(batch: PairBatch) -> bool:
    numbers = [int(key[1:]) % 256 for key in batch.keys]
    wanted = torch.tensor(numbers, dtype=torch.uint8)[:, None, None, None].expand_as(batch.lq)
    return torch.equal(batch.lq, wanted) and torch.equal(batch.gt, 255 - wanted)


def test_what_is_given_back_is_used_again() -> None:
    places = set()
    for batch in stream(400).loader(num_workers=1):
        assert is_right(batch)
        places.add(batch.lq.data_ptr())
    assert len(places) <= 8 < 100  # of a hundred batches


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_what_is_kept_stays_as_it_was(method: str) -> None:
    loader = stream(40 if method == "spawn" else 400).loader(
        num_workers=2, multiprocessing_context=method
    )
    kept = list(loader)
    assert sorted(keys(kept)) == sorted(keys(stream(len(keys(kept)))))
    assert all(map(is_right, kept))


def test_a_view_of_a_batch_keeps_its_memory() -> None:
    views = []
    for batch in stream(400).loader(num_workers=2):
        number = int(batch.keys[1][1:]) % 256
        views.append((number, batch.lq[1, 0], batch.gt.numpy()[1, 2, 1:]))
    del batch
    gc.collect()
    for number, lq, gt in views:
        assert (lq == number).all() and (gt == 255 - number).all()


def test_more_than_a_worker_lends_is_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "MOST", 3)
    kept = list(stream(200).loader(num_workers=1))
    assert len(kept) == 50 and all(map(is_right, kept))


def test_no_more_is_lent_than_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "MOST", 3)
    own = lending.Lender()
    lent = [own.lend((2, 5)) for _ in range(5)]
    assert [loan is not None for loan, _ in lent] == [True, True, True, False, False]
    assert len({array.data_ptr() for _, array in lent}) == 5
    del lent[1]
    gc.collect()  # what was never sent is taken back
    assert own.lend((2, 5))[0] is not None


def test_pictures_of_every_size_fit_where_others_lay() -> None:
    for batch in PairStream(SizedPairs(150), batch_size=1).loader(num_workers=2):
        assert batch.lq.shape == (1, 3, *batch.lq.shape[2:])
        assert is_right(batch)


def test_a_wrapper_in_the_worker_gets_and_gives_what_it_wants() -> None:
    found = list(DataLoader(Changed(stream(100)), batch_size=None, num_workers=2))
    assert all(map(is_right, found)) and len(keys(found)) == 100


def test_workers_that_live_on_take_back_what_never_arrived() -> None:
    loader = DataLoader(stream(2000), batch_size=None, num_workers=1, persistent_workers=True)
    places = set()
    for _ in range(40):  # epochs that nobody reads to their end
        for _, batch in zip(range(2), loader, strict=False):
            assert is_right(batch)
            places.add(batch.lq.data_ptr())
    assert len(places) <= 16  # of more than 200 that were made


def test_memory_of_ended_workers_is_let_go_of() -> None:
    for kind in (PairStream.loader, bare):
        for _ in range(3):
            assert len(keys(kind(stream(100), num_workers=2))) == 100
    assert len({process for process, _ in _received_memory}) == 2  # the last ones of `bare`
    list(stream(8).loader(num_workers=1))
    assert not _received_memory


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> PairBatch:
    """A batch as a worker has it, made in this process."""
    monkeypatch.setattr("ggt_hf.data.streaming.rows.get_worker_info", lambda: "a worker")
    rows = BatchRows(2, (32, 32))
    for position in range(2):
        rows.add(LargerPairs(9).sample(0, position, rows.slots()), rows.slots())
    return rows.batch({}, ())


def test_a_batch_sent_twice_arrives_twice(sent: PairBatch) -> None:
    assert isinstance(sent, LentBatch)
    first, second = (pickle.loads(ForkingPickler.dumps(sent)) for _ in range(2))
    kept = first.lq.clone()
    first.lq.zero_()  # as if its memory held the next batch already
    assert torch.equal(second.lq, kept) and type(second) is PairBatch


def test_pickled_for_a_file_it_is_a_batch_like_any_other(sent: PairBatch) -> None:
    loaded = pickle.loads(pickle.dumps(sent))
    sent.lq.zero_()
    assert type(loaded) is PairBatch and is_right(loaded)

"""A DataLoader of a `PairStream` that knows which batches were used, whatever is made ahead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import Generator
from torch.utils.data import DataLoader

from ggt_hf.data.streaming.lending import forget_ended

if TYPE_CHECKING:
    from ggt_hf.data.streaming.batches import PairBatch
    from ggt_hf.data.streaming.stream import PairStream, State


class PairLoader:
    """Iterates a stream through a `torch.utils.data.DataLoader`, one epoch after another.

    Unlike the bare DataLoader it goes to the next epoch by itself when one is finished, gathers
    the ledger of all workers, and its state counts only batches that were handed out.
    """

    def __init__(self, stream: PairStream, *, num_workers: int = 0, **options: Any) -> None:
        self.stream = stream
        # A DataLoader draws a number whenever it starts. From the generator of training, a run that
        # goes on in the middle of an epoch would have drawn one more than a run undisturbed.
        options.setdefault("generator", Generator())
        self._loader: DataLoader[PairBatch] = DataLoader(
            stream, batch_size=None, num_workers=num_workers, **options
        )
        self._state: State = stream.state_dict()

    def __len__(self) -> int:
        """Return the batches that this rank still has in the epoch."""
        return len(self.stream)

    def __iter__(self) -> Iterator[PairBatch]:
        stream, direct = self.stream, self._loader.num_workers == 0
        stream.load_state_dict(self._state)
        batches = iter(self._loader) if direct else stream.stats.watch(self._loader)
        for batch in batches:
            self._state = batch.state
            if not direct:
                stream.ledger.extend(batch.skipped)
            yield batch
        stream.set_epoch(stream.epoch + 1)
        self._state = stream.state_dict()
        forget_ended()

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; another one than the current starts at its beginning."""
        self.stream.load_state_dict(self._state)
        self.stream.set_epoch(epoch)
        self._state = self.stream.state_dict()

    def state_dict(self) -> State:
        """Return where training stands: after the last batch handed out."""
        return dict(self._state)

    def load_state_dict(self, state: State) -> None:
        """Go on where `state` was saved, with any number of workers and ranks."""
        self.stream.load_state_dict(state)
        self._state = self.stream.state_dict()

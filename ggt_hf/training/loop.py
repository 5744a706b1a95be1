"""The steps of a run: batches in, updates out, a checkpoint now and then.

Exact to resume: the order of the pairs, the learning rate and every generator's seed are functions
of the recipe and the step's number, and all else that changes is in the checkpoint. On a CPU a run
that was killed at any moment ends with the very weights of one that was not.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import set_seed
from torch import Tensor

from ggt_hf.data.streaming.order import salt
from ggt_hf.errors import TrainingError, UsageError
from ggt_hf.training.checkpoint import Checkpoint, Tally
from ggt_hf.training.rates import rate_at
from ggt_hf.training.record import PICTURES
from ggt_hf.training.validation import validate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelerate import Accelerator

    from ggt_hf.data.streaming.batches import PairBatch
    from ggt_hf.data.streaming.stream import PairStream
    from ggt_hf.progress import Advance
    from ggt_hf.training.data import HeldPair
    from ggt_hf.training.history import History
    from ggt_hf.training.learners.learner import Learner
    from ggt_hf.training.recipe import Recipe

_PATIENCE = 10
"""Steps in a row whose gradient may be no finite number before the run gives up."""

_FREE = {
    "name", "description", "memory", "time", "steps", "validation", "checkpoint_every", "log_every",
    "trackers",
}  # fmt: skip
"""What may change in a recipe from one sitting to the next: no weight depends on it, but for
`steps`, which the learning rate follows."""


class Loop:
    """A run in memory: learner, optimizer, moving average, data, and where they stand.

    Args:
        recipe: what is run.
        learner: what is trained.
        stream: what it is trained on.
        accelerator: where, on how many processes, and in which precision.
    """

    def __init__(
        self, recipe: Recipe, learner: Learner, stream: PairStream, accelerator: Accelerator
    ) -> None:
        from diffusers.training_utils import EMAModel

        self.recipe, self.learner, self.accelerator = recipe, learner, accelerator
        self.step, self.tally = 0, Tally()
        self.loader = stream.loader(num_workers=recipe.data.num_workers)
        learner.place(accelerator.device)
        wanted = recipe.optimizer
        optimizer = torch.optim.AdamW(
            list(learner.trained().values()),
            lr=wanted.rate,
            betas=wanted.betas,
            weight_decay=wanted.weight_decay,
        )
        self._model, self._optimizer = accelerator.prepare(learner, optimizer)
        self._weights = list(learner.trained().values())
        self._average = (
            EMAModel(self._weights, decay=recipe.average, foreach=True) if recipe.average else None
        )
        self._bad_in_a_row = 0

    def restore(self, folder: Path) -> bool:
        """Go on where the checkpoint of a run stands; ``False`` where there is none.

        Raises:
            UsageError: it is one of another recipe, or of other data.
            FormatError: it cannot be read.
        """
        saved = Checkpoint.load(folder)
        if saved is None:
            return False
        _refuse_other(saved.recipe, self._fixed_recipe(), folder)
        self.learner.load_state_dict(saved.weights, strict=False)
        self._optimizer.load_state_dict(saved.optimizer)
        if self._average is not None and saved.average is not None:
            self._average.load_state_dict(saved.average)
            self._average.to(self.accelerator.device)
        self.loader.load_state_dict(saved.data)
        self.step, self.tally = saved.step, saved.tally
        return True

    def save(self, folder: Path) -> None:
        """Replace the checkpoint of a run; only the main process writes."""
        if not self.accelerator.is_main_process:
            return
        Checkpoint(
            step=self.step,
            recipe=self._fixed_recipe(),
            weights=_on_cpu(self.learner.trained_state()),
            average=_on_cpu(self._average.state_dict()) if self._average else None,
            optimizer=_on_cpu(self._optimizer.state_dict()),
            data=self.loader.state_dict(),
            tally=self.tally,
        ).save(folder)

    def run(
        self, folder: Path, history: History, held: Sequence[HeldPair], advance: Advance
    ) -> Iterator[int]:
        """Train to the recipe's last step; yields the step after each checkpoint.

        Raises:
            TrainingError: gradients are no finite numbers any more.
            GgtError: data cannot be read, or a checkpoint cannot be written.
        """
        recipe, batches = self.recipe, self._batches()
        losses, begun, waited = [], time.perf_counter(), 0.0
        if self.step == 0 and held:
            self._validate(folder, history, held)
        while self.step < recipe.steps:
            asked = time.perf_counter()
            loss, norm, waited_now = self._update(batches)
            losses.append(loss)
            waited += waited_now
            self.tally.waited += waited_now
            self.tally.seconds += time.perf_counter() - asked
            self.step += 1
            advance(1)
            last = self.step == recipe.steps
            if self.step % recipe.log_every == 0 or last:
                history.say(
                    self.step, self._numbers(losses, norm, time.perf_counter() - begun, waited)
                )
                losses, begun, waited = [], time.perf_counter(), 0.0
            if held and recipe.validation and (self.step % recipe.validation.every == 0 or last):
                self._validate(folder, history, held)
                begun = time.perf_counter()
            if self.step % recipe.checkpoint_every == 0 or last:
                self.save(folder)
                yield self.step

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the learner have its averaged weights while the block runs."""
        if self._average is None:
            yield
            return
        self._average.store(self._weights)
        self._average.copy_to(self._weights)
        try:
            yield
        finally:
            self._average.restore(self._weights)

    def _update(self, batches: Iterator[PairBatch]) -> tuple[Tensor, Tensor, float]:
        """Make one update; return its loss, the length of its gradient, the seconds waited."""
        accelerator, recipe = self.accelerator, self.recipe
        seed = salt("step", recipe.seed, self.step, accelerator.process_index)
        set_seed(seed % 2**32)
        for group in self._optimizer.param_groups:
            group["lr"] = rate_at(self.step + 1, recipe.steps, recipe.optimizer)
        waited, losses, norm = 0.0, [], torch.zeros(())
        for _ in range(recipe.accumulate):
            asked = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - asked
            self.tally.pairs += len(batch) * accelerator.num_processes
            with accelerator.accumulate(self._model):
                lq, gt = batch.to(accelerator.device, non_blocking=True).floats()
                loss = self._model(lq, gt, batch.keys)
                accelerator.backward(loss)
                losses.append(loss.detach())
                if accelerator.sync_gradients:
                    norm = accelerator.clip_grad_norm_(self._weights, recipe.optimizer.clip)
                    self._learn(norm)
        return torch.stack(losses).mean(), norm, waited

    def _learn(self, norm: Tensor) -> None:
        """Update weights and average; a gradient that is no finite number changes nothing."""
        if bool(norm.isfinite()):
            self._bad_in_a_row = 0
            self._optimizer.step()
        else:
            self.tally.skipped += 1
            self._bad_in_a_row += 1
        self._optimizer.zero_grad(set_to_none=True)
        if self._average is not None:
            self._average.step(self._weights)
        if self._bad_in_a_row >= _PATIENCE:
            raise TrainingError(
                f"The gradient was no finite number for {_PATIENCE} steps, until step {self.step}.",
                hint="Lower optimizer.rate, or set precision: float32, and begin anew.",
            )

    def _batches(self) -> Iterator[PairBatch]:
        while True:
            for batch in self.loader:
                if len(batch):
                    yield batch

    def _validate(self, folder: Path, history: History, held: Sequence[HeldPair]) -> None:
        recipe = self.recipe.validation
        if recipe is None:
            return
        self.learner.eval()
        if self.accelerator.is_main_process:
            with self.averaged():
                scores = validate(
                    self.learner, held, device=self.accelerator.device, seed=self.recipe.seed,
                    folder=folder / PICTURES / f"step-{self.step:06d}", pictures=recipe.pictures,
                )  # fmt: skip
            history.say(self.step, scores, "validation")
        self.accelerator.wait_for_everyone()
        self.learner.train()

    def _numbers(
        self, losses: Sequence[Tensor], norm: Tensor, seconds: float, waited: float
    ) -> dict[str, float]:
        recipe, accelerator = self.recipe, self.accelerator
        loss = accelerator.reduce(torch.stack(list(losses)).mean(), "mean")
        pairs = len(losses) * recipe.accumulate * recipe.data.batch_size * accelerator.num_processes
        return {
            "loss": float(loss),
            "gradient": float(norm),
            "rate": rate_at(self.step, recipe.steps, recipe.optimizer),
            "pairs_per_second": round(pairs / seconds, 3),
            "waiting_share": round(waited / seconds, 5),
        }

    def _fixed_recipe(self) -> str:
        return json.dumps(self.recipe.model_dump(mode="json", exclude=_FREE), sort_keys=True)


def _on_cpu(state: Any) -> Any:
    """Return a copy of a nested state whose tensors lie in main memory."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {name: _on_cpu(value) for name, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_on_cpu(value) for value in state)
    return copy.deepcopy(state)


def _refuse_other(saved: str, wanted: str, folder: Path) -> None:
    before, now = json.loads(saved), json.loads(wanted)
    changed = [name for name in now if before.get(name) != now[name]]
    if changed:
        raise UsageError(
            f"{folder} holds a run of another recipe: {', '.join(changed)} changed.",
            hint="Give another folder by --output, or begin anew with --no-resume.",
        )

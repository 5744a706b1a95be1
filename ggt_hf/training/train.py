"""`train`: a recipe in, a folder out that holds the model and the record of how it came to be."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ggt_hf.errors import MissingExtraError, UsageError
from ggt_hf.progress import bar
from ggt_hf.training.devices import device_name, open_accelerator, peak_memory
from ggt_hf.training.record import MODEL, PICTURES, RunRecord, package_versions

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ggt_hf.training.learners.learner import Learner
    from ggt_hf.training.recipe import Recipe

_OWN = ("checkpoint.pt", "checkpoint.pt.partial", "log.jsonl", "run.json", "recipe.yaml")
_OWN_FOLDERS = (MODEL, f"{MODEL}.partial", PICTURES, "tensorboard")


def train(
    recipe: Recipe,
    out: Path,
    *,
    device: str | None = None,
    steps: int | None = None,
    resume: bool = True,
    quiet: bool = False,
) -> RunRecord:
    """Train by a recipe. Killed at any moment and called again, it goes on from its checkpoint.

    Several processes train together under ``accelerate launch``.

    Args:
        recipe: what to train, and on what.
        out: the run's folder: ``model/``, ``run.json``, ``recipe.yaml``, ``log.jsonl``,
            ``pictures/``, ``checkpoint.pt``.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; the best one unless given.
        steps: instead of the recipe's.
        resume: ``False`` throws away what an earlier run left in `out`, and begins anew.
        quiet: show no progress.

    Returns:
        The record that ``run.json`` holds.

    Raises:
        UsageError: the recipe cannot be meant here, or `out` belongs to another one.
        MissingExtraError: a package is not installed.
        TrainingError: the gradients are no finite numbers any more.
        GgtError: data or base cannot be opened or read.
    """
    _require()
    recipe = recipe.model_copy(update={"steps": steps}) if steps else recipe
    _prepare_folder(out, resume=resume)
    with open_accelerator(recipe, out, device) as accelerator:
        return _Run(recipe, out, accelerator).carry_out(quiet=quiet)


class _Run:
    """A run, opened: its loop, its history and its record.

    Args:
        recipe: what to train.
        out: the run's folder.
        accelerator: where to train.
    """

    def __init__(self, recipe: Recipe, out: Path, accelerator: Accelerator) -> None:
        from accelerate.utils import set_seed

        from ggt_hf.training.data import open_training, open_validation
        from ggt_hf.training.history import History
        from ggt_hf.training.learners.opening import open_learner
        from ggt_hf.training.loop import Loop

        self.out, self.accelerator = out, accelerator
        stream, facts = open_training(recipe.data, recipe.seed)
        self.held, held_facts = open_validation(recipe.validation, recipe.data.crop, recipe.seed)
        set_seed(recipe.seed)
        self.learner = open_learner(recipe)
        if recipe.gradient_checkpointing:
            _checkpoint_gradients(self.learner)
        self.loop = Loop(recipe, self.learner, stream, accelerator)
        self.loop.restore(out)
        self.loop.tally.sittings += 1
        self.history = History(out, self.loop.step, accelerator, recipe.name)
        self.record = RunRecord(
            recipe=recipe.model_dump(mode="json"),
            model=self.learner.facts,
            data=facts,
            ratio=list(recipe.data.ratio or [1] * len(facts)),
            validation_data=held_facts,
            device=device_name(accelerator),
            num_processes=accelerator.num_processes,
            versions=package_versions(),
        )
        if accelerator.is_main_process:
            text = yaml.safe_dump(self.record.recipe, sort_keys=False, allow_unicode=True)
            (out / "recipe.yaml").write_text(text, encoding="utf-8")
        self._tell()

    def carry_out(self, *, quiet: bool) -> RunRecord:
        """Train to the last step, and write the model."""
        recipe = self.loop.recipe
        try:
            with bar(f"Training {recipe.name}", recipe.steps, quiet=quiet) as advance:
                advance(self.loop.step)
                for _ in self.loop.run(self.out, self.history, self.held, advance):
                    self._tell()
        finally:
            self.history.close()
        if self.accelerator.is_main_process:
            self._write_model()
        self._tell(finished=True)
        return self.record

    def _tell(self, *, finished: bool = False) -> None:
        """Bring the record up to date, and write it."""
        record, tally = self.record, self.loop.tally
        record.steps, record.finished, record.sittings = self.loop.step, finished, tally.sittings
        record.validations, record.loss = self.history.validations, self.history.loss
        record.seconds, record.waiting_share = round(tally.seconds, 3), tally.waiting_share
        record.pairs, record.skipped_steps = tally.pairs, tally.skipped
        record.peak_memory = peak_memory(self.accelerator)
        if self.accelerator.is_main_process:
            record.write(self.out)

    def _write_model(self) -> None:
        """Write the averaged weights; the folder gets its name when it is whole."""
        partial, model = self.out / f"{MODEL}.partial", self.out / MODEL
        shutil.rmtree(partial, ignore_errors=True)
        self.learner.eval()
        with self.loop.averaged():
            self.learner.save(partial)
        shutil.rmtree(model, ignore_errors=True)
        partial.replace(model)


def _checkpoint_gradients(learner: Learner) -> None:
    if not learner.enable_gradient_checkpointing():
        raise UsageError(
            "This network has no gradient checkpointing.",
            hint="Leave gradient_checkpointing out of the recipe.",
        )


def _prepare_folder(out: Path, *, resume: bool) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is no folder.", hint="Give a folder by --output.")
    ours = out.is_dir() and any((out / name).exists() for name in _OWN)
    if out.is_dir() and not ours and any(out.iterdir()):
        raise UsageError(
            f"{out} holds something else than a run.", hint="Give a new folder by --output."
        )
    if ours and not resume and int(os.environ.get("RANK", "0")) == 0:
        for name in _OWN:
            (out / name).unlink(missing_ok=True)
        for name in _OWN_FOLDERS:
            shutil.rmtree(out / name, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)


def _require() -> Any:
    for package in ("torch", "accelerate", "diffusers", "simplejpeg"):
        try:
            __import__(package)
        except ModuleNotFoundError as error:
            raise MissingExtraError.of(str(error.name), "train", "Training") from error

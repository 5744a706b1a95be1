"""Small recipes that really train, in seconds, and what runs are compared by."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import torch
import yaml

from ggt_hf.training.checkpoint import Checkpoint
from ggt_hf.training.loop import Loop
from ggt_hf.training.reading import parse_recipe
from ggt_hf.training.recipe import Recipe
from ggt_hf.training.train import train
from tests.making import encoded, make_dataset, make_pair, picture

ONE_STEP = {"kind": "one_step", "channels": [8, 8, 8, 12], "blocks": [1, 1, 1, 1]}


def pairs_at(root: Path, count: int = 8) -> Path:
    """A dataset of 96 px pairs, a train and a test split, of two licences."""
    root.mkdir(parents=True)
    pairs = [make_pair(i, "rain", size=(96, 96)) for i in range(count)]
    pairs += [make_pair(100 + i, "rain", "test", size=(96, 96)) for i in range(3)]
    return make_dataset(root, pairs)


def photographs_at(root: Path, count: int = 3) -> Path:
    root.mkdir(parents=True)
    for number in range(count):
        (root / f"photo-{number}.png").write_bytes(encoded(picture(50 + number, 128, 112)))
    return root


def recipe_of(root: Path, **changes: Any) -> Recipe:
    """A recipe over pairs and simulated pairs, 1:1, made in `root` where they are not there."""
    pairs, photographs = root / "pairs", root / "photographs"
    if not pairs.exists():
        pairs_at(pairs)
        photographs_at(photographs)
    recipe = {
        "name": "small",
        "model": ONE_STEP,
        "data": {
            "sources": [{"pairs": str(pairs)}, {"photographs": str(photographs)}],
            "crop": 48,
            "batch_size": 4,
        },
        "validation": {"source": {"pairs": str(pairs), "split": "test"}, "count": 2, "every": 4},
        "optimizer": {"rate": 3e-3, "warmup": 2},
        "average": 0.9,
        "steps": 8,
        "log_every": 1,
        "checkpoint_every": 2,
        "trackers": [],
    } | changes
    return parse_recipe(yaml.safe_dump(recipe), "small.yaml")


def sit(recipe: Recipe, out: Path) -> None:
    """Train until done, or until somebody kills this process."""
    torch.set_num_threads(1)
    train(recipe, out, device="cpu", quiet=True)


def sit_short_of_the_end(recipe: Recipe, out: Path) -> None:
    """Train up to the last step and wait there, so that a kill never comes too late."""
    update = Loop._update

    def waiting(self: Loop, batches: Any) -> Any:
        if self.step == recipe.steps - 1:
            signal.pause()
        return update(self, batches)

    Loop._update = waiting  # type: ignore[method-assign]  # in a process of its own
    sit(recipe, out)


def state_of(out: Path) -> Checkpoint:
    found = Checkpoint.load(out)
    assert found is not None
    return found


def assert_same(first: Any, second: Any, where: str = "state") -> None:
    """Whether two nested states are equal to the last bit."""
    assert type(first) is type(second), where
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for name in first:
            assert_same(first[name], second[name], f"{where}.{name}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), where
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            assert_same(one, other, f"{where}.{number}")
    else:
        assert first == second, where

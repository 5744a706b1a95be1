"""Restorers that map pictures to pictures in one pass: our one-step network and regression nets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ggt_hf.training.fidelity import objective
from ggt_hf.training.learners.learner import Learner

if TYPE_CHECKING:
    from ggt_hf.training.recipe import LossRecipe, OneStepRecipe, RegressionRecipe


class PixelLearner(Learner):
    """A network that is trained by the distance of what it restores to the truth.

    Args:
        network: takes and returns RGB, ``(B, 3, H, W)``, H and W multiples of its ``multiple``.
        loss: the distance.
        facts: what the network is, for the record.
    """

    def __init__(self, network: nn.Module, loss: LossRecipe, facts: dict[str, Any]) -> None:
        super().__init__()
        self.network = network
        self._multiple: int = network.multiple  # type: ignore[assignment]
        self._loss = loss
        self._facts = facts

    @property
    def facts(self) -> dict[str, Any]:
        """What it is, as JSON holds it."""
        weights = sum(one.numel() for one in self.network.parameters())
        return self._facts | {"num_parameters": weights, "loss": self._loss.model_dump()}

    def forward(self, lq: Tensor, gt: Tensor, keys: Sequence[str]) -> Tensor:
        """Return the distance between what is restored and the truth."""
        return objective(self._restored(lq), gt, self._loss)

    @torch.no_grad()
    def restore(self, lq: Tensor, seed: int) -> Tensor:
        """Return restored pictures; nothing is random."""
        return self._restored(lq).float().clamp(0, 1)

    def _restored(self, lq: Tensor) -> Tensor:
        """Restore pictures of any size: mirrored up to what the network takes, and cut again."""
        height, width = lq.shape[-2:]
        multiple = self._multiple
        below, right = -height % multiple, -width % multiple
        given = F.pad(lq, (0, right, 0, below), mode="reflect") if below or right else lq
        restored: Tensor = self.network(given)
        return restored[..., :height, :width]

    def save(self, folder: Path) -> None:
        """Write a pipeline that `load_restorer` and ``ggt restore --model`` take."""
        from ggt_hf.restoration.loading import save_restorer

        save_restorer(self.network, folder)


def one_step(recipe: OneStepRecipe) -> PixelLearner:
    """Return the learner of the one-step restorer, untrained or from its base.

    Raises:
        GgtError: the base cannot be loaded, or is another network.
    """
    from ggt_hf.errors import UsageError
    from ggt_hf.restoration.loading import load_restorer
    from ggt_hf.restoration.network import OneStepRestorer

    facts: dict[str, Any] = {"kind": "one_step", "base": recipe.base}
    if recipe.base is None:
        shape = recipe.model_dump(include={"channels", "blocks", "context_channels"})
        network = OneStepRestorer(**shape)
    else:
        pipeline = load_restorer(recipe.base, device="cpu", revision=recipe.revision)
        network = pipeline.restorer
        if not isinstance(network, OneStepRestorer):
            raise UsageError(
                f"{recipe.base} is a {type(network).__name__}, not the one-step restorer.",
                hint="Set model.kind to regression.",
            )
        shape = {name: network.config[name] for name in ("channels", "blocks", "context_channels")}
        facts["revision"] = recipe.revision
    network = network.train().requires_grad_(True).to(memory_format=torch.channels_last)
    return PixelLearner(network, recipe.loss, facts | shape)


def regression(recipe: RegressionRecipe) -> PixelLearner:
    """Return the learner of a regression network, untrained or from its base.

    Raises:
        GgtError: the base cannot be loaded, or the network cannot be built.
    """
    from importlib.metadata import version

    from ggt_hf.errors import UsageError
    from ggt_hf.restoration.loading import load_restorer
    from ggt_hf.restoration.networks import RegressionRestorer

    if recipe.base is not None:
        pipeline = load_restorer(recipe.base, device="cpu", revision=recipe.revision)
        network = pipeline.restorer
        if not isinstance(network, RegressionRestorer):
            raise UsageError(
                f"{recipe.base} is a {type(network).__name__}, no regression network.",
                hint="Set model.kind to one_step.",
            )
    else:
        network = RegressionRestorer(str(recipe.architecture), recipe.parameters)
    facts = {
        "kind": "regression",
        "base": recipe.base,
        "revision": recipe.revision,
        "architecture": network.architecture,
        "parameters": network.parameters_given,
        "spandrel": version("spandrel"),
    }
    return PixelLearner(network.train().requires_grad_(True), recipe.loss, facts)

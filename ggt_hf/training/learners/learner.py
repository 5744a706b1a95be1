"""What the loop asks of whatever is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class Learner(nn.Module, ABC):
    """A network with its loss. Only what is trained is registered in it as modules.

    What is frozen (encoders, the picture's autoencoder) is kept elsewhere and moved by `place`:
    so that processes exchange, checkpoints hold and averages follow the trained weights alone.
    """

    @abstractmethod
    def forward(self, lq: Tensor, gt: Tensor, keys: Sequence[str]) -> Tensor:
        """Return the loss of a batch, a scalar; everything random is drawn from torch's default
        generators, which the loop seeds anew for each step.

        Args:
            lq: RGB in [0, 1], ``(B, 3, H, W)``.
            gt: likewise.
            keys: the pairs' keys.
        """

    @abstractmethod
    def restore(self, lq: Tensor, seed: int) -> Tensor:
        """Return restored pictures.

        Args:
            lq: RGB in [0, 1], ``(B, 3, H, W)``.
            seed: of what is drawn at random.

        Returns:
            RGB in [0, 1], of the same shape.
        """

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the model as it is now, for `from_pretrained` or `load_lora_weights`."""

    @property
    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What it is, as JSON holds it: architecture or base with its revision, sizes, prompt."""

    def place(self, device: torch.device) -> None:
        """Move what is frozen to `device`; the loop moves what is trained."""

    def enable_gradient_checkpointing(self) -> bool:
        """Save memory by computing activations twice; ``False`` where the network cannot."""
        return False

    def trained(self) -> dict[str, nn.Parameter]:
        """Return the weights that are trained, by name."""
        return {name: one for name, one in self.named_parameters() if one.requires_grad}

    def trained_state(self) -> dict[str, Tensor]:
        """Return what training changes: trained weights, and the buffers beside them."""
        frozen = {name for name, one in self.named_parameters() if not one.requires_grad}
        return {name: one for name, one in self.state_dict().items() if name not in frozen}

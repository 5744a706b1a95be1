"""What the learners of all families share: a frozen pipeline, and a LoRA in its network."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from ggt_hf.errors import UsageError
from ggt_hf.synthesis.editors.families import EDITED_BY, FAMILIES
from ggt_hf.training.learners.learner import Learner

if TYPE_CHECKING:
    from ggt_hf.training.recipe import LoraRecipe


class EditingLearner(Learner):
    """A LoRA in the network of an editing pipeline; all else stays as it is.

    Args:
        pipeline: of diffusers, on the CPU.
        recipe: rank, layers, arguments of the prompt's encoding.
        prompt: the instruction, the same for all pairs.
        inference_steps: of `restore`.
        facts: what the base and the prompt are, for the record.

    Raises:
        UsageError: the network has no layers of the recipe's names, or the prompt's encoding takes
            no such arguments.
    """

    part: ClassVar[str] = "transformer"
    """Name of the network that is trained."""
    targets: ClassVar[tuple[str, ...]] = ("to_q", "to_k", "to_v", "to_out.0")
    """Layers that get a LoRA where the recipe names none: the attention."""
    encoders: ClassVar[tuple[str, ...]] = ("text_encoder",)
    """Networks that read the prompt."""
    encoder_sees: ClassVar[bool] = False
    """Whether they look at the picture as well: then they stay, and read it in every step."""

    def __init__(
        self,
        pipeline: Any,
        recipe: LoraRecipe,
        prompt: str,
        *,
        inference_steps: int,
        facts: dict[str, Any],
    ) -> None:
        super().__init__()
        _refuse_encoding(pipeline, recipe)
        self.pipeline, self._recipe, self._prompt = pipeline, recipe, prompt
        self._inference_steps = inference_steps
        self._words: dict[str, Any] = {}
        self._device = torch.device("cpu")
        for one in pipeline.components.values():
            if isinstance(one, nn.Module):
                one.requires_grad_(False).eval()
        self.network: Any = getattr(pipeline, self.part)
        self._dtype: torch.dtype = self.network.dtype
        chosen = recipe.targets or list(self.targets)
        _add_lora(self.network, recipe, chosen)
        self._facts = facts | {
            "kind": "lora",
            "pipeline": self.edited_by,
            "rank": recipe.rank,
            "alpha": recipe.alpha or recipe.rank,
            "targets": chosen,
            "prompt": prompt,
            "encoding": recipe.encoding,
            "num_parameters": sum(one.numel() for one in self.trained().values()),
        }

    @property
    def facts(self) -> dict[str, Any]:
        """What it is, as JSON holds it."""
        return self._facts

    @property
    def multiple(self) -> int:
        """What the sides of pictures must be multiples of, in pixels."""
        return 2 * int(self.pipeline.vae_scale_factor)

    @property
    def call(self) -> dict[str, Any]:
        """What the family's restoring call is called with, where nobody says otherwise."""
        return dict(FAMILIES[self.edited_by].call)

    @property
    def edited_by(self) -> str:
        """Name of the pipeline class that restores with the weights; as a rule, the base's own."""
        name = type(self.pipeline).__name__
        return EDITED_BY.get(name, name)

    @abstractmethod
    def encode_prompt(self) -> dict[str, Any]:
        """Return what the network is given of the prompt: a batch of one."""

    @abstractmethod
    def encode(self, picture: Tensor) -> Tensor:
        """Return pictures in [-1, 1], ``(B, 3, H, W)``, as the latents that the network takes."""

    @torch.no_grad()
    def place(self, device: torch.device) -> None:
        """Encode the prompt on `device`, once, let its encoders go, and bring the rest there.

        The loop brings the network only after this: it and the encoders never share the memory of
        an accelerator, but where the encoders are needed in every step.
        """
        self._device = device
        held = {name: getattr(self.pipeline, name) for name in self.encoders}
        for encoder in held.values():
            encoder.to(device)
        if not self.encoder_sees:
            self._words = self.encode_prompt()
            self.pipeline.register_modules(**dict.fromkeys(held))
        held.clear()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        self.pipeline.vae.to(device)

    def enable_gradient_checkpointing(self) -> bool:
        """Compute the network's activations twice."""
        self.network.enable_gradient_checkpointing()
        return True

    def save(self, folder: Path) -> None:
        """Write the LoRA as diffusers keeps one, for `load_lora_weights`."""
        from peft import get_peft_model_state_dict

        weights = get_peft_model_state_dict(self.network)
        metadata = self.network.peft_config["default"].to_dict()
        self.pipeline.save_lora_weights(
            folder,
            **{f"{self.part}_lora_layers": {name: one.cpu() for name, one in weights.items()}},
            **{f"{self.part}_lora_adapter_metadata": metadata},
        )

    def _shown(self, picture: Tensor) -> Tensor:
        """Return pictures, RGB in [0, 1], as the VAE takes them."""
        return picture.to(self._dtype) * 2 - 1


def _refuse_encoding(pipeline: Any, recipe: LoraRecipe) -> None:
    encode = getattr(pipeline, "encode_prompt", None)
    taken = inspect.signature(encode).parameters if encode else {}
    if unknown := sorted(recipe.encoding.keys() - taken.keys()):
        raise UsageError(
            f"encode_prompt of {type(pipeline).__name__} takes no {', '.join(unknown)}.",
            hint="Leave it out of model.encoding.",
        )


def _add_lora(network: Any, recipe: LoraRecipe, targets: list[str]) -> None:
    from diffusers.training_utils import cast_training_params
    from peft import LoraConfig

    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha or recipe.rank,
        init_lora_weights="gaussian",
        target_modules=targets,
    )
    try:
        network.add_adapter(config)
    except ValueError as error:
        raise UsageError(
            f"{type(network).__name__} has no layers to adapt that are called {', '.join(targets)}"
            f" ({str(error).splitlines()[0]}).",
            hint="Leave model.targets out of the recipe, or name layers of the network.",
        ) from error
    cast_training_params(network, dtype=torch.float32)

"""What an instruction-editing restorer is told, photograph by photograph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import UsageError
from ggt_hf.records import DEGRADATIONS, Degradation

if TYPE_CHECKING:
    from ggt_hf.restoration.editing import EditingOptions

Wording = Callable[[Path], str | None]
"""Words the prompt of a photograph; ``None`` leaves it to the restorer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Instruction:
    """What is asked, and with which model: a result depends on all of it."""

    prompt: str | None = None
    """The words, for all; ``None`` = as the others below say, else the restorer's own."""
    category: Degradation | None = None
    """Use the fixed prompt of this category."""
    prompter: str | None = None
    """Who looks at each photograph and words its prompt: ``rules``, ``embedded``, a model's folder
    or Hub id; or a ``.jsonl`` file that ``ggt prompt`` wrote."""
    lora: str | None = None
    """Folder, file or Hub id of LoRA weights."""
    dtype: str = "auto"
    """Of the weights; ``auto`` = bfloat16 on an accelerator, float32 on a CPU."""
    seed: int = 0
    """Of each photograph's noise, so that no result depends on the others."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the editing call, such as ``num_inference_steps``."""

    def __post_init__(self) -> None:
        given = [
            name for name in ("prompt", "category", "prompter") if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise UsageError(
                f"{' and '.join(given)} both say what to ask.", hint=f"Give only one of {given}."
            )
        if self.category not in (None, *DEGRADATIONS):
            raise UsageError(
                f"There is no category {self.category!r}.",
                hint=f"Choose one of {', '.join(DEGRADATIONS)}.",
            )

    def options(self, offload: str = "none") -> EditingOptions:
        """Return how the restorer is loaded."""
        from ggt_hf.restoration.editing import DTYPES, OFFLOADS, EditingOptions

        for name, given, known in (("dtype", self.dtype, DTYPES), ("offload", offload, OFFLOADS)):
            if given not in known:
                raise UsageError(
                    f"There is no {name} {given!r}.", hint=f"Give one of {', '.join(known)}."
                )
        return EditingOptions(lora=self.lora, dtype=self.dtype, offload=offload)  # type: ignore[arg-type]

    def wording(self) -> Wording:
        """Return what words the prompts; an observer is loaded here.

        Raises:
            UsageError: the file of prompts is none.
            ModelError: the observer cannot be loaded.
        """
        if self.prompter and self.prompter.endswith(".jsonl"):
            return _written(Path(self.prompter))
        if self.prompter:
            return _observed(self.prompter)
        if self.category:
            from ggt_hf.synthesis.prompting import FixedPrompter

            fixed = FixedPrompter(per_category=True).prompt(self.category).text
            return lambda path: fixed
        return lambda path: self.prompt

    def call(self, restorer: Any) -> dict[str, Any]:
        """Return what a restorer is called with for one photograph, beside its prompt.

        Raises:
            UsageError: the restorer takes no instruction, or not these arguments.
        """
        import torch

        from ggt_hf.restoration.pipelines.editing import EditingRestorer

        if not isinstance(restorer, EditingRestorer):
            if self != Instruction(seed=self.seed):
                raise UsageError(
                    f"A {type(restorer).__name__} takes no instruction.",
                    hint="Leave out what is for instruction-editing models: prompt, steps, LoRA.",
                )
            return {}
        try:
            restorer.check(**self.arguments)
        except ValueError as error:
            said, _, hint = str(error).partition("; ")
            raise UsageError(f"{restorer.family} {said}.", hint=f"{hint.capitalize()}.") from error
        return {"generator": torch.Generator().manual_seed(self.seed), **self.arguments}


def _observed(model: str) -> Wording:
    from ggt_hf.synthesis.prompting import AdaptivePrompter
    from ggt_hf.vlm import load
    from ggt_hf.vlm.cache import default_folder

    prompter = AdaptivePrompter(load(model, cache=default_folder()))
    return lambda path: prompter.prompt(path.read_bytes()).text


def _written(file: Path) -> Wording:
    from ggt_hf.synthesis.prompt_file import read_prompts

    if not file.is_file():
        raise UsageError(f"There is no file {file}.", hint="Write it by: ggt prompt --out FILE")
    prompts = {Path(path).resolve(): prompt.text for path, prompt in read_prompts(file).items()}

    def look_up(path: Path) -> str:
        if path.resolve() not in prompts:
            raise UsageError(
                f"{file} holds no prompt for {path}.",
                hint=f"Run: ggt prompt {path} --out {file}",
            )
        return prompts[path.resolve()]

    return look_up

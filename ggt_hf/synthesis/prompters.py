"""From the words of a command line to who writes the prompts, here or in another process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from ggt_hf.errors import GgtError, UsageError
from ggt_hf.records import DEGRADATIONS, Prompt, PromptStrategy
from ggt_hf.synthesis.prompting import ADAPTIVE, AdaptivePrompter, FixedPrompter
from ggt_hf.vlm import RULES, load
from ggt_hf.vlm.cache import default_folder

Prompts = Callable[[Sequence[bytes]], Sequence[Prompt | GgtError]]
"""Writes the prompts of a batch of encoded pictures; an error stands for a prompt it could not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PrompterChoice:
    """Who writes the prompts. Nothing is loaded yet, so a choice travels to any process.

    Raises:
        UsageError: it names what there is not, or a category for an adaptive prompt.
    """

    strategy: PromptStrategy = "adaptive"
    """Look at each picture, or say the same to all."""
    category: str | None = None
    """With ``fixed``: whose prompt; ``None`` = one for any."""
    model: str = RULES
    """The observer, as for `vlm.load`."""
    revision: str | None = None
    """Commit, tag or branch of the observer."""
    endpoint: str | None = None
    """Base URL of an OpenAI-compatible server."""
    template: Path | None = None
    """Jinja template of adaptive prompts; ``None`` = ours."""
    batch_size: int = 4
    """Pictures that the observer sees at once."""

    def __post_init__(self) -> None:
        if self.strategy not in get_args(PromptStrategy):
            raise UsageError(
                f"There is no strategy {self.strategy!r}.", hint="Choose adaptive or fixed."
            )
        if self.category is not None and self.strategy == "adaptive":
            raise UsageError(
                "An adaptive prompt finds the category itself.",
                hint="Leave --category out, or add --strategy fixed.",
            )
        if self.category is not None and self.category not in DEGRADATIONS:
            raise UsageError(
                f"There is no category {self.category!r}.",
                hint=f"Choose one of {', '.join(DEGRADATIONS)}.",
            )

    @property
    def has_model(self) -> bool:
        """Whether it needs weights, of which one copy at a time is enough."""
        return self.strategy == "adaptive" and self.model != RULES and not self.endpoint

    @property
    def fingerprint(self) -> str:
        """All that a prompt depends on beside its picture."""
        template = self.template.read_bytes() if self.template and self.template.is_file() else b""
        return f"{self!r} {hashlib.sha256(template).hexdigest()}"

    def open(self) -> Prompts:
        """Load what is needed; return what writes the prompts.

        Raises:
            ModelError: the model cannot be loaded.
            UsageError: there is no such template, or no such address.
        """
        if self.strategy == "fixed":
            written = FixedPrompter(per_category=True).prompt(self.category)  # type: ignore[arg-type]
            return lambda batch: [written] * len(batch)
        options = {"batch_size": self.batch_size} if self.has_model else {}
        vlm = load(
            self.model,
            revision=self.revision,
            endpoint=self.endpoint,
            cache=default_folder(),
            **options,
        )
        return AdaptivePrompter(vlm, self.template or ADAPTIVE).prompts

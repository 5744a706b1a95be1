"""Runs of synthesis over a service that misbehaves as it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ggt_hf.synthesis.asking import Patience
from ggt_hf.synthesis.editors.opening import EditorOptions, open_editor
from ggt_hf.synthesis.instructions import read_instructions
from ggt_hf.synthesis.report import SynthOptions, SynthReport
from ggt_hf.synthesis.sources import SourceLabels, list_sources
from ggt_hf.synthesis.synthesize import Synthesis
from tests.synthesis.service import Asked

PRICE = 0.05

Run = Callable[..., SynthReport]


def planned(
    photos: Path, out: Path, *, editor: str = "nano-banana-2", **options: object
) -> Synthesis:
    settings = {"max_cost": 5.0, "quiet": True, "patience": Patience(first_wait=0.01)} | options
    return Synthesis(
        list_sources(photos, SourceLabels()).sources,
        read_instructions("fixed"),
        open_editor(editor, EditorOptions(price=PRICE, timeout=20)),
        out,
        SynthOptions(**settings),  # type: ignore[arg-type]
    )


def run(photos: Path, out: Path, **options: object) -> SynthReport:
    return planned(photos, out, **options).run()  # type: ignore[arg-type]


def by_turn(*behaviours: str) -> Callable[[Asked, int], str]:
    """A script: what happens at the first, second, ... request about one picture; then images."""
    turns: Counter[tuple[int, ...]] = Counter()

    def script(asked: Asked, number: int) -> str:
        turn = turns[asked.mark]
        turns[asked.mark] += 1
        return behaviours[turn] if turn < len(behaviours) else "image"

    return script

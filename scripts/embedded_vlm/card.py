"""The embedded model's card: the template of model_cards/, filled with what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ggt_hf.records import DEGRADATIONS

TEMPLATES = Path(__file__).parents[2] / "model_cards"
RESULTS = "evaluation.yaml"


def write_card(folder: Path, results: dict[str, Any]) -> None:
    """Write README.md beside the weights, and the results of the evaluation that it tells of."""
    from safetensors import safe_open

    weights = folder / "model.safetensors"
    with safe_open(weights, "numpy") as file:
        sizes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    card = environment.get_template("embedded-prompter.md").render(
        parameters=f"{sum(map(_product, sizes)) / 1e6:.1f}",
        megabytes=f"{weights.stat().st_size / 1e6:.1f}",
        categories=DEGRADATIONS,
        **results,
    )
    (folder / RESULTS).write_text(yaml.safe_dump(results, sort_keys=False), encoding="utf-8")
    (folder / "README.md").write_text(card, encoding="utf-8")


def _product(shape: list[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total

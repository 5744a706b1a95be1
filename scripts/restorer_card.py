"""The embedded restorer's card and pictures, from what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from ggt_hf import sample
from ggt_hf.images import decode
from ggt_hf.records import DEGRADATIONS

TEMPLATES = Path(__file__).parents[1] / "model_cards"
WHOLE = 384
"""Long side of a whole photograph that is measured, in pixels."""

Pixels = NDArray[np.uint8]


def write_card(folder: Path, measured: Mapping[str, Any]) -> None:
    """Write README.md beside a restorer's weights: the template of model_cards/, filled."""
    from safetensors import safe_open

    (weights,) = folder.rglob("*.safetensors")
    with safe_open(weights, "numpy") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    card = environment.get_template("embedded-restorer.md").render(
        measured,
        parameters=f"{sum(int(np.prod(shape)) for shape in shapes) / 1e6:.1f}",
        megabytes=f"{weights.stat().st_size / 1e6:.1f}",
        categories=DEGRADATIONS,
        whole=WHOLE,
        held_out_table=table(measured["held_out"]),
        sample_table=table(measured["sample"]),
        training=json.loads((folder / "training.json").read_text()),
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


def table(numbers: Mapping[str, Any]) -> str:
    """Return measurements as Markdown."""
    lines = [
        "| category | pictures | input | classical | embedded | better |",
        "|---|---|---|---|---|---|",
    ]
    for category, row in numbers.items():
        scores = [f"{row[m]['psnr']:.2f} / {row[m]['ssim']:.3f}" for m in ("input", "classical")]
        ours = row["embedded"]
        pictures = ours["pictures"]
        better = " / ".join(f"{ours[f'better_{m}'] / pictures:.0%}" for m in ("psnr", "ssim"))
        lines.append(
            f"| {category.replace('_', ' ')} | {pictures} | {' | '.join(scores)} "
            f"| **{ours['psnr']:.2f} / {ours['ssim']:.3f}** | {better} |"
        )
    return "\n".join(lines)


def draw(
    path: Path,
    methods: Mapping[str, Callable[[Pixels], Pixels]],
    pairs: Sequence[tuple[str, Pixels, Pixels]],
) -> None:
    """Draw a simulated pair of each category, and beside it a really degraded photograph."""
    simulated = {category: (lq, gt) for category, lq, gt in reversed(pairs)}
    real = {p.degradation: p for p in reversed(list(sample.real_photographs()))}
    heads = [*methods, "truth", *(f"real: {name}" for name in methods)]
    width, height, space, top = 220, 160, 4, 24
    step = width + space, height + space
    size = len(heads) * step[0], top + len(DEGRADATIONS) * step[1]
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, head in enumerate(heads):
        pen.text((column * step[0] + 4, 4), head, fill="black", font=font)
    for row, category in enumerate(DEGRADATIONS):
        lq, gt = simulated[category]
        photograph = decode(real[category].path.read_bytes(), real[category].key)
        shown = [*(method(lq) for method in methods.values()), gt]
        shown += [method(photograph) for method in methods.values()]
        for column, pixels in enumerate(shown):
            cell = ImageOps.fit(Image.fromarray(pixels), (width, height), Image.Resampling.LANCZOS)
            sheet.paste(cell, (column * step[0], top + row * step[1]))
    sheet.save(path, quality=88)

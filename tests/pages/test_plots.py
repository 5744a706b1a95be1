"""Figures keep room for what they say, whatever contestants are called."""

from __future__ import annotations

import xml.dom.minidom

import pytest

from ggt_hf.pages.drawing import Drawing, Text, text_width
from ggt_hf.pages.plots import Mark, bars, dots

NAMES = [
    f"{editor}, {prompts}"
    for editor in ("Qwen/Qwen-Image-Edit-2509", "black-forest-labs/FLUX.1-Kontext-dev", "nano")
    for prompts in ("fixed", "adaptive")
]


def assert_all_inside(drawing: Drawing) -> None:
    for text in (shape for shape in drawing.shapes if isinstance(shape, Text)):
        width = text_width([text.text])
        left = text.x - {"start": 0, "middle": width / 2, "end": width}[text.anchor]
        assert left >= 0, text
        assert left + width <= drawing.width, text
        assert 0 < text.y < drawing.height, text


def test_every_series_has_its_name_in_the_legend() -> None:
    drawing = dots("VLM-R", ["all"], {name: [Mark(value=1, low=0, high=2)] for name in NAMES},
                   zero=True)  # fmt: skip
    said = [shape.text for shape in drawing.shapes if isinstance(shape, Text)]
    assert [text for text in said if text in NAMES] == NAMES
    assert_all_inside(drawing)


@pytest.mark.parametrize("name", ["an-organisation/" + "a-long-name-" * 25, "two\nlines\0"])
def test_a_long_name_leaves_room_for_the_figure(name: str) -> None:
    drawing = dots("PSNR", [name, "rain"], {name: [Mark(value=1, low=0, high=2), None]}, zero=False)
    assert_all_inside(drawing)
    assert_all_inside(bars("seconds", {name: 3.0, "b": 1.0}, {name: "3 s", "b": "1 s"}))
    assert drawing.to_png()[:4] == b"\x89PNG"
    xml.dom.minidom.parseString(drawing.to_svg(alone=True))

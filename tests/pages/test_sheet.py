"""Pictures in rows."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ggt_hf.errors import UsageError
from ggt_hf.pages.drawing import Drawing, Text
from ggt_hf.pages.sheet import sheet


def flat(colour: str, width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def test_rows_lie_below_each_other_at_one_height() -> None:
    rows = [[flat("red", 40, 20), flat("blue", 20, 20)], [flat("lime", 10, 20)]]
    whole = np.asarray(sheet(rows, height=10, gap=4))
    assert whole.shape == (24, 34, 3)
    assert (whole[:10, :20] == (255, 0, 0)).all()
    assert (whole[:10, 20:24] == 255).all()
    assert (whole[:10, 24:] == (0, 0, 255)).all()
    assert (whole[14:, :5] == (0, 255, 0)).all()
    assert (whole[14:, 5:] == 255).all()


def test_nothing_is_no_sheet() -> None:
    with pytest.raises(UsageError, match="needs a picture"):
        sheet([[]])


def test_a_minus_sign_in_a_figure_is_drawn() -> None:
    def png(text: str) -> bytes:
        drawing = Drawing(width=60, height=30, label="numbers")
        drawing.add(Text(5, 20, text, "ink"))
        return drawing.to_png()

    assert png("\N{MINUS SIGN}5") == png("-5") != png("5")

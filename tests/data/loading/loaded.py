"""Compare what was loaded with the pairs it was made of, to the last pixel and byte."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ggt_hf.records import DEGRADATIONS, Pair


def assert_pairs(rows: Iterable[Mapping[str, Any]], pairs: Sequence[Pair]) -> None:
    """Rows of lq, gt, json hold exactly `pairs`, in their order."""
    rows = list(rows)
    assert [row["json"]["source"] for row in rows] == [pair.info.source for pair in pairs]
    for row, pair in zip(rows, pairs, strict=True):
        assert_picture(row["lq"], pair.lq)
        assert_picture(row["gt"], pair.gt)
        assert DEGRADATIONS[row["json"]["category"]] == pair.info.degradation
        assert row["json"]["prompt"] == pair.info.prompt
        assert row["json"]["license"] == pair.info.license
        scores = {score["metric"]: score["value"] for score in row["json"]["scores"]}
        assert scores == pair.info.scores


def assert_picture(loaded: Image.Image, data: bytes) -> None:
    """A decoded picture holds the pixels of the encoded `data`."""
    assert isinstance(loaded, Image.Image)
    with Image.open(io.BytesIO(data)) as expected:
        np.testing.assert_array_equal(np.asarray(loaded), np.asarray(expected))

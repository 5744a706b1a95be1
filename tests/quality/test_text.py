from __future__ import annotations

import builtins
from typing import Any

import pytest

from ggt_hf.errors import MissingExtraError
from ggt_hf.quality import gate, text
from ggt_hf.quality.faults import write_text
from ggt_hf.quality.planting import plant
from tests.quality.scenes import photograph, scene

LQ, GT = scene("mixed-casa-mila", "rain", 0.2)
reads = pytest.mark.skipif(not text.is_installed(), reason="RapidOCR is not installed")


@reads
def test_a_word_that_stands_is_kept() -> None:
    lq, gt = (write_text(picture, "STATION", seed=4) for picture in (LQ, GT))
    change = text.compare_text(lq, gt)
    assert change.lines >= 1
    assert change.kept == 1.0


@reads
def test_an_altered_word_is_named_by_the_gate() -> None:
    planted = plant("text_altered", LQ, GT, photograph("mixed-astronaut"), seed=1)
    change = text.compare_text(planted.lq, planted.gt)
    assert change.kept < 0.85
    assert change.before != change.after
    check = gate(planted.lq, planted.gt, "rain")
    assert "text was altered (text_kept " in check.reason


@reads
def test_a_word_that_is_gone_is_not_kept() -> None:
    lq = write_text(GT, "MUSEUM", seed=4)
    assert text.compare_text(lq, GT).kept == 0.0


@reads
def test_new_text_alone_is_no_fault() -> None:
    change = text.compare_text(GT, write_text(GT, "HOTEL", seed=4))
    assert change.kept == 1.0


def test_without_a_reader_the_gate_says_so_and_the_probe_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = builtins.__import__

    def without_rapidocr(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("rapidocr"):
            raise ImportError(name)
        return whole(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_rapidocr)
    text._reader.cache_clear()
    with pytest.raises(MissingExtraError, match=r"ggt-hf\[ocr\]"):
        text.compare_text(LQ, GT)
    monkeypatch.setattr("ggt_hf.quality.measuring.is_installed", lambda: False)
    assert "text was not read (no RapidOCR)" in gate(LQ, GT, "rain").reason

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter

import numpy as np
import pytest

from ggt_hf import sample
from ggt_hf.data.format.schema import is_key
from ggt_hf.degradation import REVISION, render
from ggt_hf.images import decode, verify
from ggt_hf.records import DEGRADATIONS

MEGABYTE = 1_000_000


def pairs() -> list[dict[str, object]]:
    return [json.loads(line) for line in sample.PAIRS.read_text(encoding="utf-8").splitlines()]


def credits() -> list[dict[str, str]]:
    with sample.CREDITS.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def test_every_file_is_credited_and_unchanged() -> None:
    rows = {row["path"]: row for row in credits()}
    lying = {
        path.relative_to(sample.ROOT).as_posix()
        for folder in ("pairs", "real")
        for path in (sample.ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert lying == set(rows)
    for path, row in rows.items():
        data = (sample.ROOT / path).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"], path
        assert row["license"], path
        assert row["credit"], path
        assert row["source"], path


def test_it_is_small() -> None:
    size = sum(path.stat().st_size for path in sample.ROOT.rglob("*") if path.is_file())
    assert size < 16 * MEGABYTE  # the photographs, and two models of 3 and 4


def test_pairs_are_complete_whole_and_of_one_size() -> None:
    for pair in pairs():
        infos = [
            verify((sample.ROOT / str(pair[side])).read_bytes(), str(pair[side]))
            for side in ("lq", "gt")
        ]
        assert (infos[0].width, infos[0].height) == (infos[1].width, infos[1].height)
        assert 256 <= max(infos[0].width, infos[0].height) <= 384
        assert is_key(str(pair["key"]))
        assert pair["origin"] == "synthetic"


def test_counts() -> None:
    counted = Counter((pair["split"], pair["category"]) for pair in pairs())
    assert counted == {
        (split, category): number
        for split, number in (("train", 8), ("test", 2))
        for category in DEGRADATIONS
    }
    assert len({pair["key"] for pair in pairs()}) == 60


def test_no_photograph_is_in_both_splits() -> None:
    sources = {
        split: {pair["source"] for pair in pairs() if pair["split"] == split}
        for split in ("train", "test")
    }
    assert sources["train"].isdisjoint(sources["test"])


@pytest.mark.parametrize("category", DEGRADATIONS)
def test_low_quality_sides_can_be_made_again(category: str) -> None:
    """To the byte with the versions that made them; to the eye with any."""
    for pair in [pair for pair in pairs() if pair["category"] == category][::4]:
        made = pair["provenance"]
        assert isinstance(made, dict)
        assert made["editor"] == "ggt_hf.degradation"
        assert made["editor_revision"] == REVISION
        gt = decode((sample.ROOT / str(pair["gt"])).read_bytes(), "gt")
        lq = decode((sample.ROOT / str(pair["lq"])).read_bytes(), "lq")
        again = render(gt, json.loads(made["settings"]), seed=made["seed"])
        # Another processor or OpenCV rounds a few values the other way.
        difference = np.abs(again.lq.astype(int) - lq)
        assert np.mean(difference) < 0.25, pair["key"]
        assert np.mean(difference > 4) < 0.01, pair["key"]


def test_real_photographs_have_no_ground_truth_and_a_credit() -> None:
    photographs = list(sample.real_photographs())
    assert {photograph.degradation for photograph in photographs} == set(DEGRADATIONS)
    assert len({photograph.key for photograph in photographs}) == len(photographs) >= 12
    for photograph in photographs:
        info = verify(photograph.path.read_bytes(), photograph.key)
        assert max(info.width, info.height) <= 512
        assert photograph.license
        assert photograph.credit


def test_files_carry_no_metadata() -> None:
    for row in credits():
        head = (sample.ROOT / row["path"]).read_bytes()[:4096]
        assert b"Exif" not in head, row["path"]

from __future__ import annotations

import pytest

from ggt_hf.data.building.sources.words import Vocabulary
from ggt_hf.errors import UsageError


@pytest.mark.parametrize(
    ("lq", "gt", "pair"),
    [
        ("LQ/0001.png", "GT/0001.png", "0001"),
        ("train/rain/lq/a/1.jpg", "train/rain/HQ/a/1.png", "train/rain/a/1"),
        ("input/1.jpg", "target/1.jpg", "1"),
        ("low/1.png", "high/1.png", "1"),
        ("rainy/LQ/1.png", "rainy/GT/1.png", "rainy/1"),
        ("rainy/1.png", "norain/1.png", "1"),
        ("train_LQ/1.png", "train_GT/1.png", "train/1"),
        ("x/0001_lq.png", "x/0001_gt.png", "x/0001"),
        ("LQ/0001_lq.png", "GT/0001_gt.png", "0001"),
        ("LQ/LQ/1.png", "GT/GT/1.png", "1"),
        ("train/LQ/home/LQ/1.png", "train/GT/home/GT/1.png", "train/home/1"),
        ("rain/rain/LQ/1.png", "rain/rain/GT/1.png", "rain/1"),
        ("target/input/1.png", "target/target/1.png", None),
        ("LQ/a.b/1.2.png", "GT/a.b/1.2.png", "a.b/1.2"),
    ],
)
def test_both_sides_of_a_pair_get_one_path(lq: str, gt: str, pair: str | None) -> None:
    words = Vocabulary()
    left, right = words.read(lq), words.read(gt)
    assert (left.role, right.role) == ("lq", "gt")
    if pair is not None:
        assert left.pair == right.pair == pair


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("Derain/LQ/1.png", "rain"),
        ("general mixed/LQ/1.png", "mixed"),
        ("old_photos/lq/1.png", "old_photo"),
        ("low-light/low/1.png", "low_light"),
        ("lowlight/low/1.png", "low_light"),
        ("GGT-100K_dehaze/LQ/1.png", "haze"),
        ("hazy/1.png", "haze"),
        ("rain_and_snow/LQ/1.png", None),
        ("things/LQ/1.png", None),
    ],
)
def test_categories_in_any_usual_spelling(path: str, category: str | None) -> None:
    assert Vocabulary().read(path).categories == ({category} if category else set())


def test_a_contradiction_is_seen() -> None:
    assert Vocabulary().read("rain/snow/LQ/1.png").categories == {"rain", "snow"}


def test_a_whole_name_is_surer_than_a_part() -> None:
    assert Vocabulary().read("mixed_set/rain/LQ/1.png").categories == {"rain"}


@pytest.mark.parametrize(
    ("path", "split"), [("val/LQ/1.png", "validation"), ("GGT_test/LQ/1", "test")]
)
def test_splits_get_the_hubs_names(path: str, split: str) -> None:
    assert Vocabulary().read(path).splits == {split}


def test_the_user_can_say_what_a_name_means() -> None:
    words = Vocabulary({"rain": "lq", "norain": "gt", "Wild Ones": "general mixed", "A": "dev"})
    reading = words.read("A/wild-ones/rain/1.png")
    assert (reading.role, reading.splits) == ("lq", {"dev"})
    assert reading.categories == {"mixed", "rain"}


def test_a_word_that_means_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="neither a role"):
        Vocabulary({"x": "Not A Word"})

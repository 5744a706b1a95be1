from __future__ import annotations

import numpy as np
import pytest

from ggt_hf.errors import UsageError
from ggt_hf.quality.faults import write_text
from ggt_hf.quality.planting import FAULT_KINDS, FaultKind, plant
from tests.quality.scenes import photograph, scene

LQ, GT = scene("mixed-astronaut", "rain")
OTHER = photograph("mixed-casa-mila")


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_a_fault_is_the_same_from_the_same_seed_and_another_from_another(kind: FaultKind) -> None:
    one, same, other = (plant(kind, LQ, GT, OTHER, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.gt, same.gt)
    assert np.array_equal(one.lq, same.lq)
    assert one.size == same.size
    if kind != "other_image":
        assert not np.array_equal(one.gt, other.gt) or kind == "unchanged"


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_a_fault_changes_the_target_and_leaves_its_arguments(kind: FaultKind) -> None:
    lq, gt, other = LQ.copy(), GT.copy(), OTHER.copy()
    planted = plant(kind, lq, gt, other, seed=1)
    assert planted.gt.shape == GT.shape
    assert planted.gt.dtype == np.uint8
    assert not np.array_equal(planted.gt, GT)
    assert np.array_equal(lq, LQ)
    assert np.array_equal(gt, GT)
    assert np.array_equal(other, OTHER)
    assert np.array_equal(planted.lq, LQ) == (kind != "text_altered")


def test_removal_and_insertion_leave_the_rest_alone() -> None:
    for kind in ("object_removed", "object_inserted"):
        changed = np.any(plant(kind, LQ, GT, OTHER, seed=2).gt != GT, axis=2).mean()
        assert 0.005 < changed < 0.15


def test_an_altered_word_changes_nothing_but_the_word() -> None:
    planted = plant("text_altered", LQ, GT, OTHER, seed=2)
    plate = np.any(planted.lq != LQ, axis=2)
    assert not np.any(np.any(planted.gt != GT, axis=2) & ~plate)


def test_two_words_of_one_length_stand_on_the_same_plate() -> None:
    one, other = (write_text(GT, word, seed=9) for word in ("HOTEL", "RIVER"))
    assert np.any(one != other, axis=2).mean() < 0.05


def test_an_unknown_fault_and_unlike_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="no fault 'upside_down'"):
        plant("upside_down", LQ, GT, OTHER, seed=0)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="of one shape"):
        plant("shift", LQ[:100], GT, OTHER, seed=0)
    tiny = GT[:63, :63]
    with pytest.raises(UsageError, match="at least 64"):
        plant("shift", tiny, tiny, tiny, seed=0)

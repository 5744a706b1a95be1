from __future__ import annotations

import pytest

from ggt_hf.quality.agreement import (
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    measure_agreement,
)


def test_cohen_on_a_table_worked_by_hand() -> None:
    """20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: observed 0.7, by chance 0.5."""
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    one = {str(i): a for i, (a, _) in enumerate(pairs)}
    other = {str(i): b for i, (_, b) in enumerate(pairs)}
    assert cohen_kappa(one, other) == pytest.approx(0.4)
    assert cohen_kappa(one, one) == 1
    assert cohen_kappa(one, {}) is None
    assert cohen_kappa({"a": "y"}, {"a": "y"}) is None, "nothing else was ever said"


def test_fleiss_on_the_published_example() -> None:
    """Ten subjects, fourteen raters, five categories: 0.210."""
    table = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    units = [[str(label) for label, n in enumerate(row) for _ in range(n)] for row in table]
    assert fleiss_kappa(units) == pytest.approx(0.210, abs=5e-4)


def test_krippendorff_on_the_published_example() -> None:
    """Four observers, twelve units, missing data: nominal alpha 0.743."""
    rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units = [[str(row[i]) for row in rows if row[i] is not None] for i in range(12)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)


def test_reviewers_who_judged_different_pairs() -> None:
    labels = {
        "ada": {"a": "accept", "b": "reject", "c": "accept"},
        "ben": {"a": "accept", "b": "reject"},
        "cem": {"z": "unsure"},
    }
    found = measure_agreement(labels)
    assert found.num_shared == 2
    assert found.observed == 1
    assert found.cohen == {("ada", "ben"): 1, ("ada", "cem"): None, ("ben", "cem"): None}
    assert found.fleiss is None, "nobody's pair was judged by all three"
    assert found.krippendorff == 1
    assert measure_agreement({}).krippendorff is None

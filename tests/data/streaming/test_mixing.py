from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ggt_hf.data.streaming.batches import PairSource
from ggt_hf.data.streaming.mixing import Mix, Repeated
from ggt_hf.data.streaming.stream import PairStream
from ggt_hf.errors import UsageError
from tests.data.streaming.numbered import NumberedPairs, keys


def mix(a: int, b: int, **options: object) -> Mix:
    return Mix([NumberedPairs(a, name="a"), NumberedPairs(b, name="b")], **options)


def draw(source: PairSource, epoch: int = 0) -> list[str]:
    return [source.sample(epoch, position).key for position in range(len(source))]


@pytest.mark.parametrize("seed", range(4))
def test_one_to_one_is_exact_in_every_two_neighbours(seed: int) -> None:
    drawn = draw(mix(17, 40, seed=seed))
    assert all(x[0] != y[0] for x, y in pairwise(drawn))


@settings(max_examples=50, deadline=None)
@given(st.integers(8, 60), st.integers(8, 60), st.integers(1, 4), st.integers(1, 4))
def test_the_shortest_part_ends_the_epoch_and_nothing_comes_twice(
    a: int, b: int, share_a: int, share_b: int
) -> None:
    source = mix(a, b, ratio=(share_a, share_b), seed=a)
    drawn = draw(source)
    assert len(set(drawn)) == len(drawn)
    counts = Counter(key[0] for key in drawn)
    assert counts["a"] * share_b == counts["b"] * share_a
    unused = (a - counts["a"]) // share_a, (b - counts["b"]) // share_b
    assert 0 <= min(unused) < max(share_a, share_b)


@given(st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_the_longest_part_is_seen_whole(a: int, b: int) -> None:
    drawn = draw(mix(a, b, stop="longest"))
    assert len(drawn) == 2 * max(a, b)
    assert {key for key in drawn if key[0] == "a"} == {f"a{i}" for i in range(a)}
    assert {key for key in drawn if key[0] == "b"} == {f"b{i}" for i in range(b)}


def test_a_part_that_begins_again_has_another_order() -> None:
    drawn = [key for key in draw(mix(10, 30, stop="longest")) if key[0] == "a"]
    assert drawn[:10] != drawn[10:20]
    assert set(drawn[:10]) == set(drawn[10:20])


def test_a_mix_resumes_like_any_source() -> None:
    whole = keys(PairStream(mix(20, 33), batch_size=4))
    assert len(whole) == 40
    first = PairStream(mix(20, 33), batch_size=4).loader(num_workers=2)
    used = keys(islice(iter(first), 3))
    second = PairStream(mix(20, 33), batch_size=4).loader()
    second.load_state_dict(first.state_dict())
    assert used + keys(second) == whole


@pytest.mark.parametrize("ratio", [(1,), (1, 0), (1, 2, 3)])
def test_a_ratio_that_does_not_fit_is_refused(ratio: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="ratio"):
        mix(3, 3, ratio=ratio)


def test_a_repeated_source_gives_the_epochs_of_the_other_one_after_the_other() -> None:
    part = NumberedPairs(7)
    source = Repeated(part, 3)
    for epoch in range(2):
        passes = [
            [part.sample(3 * epoch + turn, place).key for place in range(7)] for turn in range(3)
        ]
        assert draw(source, epoch) == [key for one in passes for key in one]
    assert source.fingerprint != part.fingerprint != Repeated(part, 2).fingerprint

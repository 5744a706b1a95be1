from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.data.streaming.foreign import RowPairs, SequentialPairs
from ggt_hf.data.streaming.loader import PairLoader
from ggt_hf.data.streaming.mixing import Mix
from ggt_hf.data.streaming.pairs import DatasetPairs, open_pairs
from ggt_hf.data.streaming.selection import select
from ggt_hf.data.streaming.simulated import SimulatedPairs
from ggt_hf.data.streaming.stream import PairStream
from ggt_hf.data.streaming.transforms import RandomGeometry
from ggt_hf.errors import IntegrityError, ReadError, SourceError, UsageError
from ggt_hf.images import decode
from tests.data.streaming.numbered import keys
from tests.making import encoded, make_dataset, make_pair, picture

CROP = 24


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = [make_pair(i, d) for i in range(12) for d in ("rain", "snow")]
    pairs += [make_pair(i, "haze", "test") for i in range(3)]
    return make_dataset(tmp_path_factory.mktemp("pairs"), pairs)


def test_a_sample_is_the_same_crop_of_both_full_pictures(dataset: Path) -> None:
    pairs = open_pairs(dataset, crop=CROP, flip=True, rotate=True, seed=5)
    store = open_dataset(dataset)
    drawn = RandomGeometry(crop=CROP, flip=True, rotate=True)
    for position in range(len(pairs)):
        sample = pairs.sample(2, position)
        row = store.manifest.find(sample.key)
        geometry = drawn.draw(5, 2, sample.key, row.width, row.height)
        pair = store.pair(row)
        for encoded_side, side in ((pair.lq, sample.lq), (pair.gt, sample.gt)):
            full = decode(encoded_side, sample.key)
            crop = full[geometry.y :, geometry.x :][:CROP, :CROP]
            assert np.array_equal(side, geometry.turn(crop))


def test_geometry_reaches_every_place_and_every_turn() -> None:
    drawn = [
        RandomGeometry(crop=4, flip=True, rotate=True).draw(0, e, "k", 8, 6) for e in range(600)
    ]
    assert {g.x for g in drawn} == set(range(5))
    assert {g.y for g in drawn} == set(range(3))
    assert {(g.flip, g.quarter_turns) for g in drawn} == {(f, t) for f in (0, 1) for t in range(4)}


@pytest.mark.parametrize("shuffle", ["pairs", "blocks", None])
def test_each_pair_comes_once_an_epoch(dataset: Path, shuffle: str | None) -> None:
    stream = PairStream.from_hub(dataset, crop=CROP, batch_size=5, shuffle=shuffle)
    seen = keys(stream)
    assert len(seen) == 24
    assert set(seen) == {f"train-{d}-{i:04d}" for d in ("rain", "snow") for i in range(12)}
    assert (seen == sorted(seen)) == (shuffle is None)


def test_whole_pictures_of_one_size_make_batches(dataset: Path) -> None:
    batch = next(iter(PairStream.from_hub(dataset, batch_size=4)))
    assert batch.lq.shape == (4, 3, 32, 48)


def test_a_stream_goes_through_spawned_workers(dataset: Path) -> None:
    stream = PairStream.from_hub(dataset, crop=CROP, batch_size=4)
    spawned = PairLoader(stream, num_workers=2, multiprocessing_context="spawn")
    direct = list(PairStream.from_hub(dataset, crop=CROP, batch_size=4))
    for ours, theirs in zip(spawned, direct, strict=True):
        assert ours.keys == theirs.keys
        assert np.array_equal(ours.lq.numpy(), theirs.lq.numpy())


def test_filters_need_only_the_manifest(dataset: Path) -> None:
    manifest = open_dataset(dataset).manifest
    assert len(select(manifest, split="test")) == 3
    assert {row.category for row in select(manifest, categories=["snow"])} == {"snow"}
    assert {row.scores["psnr"] for row in select(manifest, min_scores={"psnr": 21.25})} == {
        21.25,
        21.375,
    }
    assert len(select(manifest, max_scores={"psnr": 20.0}, split="train")) == 2
    assert len(select(manifest, min_size=33)) == 0
    assert len(select(manifest, licenses=["CC0-1.0"])) == 27


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        ({"split": "val"}, "'val'"),
        ({"categories": ["fog"]}, "'fog'"),
        ({"licenses": ["MIT"]}, "'MIT'"),
        ({"min_scores": {"lpips": 1}}, "'lpips'"),
    ],
)
def test_a_filter_that_nothing_can_pass_is_refused(
    dataset: Path, filters: dict[str, object], named: str
) -> None:
    with pytest.raises(UsageError, match=named) as error:
        select(open_dataset(dataset).manifest, **filters)
    assert "The manifest holds" in error.value.hint


def test_a_pair_without_a_score_does_not_pass(tmp_path: Path) -> None:
    pairs = [make_pair(i) for i in range(3)]
    pairs[1] = replace(pairs[1], info=replace(pairs[1].info, scores={}))
    manifest = open_dataset(make_dataset(tmp_path, pairs)).manifest
    kept = [row.key for row in select(manifest, min_scores={"psnr": 0})]
    assert kept == ["train-rain-0000", "train-rain-0002"]


def test_crops_larger_than_a_picture_are_refused_at_once(dataset: Path) -> None:
    with pytest.raises(UsageError, match=r"24 of 24 pairs are smaller .* train-rain-0000"):
        open_pairs(dataset, crop=33)
    with pytest.raises(UsageError, match="No pair"):
        open_pairs(dataset, min_size=100)


def test_damage_raises_or_is_skipped_and_named(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, [make_pair(i, form="PNG") for i in range(8)])
    row = open_dataset(root).manifest.row(5)
    with (root / row.shard).open("r+b") as shard:
        shard.seek(row.gt.offset + row.gt.num_bytes // 2)
        shard.write(b"\xff\x00\xff\x00")
    with pytest.raises(IntegrityError, match=rf"{row.key}\.gt in {row.shard}"):
        list(PairStream.from_hub(root, crop=CROP, batch_size=2, verify=True))
    stream = PairStream.from_hub(root, crop=CROP, batch_size=2, verify=True, on_error="skip")
    assert len(keys(stream)) == 7
    assert row.key in stream.ledger[0].cause


def test_the_fingerprint_names_what_is_streamed(dataset: Path) -> None:
    def fingerprint(**options: object) -> str:
        return open_pairs(dataset, crop=CROP, **options).fingerprint

    same = fingerprint()
    others = [fingerprint(seed=1), fingerprint(flip=True), fingerprint(categories=["rain"])]
    assert len({same, *others}) == 4
    assert fingerprint() == same


def test_a_source_survives_pickling(dataset: Path) -> None:
    pairs = open_pairs(dataset, crop=CROP)
    again: DatasetPairs = pickle.loads(pickle.dumps(pairs))
    assert again.sample(1, 3).key == pairs.sample(1, 3).key


def test_rows_of_a_table_are_a_source() -> None:
    rows = [{"a": encoded(picture(i)), "b": {"bytes": encoded(picture(i))}} for i in range(6)]
    pairs = RowPairs(rows, "table", lq="a", gt="b", geometry=RandomGeometry(crop=CROP))
    batches = list(PairStream(pairs, batch_size=4))
    assert sorted(keys(batches)) == [f"table[{i}]" for i in range(6)]
    assert all(np.array_equal(batch.lq, batch.gt) for batch in batches)


def test_a_row_without_its_picture_is_named() -> None:
    pairs = RowPairs([{"lq": picture(0)}], "table", geometry=RandomGeometry(crop=CROP))
    with pytest.raises(SourceError, match=r"table\[0\].*'gt'.*it has lq"):
        pairs.sample(0, 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_iterable_is_a_source_for_any_number_of_workers(workers: int) -> None:
    def rows(epoch: int) -> list[dict[str, object]]:
        return [{"lq": picture(i), "gt": picture(i)} for i in range(11)]

    pairs = SequentialPairs(rows, 11, "tars", geometry=RandomGeometry(crop=CROP))
    loader = PairStream(pairs, batch_size=2).loader(num_workers=workers)
    assert keys(loader) == [f"tars[{i}]" for i in range(11)]
    assert keys(loader) == [f"tars[{i}]" for i in range(11)]


def test_an_iterable_that_ends_early_is_an_error() -> None:
    pairs = SequentialPairs(lambda _: [{"lq": picture(0), "gt": picture(0)}], 2, "tars")
    with pytest.raises(ReadError, match="ended after 1 of 2"):
        list(PairStream(pairs, batch_size=1))


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    for index in range(3):
        (tmp_path / f"photo{index}.png").write_bytes(encoded(picture(index, 80, 64)))
    return tmp_path


def test_simulated_pairs_are_new_each_epoch_and_the_same_each_time(photographs: Path) -> None:
    pairs = SimulatedPairs(photographs, RandomGeometry(crop=48), repeats=2, seed=3)
    first, again, next_epoch = pairs.sample(0, 4), pairs.sample(0, 4), pairs.sample(1, 4)
    assert len(pairs) == 6
    assert np.array_equal(first.lq, again.lq)
    assert not np.array_equal(first.lq, first.gt)
    assert not np.array_equal(first.lq, next_epoch.lq)


def inverted(picture: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    return 255 - picture if seed % 2 else picture


def test_ground_truth_can_be_retouched_before_it_is_degraded(photographs: Path) -> None:
    plain, changed = (
        SimulatedPairs(photographs, RandomGeometry(crop=64), repeats=4, retouch=retouch)
        for retouch in (None, inverted)
    )
    assert plain.fingerprint != changed.fingerprint
    alike = set()
    for position in range(len(plain)):
        before, after = plain.sample(0, position), changed.sample(0, position)
        alike.add(np.array_equal(before.gt, after.gt))
        assert np.array_equal(after.gt, before.gt) or np.array_equal(after.gt, 255 - before.gt)
        assert np.array_equal(before.lq, after.lq) == np.array_equal(before.gt, after.gt)
    assert alike == {True, False}


def test_real_and_simulated_pairs_mix_one_to_one(dataset: Path, photographs: Path) -> None:
    real = open_pairs(dataset, crop=32)
    simulated = SimulatedPairs(photographs, RandomGeometry(crop=32), repeats=4)
    batches = list(PairStream(Mix([real, simulated]), batch_size=4))
    assert len(keys(batches)) == 24
    for batch in batches:
        assert sum(key.startswith("photo") for key in batch.keys) == 2

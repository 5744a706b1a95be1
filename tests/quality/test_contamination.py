from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ggt_hf.data.building.sources import Labels, read_source
from ggt_hf.degradation import degrade
from ggt_hf.errors import FormatError, OverlapError, SourceError, UsageError
from ggt_hf.images import decode, luminance
from ggt_hf.quality.contamination import build_index, check, refuse_overlap
from ggt_hf.quality.fingerprint_index import FingerprintIndex
from ggt_hf.quality.fingerprints import SIDE, fingerprint, mirrored, suppose
from ggt_hf.quality.pictures import Picture, pictures_of, pictures_of_pairs
from ggt_hf.records import DEGRADATIONS
from tests.making import encoded, make_dataset, make_pair, picture

SAMPLE = Path(__file__).parents[2] / "ggt_hf/sample"


def photographs() -> list[tuple[str, NDArray[np.uint8]]]:
    files = sorted((SAMPLE / "pairs/test").rglob("gt/*")) + sorted((SAMPLE / "real").rglob("*.jpg"))
    return [(file.stem, decode(file.read_bytes(), file.name)) for file in files]


def scene(seed: int) -> NDArray[np.uint8]:
    """A picture with detail at many scales, as photographs have; each seed another one."""
    rng = np.random.default_rng(seed)
    layers = np.zeros((240, 320, 3))
    for cells in (3, 6, 12, 24, 48):
        small = Image.fromarray(rng.integers(0, 256, (cells, cells * 4 // 3, 3), dtype=np.uint8))
        layers += np.asarray(small.resize((320, 240), Image.Resampling.BICUBIC)) / cells**0.5
    layers -= layers.min()
    return (layers * 255 / layers.max()).astype(np.uint8)


def pictures(count: int, first: int = 0) -> list[Picture]:
    return [given(f"p{seed}.gt", scene(seed)) for seed in range(first, first + count)]


def given(name: str, pixels: NDArray[np.uint8]) -> Picture:
    data = encoded(np.ascontiguousarray(pixels), "PNG")
    return Picture(name=name, read=lambda: data)


def cut(pixels: NDArray[np.uint8], area: float, at: float) -> NDArray[np.uint8]:
    height, width = (int(side * area**0.5) for side in pixels.shape[:2])
    top, left = int((pixels.shape[0] - height) * at), int((pixels.shape[1] - width) * (1 - at))
    return pixels[top : top + height, left : left + width]


@pytest.fixture(scope="module")
def index() -> FingerprintIndex:
    return build_index(pictures(20), "scenes", num_workers=2)


@pytest.mark.parametrize("category", DEGRADATIONS)
def test_degraded_pictures_are_found_and_others_are_not(
    index: FingerprintIndex, category: str
) -> None:
    sources = [
        given(f"{seed}", degrade(scene(seed), category, seed=seed, severity=0.5).lq)  # type: ignore[arg-type]
        for seed in (*range(4), *range(100, 104))
    ]
    report = check(sources, index, num_workers=2)
    assert {(hit.name, hit.match.name) for hit in report.hits} == {
        (f"{seed}", f"p{seed}.gt") for seed in range(4)
    }


@pytest.mark.parametrize("at", [0.0, 0.3, 1.0])
def test_crops_mirror_images_and_thumbnails_are_found(index: FingerprintIndex, at: float) -> None:
    changed = [cut(scene(3), 0.62, at), cut(scene(3), 0.62, at)[:, ::-1], scene(3)[::3, ::3]]
    report = check([given(str(i), p) for i, p in enumerate(changed)], index, num_workers=2)
    assert [hit.match.name for hit in report.hits] == ["p3.gt"] * 3
    assert [hit.match.mirrored for hit in report.hits] == [False, True, False]
    assert all(hit.match.distance < hit.match.limit for hit in report.hits)


def test_a_test_picture_that_is_a_crop_of_a_training_picture_is_found() -> None:
    index = build_index([given("crop", cut(scene(5), 0.65, 0.2))], "crops", num_workers=1)
    assert check([given("whole", scene(5))], index, num_workers=1).hits[0].match.name == "crop"


def test_unrelated_pictures_are_told_apart(index: FingerprintIndex) -> None:
    assert check(pictures(15, first=1000), index, num_workers=2).clean


def test_mirroring_needs_no_pixels() -> None:
    square = luminance(encoded(scene(1)), "scene", SIDE)
    turned = fingerprint(square[:, ::-1]).hashes
    assert (mirrored(fingerprint(square).hashes) == turned).all()
    assert (mirrored(turned) == fingerprint(square).hashes).all()


def test_the_whole_frame_is_the_first_supposition() -> None:
    square = luminance(encoded(scene(1)), "scene", SIDE)
    assert (suppose(square).hashes[0] == fingerprint(square).hashes).all()


def test_flat_pictures_match_nothing(index: FingerprintIndex) -> None:
    black = given("black", np.zeros((200, 200, 3), np.uint8))
    stored = build_index([black, *pictures(1)], "with a black one", num_workers=1)
    report = check([black, given("gray", np.full((99, 80, 3), 130, np.uint8))], stored)
    assert (stored.num_flat, report.num_flat, report.hits) == (1, 2, ())


def test_the_index_is_small_deterministic_and_holds_no_pixels(
    index: FingerprintIndex, tmp_path: Path
) -> None:
    path = tmp_path / "deep/index.parquet"
    index.save(path)
    first = path.read_bytes()
    FingerprintIndex.load(path).save(path)
    assert path.read_bytes() == first
    assert len(first) < 20 * 500 + 4000
    asked = suppose(luminance(encoded(scene(3)), "scene", SIDE))
    assert FingerprintIndex.load(path).matches(asked) == index.matches(asked)


def test_files_that_are_no_index_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        FingerprintIndex.load(tmp_path / "none")
    (tmp_path / "bad").write_bytes(b"PAR1 nonsense")
    with pytest.raises(FormatError, match="no index"):
        FingerprintIndex.load(tmp_path / "bad")
    root = make_dataset(tmp_path / "data", [make_pair(0)])
    with pytest.raises(FormatError, match="version is None"):
        FingerprintIndex.load(root / "meta/manifest.parquet")


def test_pictures_are_listed_from_all_that_ggt_build_takes(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", [make_pair(index) for index in range(2)])
    names = [found.name for found in pictures_of(root)]
    assert names == [f"train-rain-000{i}.{side}" for i in (0, 1) for side in ("gt", "lq")]
    for side in ("LQ", "GT"):
        (tmp_path / "pairs" / side).mkdir(parents=True)
        (tmp_path / "pairs" / side / "1.png").write_bytes(encoded(picture(1)))
    assert [found.name for found in pictures_of(tmp_path / "pairs")] == ["GT/1.png", "LQ/1.png"]
    assert len(pictures_of(tmp_path / "pairs/GT/1.png")) == 1
    listing = read_source(tmp_path / "pairs", Labels(category="rain"))
    assert len(pictures_of_pairs(listing.pairs)) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no picture"):
        pictures_of(tmp_path / "empty")


def test_what_cannot_be_looked_at_is_not_clean(index: FingerprintIndex, tmp_path: Path) -> None:
    broken = Picture(name="broken.jpg", read=lambda: b"\xff\xd8\xff nonsense")
    report = check([broken], index)
    assert not report.clean and "broken.jpg" in report.unreadable[0]
    with pytest.raises(SourceError, match=r"broken\.jpg"):
        build_index([broken], "broken")
    index.save(tmp_path / "i")
    with pytest.raises(OverlapError, match="could not be compared"):
        refuse_overlap([broken], tmp_path / "i")
    with pytest.raises(OverlapError, match=r"a \(is p2\.gt\)"):
        refuse_overlap([given("a", scene(2))], tmp_path / "i")
    refuse_overlap([given("b", scene(2000))], tmp_path / "i")


def test_photographs_are_found_among_photographs() -> None:
    known = photographs()
    index = build_index([given(name, pixels) for name, pixels in known], "the sample")
    changed = [given(name, cut(pixels, 0.62, 0.4)[:, ::-1]) for name, pixels in known[:4]]
    report = check(changed, index)
    assert [hit.name for hit in report.hits] == [name for name, _ in known[:4]]
    assert all(hit.name == hit.match.name for hit in report.hits)

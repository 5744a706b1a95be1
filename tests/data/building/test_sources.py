from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from ggt_hf.data.building.sources import Labels, Listing, read_source
from ggt_hf.errors import SourceError, UsageError
from tests.data.building.sources_making import SIZE, jpeg, pair_files, png, write_files, write_zip
from tests.making import encoded, picture

RAIN = Labels(category="rain")


def described(listing: Listing) -> dict[str, tuple[str, str]]:
    assert not listing.problems, [str(problem) for problem in listing.problems]
    return {p.info.key: (p.info.split, p.info.degradation) for p in listing.pairs}


def causes(listing: Listing) -> str:
    return "\n".join(str(problem) for problem in listing.problems)


def test_folders_of_any_nesting(tmp_path: Path) -> None:
    stems = "train/rain/{}/1", "train/{}/snow/1", "test/haze/{}/sub/1"
    listing = read_source(write_files(tmp_path, pair_files(*stems)), Labels())
    assert described(listing) == {
        "train-rain-1": ("train", "rain"),
        "train-snow-1": ("train", "snow"),
        "test-haze-sub-1": ("test", "haze"),
    }


LAYOUTS = {
    "one zip": {"GGT.zip": pair_files("{}/0001", "{}/0002")},
    "a zip a role": {
        "LQ.zip": {"LQ/0001.jpg": jpeg(0), "LQ/0002.jpg": jpeg(1)},
        "GT.zip": {"GT/0001.png": png(0), "GT/0002.png": png(1)},
    },
    "a zip a category": {"rain.zip": pair_files("rain/{}/0001", "rain/{}/0002")},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("split", ["train", "test", ""])
@pytest.mark.parametrize("top", ["", "some/where/"])
def test_the_three_layouts_of_the_release(
    tmp_path: Path, layout: str, split: str, top: str
) -> None:
    for name, files in LAYOUTS[layout].items():
        nested = {top + member: data for member, data in files.items()}
        write_zip(tmp_path / split / name, nested, zipfile.ZIP_DEFLATED)
    listing = read_source(tmp_path, RAIN)
    assert set(described(listing).values()) == {(split or "train", "rain")}
    read = [(pair.lq.read(), pair.gt.read()) for pair in listing.pairs]
    assert read == [(jpeg(0), png(0)), (jpeg(1), png(1))]
    assert sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file()) == [
        ".zip" for _ in LAYOUTS[layout]
    ]


def test_a_zip_alone_gives_its_category(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "Derain.zip", pair_files("{}/1"))
    assert described(read_source(path, Labels())) == {"1": ("train", "rain")}


def test_litter_is_passed_over_and_other_files_are_told(tmp_path: Path) -> None:
    files = pair_files("{}/1") | dict.fromkeys(
        ("LQ/.hidden.png", "LQ/Thumbs.db", "__MACOSX/LQ/._1.png", "README.md"), b"x"
    )
    listing = read_source(write_files(tmp_path, files), RAIN)
    assert len(described(listing)) == 1
    assert listing.remarks == ["Passed over 1 file that is no picture: README.md"]


def test_every_problem_is_listed_with_its_file(tmp_path: Path) -> None:
    files = pair_files("{}/good") | {
        "LQ/lonely.png": png(1),
        "GT/orphan.png": png(2),
        "LQ/twice.png": png(3),
        "LQ/twice.jpg": jpeg(3),
        "GT/twice.png": png(3),
        "LQ/old.bmp": b"BM",
        "GT/a b.png": png(4),
        "LQ/a b.png": png(4),
        "GT/A-B.png": png(5),
        "LQ/A-B.png": png(5),
        "preview.png": png(6),
    }
    listing = read_source(write_files(tmp_path, files), RAIN)
    assert [pair.info.key for pair in listing.pairs] == ["good"]
    text = causes(listing)
    for part in (
        "LQ/lonely.png has no ground truth",
        "GT/orphan.png has no low-quality picture",
        "LQ/twice.jpg and LQ/twice.png are both low-quality pictures",
        "LQ/old.bmp is a picture of an encoding",
        "LQ/A-B.png and LQ/a b.png get the same key, a-b",
        "No folder says whether pictures in . are LQ or GT",
    ):
        assert part in text
    assert len(listing.problems) == 6


def test_an_unknown_folder_is_named_once_with_the_fix(tmp_path: Path) -> None:
    stems = "weird/{}/1", "weird/{}/2", "rain/{}/1"
    src = write_files(tmp_path, pair_files(*stems))
    listing = read_source(src, Labels())
    assert "folder weird/LQ" in causes(listing) and "--map NAME=CATEGORY" in causes(listing)
    assert len(listing.problems) == 1 and len(listing.problems[0].files) == 4
    mapped = read_source(src, Labels(names={"weird": "old photos"}))
    assert described(mapped)["weird-2"] == ("train", "old_photo")


def test_folders_that_contradict_each_other(tmp_path: Path) -> None:
    listing = read_source(write_files(tmp_path, pair_files("rain/snow/{}/1")), Labels())
    assert "more than one category: rain, snow" in causes(listing)


def test_labels_refuse_words_they_do_not_know() -> None:
    for wrong in ({"category": "sleet"}, {"origin": "stolen"}, {"split": "Train A"}):
        with pytest.raises(UsageError):
            Labels(**wrong)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no"):
        read_source(tmp_path, Labels())
    with pytest.raises(SourceError, match="does not exist"):
        read_source(tmp_path / "absent", Labels())
    with pytest.raises(SourceError, match="does not exist"):
        read_source("verdicts/pairs.jsonl", Labels())  # no repository, though it looks like one
    (tmp_path / "candidates.jsonl").touch()
    with pytest.raises(SourceError) as caught:
        read_source(tmp_path / "pairs.jsonl", Labels())
    assert "ggt qc" in str(caught.value.hint)
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(SourceError, match="neither a folder"):
        read_source(tmp_path / "x.txt", Labels())


def test_candidates_are_no_pairs_before_they_were_judged(tmp_path: Path) -> None:
    write_files(tmp_path, pair_files("{}/1"))
    (tmp_path / "candidates.jsonl").write_text("{}\n")
    for source in (tmp_path, tmp_path / "candidates.jsonl"):
        with pytest.raises(SourceError, match="accepted or not") as caught:
            read_source(source, RAIN)
        assert f"ggt build {tmp_path}/pairs.jsonl" in caught.value.hint


def test_a_pipe_is_passed_over(tmp_path: Path) -> None:
    write_files(tmp_path, pair_files("{}/1"))
    os.mkfifo(tmp_path / "LQ/2.jpg")
    os.mkfifo(tmp_path / "more.zip")
    listing = read_source(tmp_path, RAIN)
    assert len(described(listing)) == 1
    assert listing.remarks == ["Passed over 2 files that are no pictures: LQ/2.jpg, more.zip"]


def rows_of(count: int) -> dict[str, list[object]]:
    from PIL import Image

    return {
        "input": [Image.fromarray(picture(i, *SIZE)) for i in range(count)],
        "target": [{"bytes": png(i), "path": None} for i in range(count)],
        "category": [i % 2 for i in range(count)],
        "license": ["CC0-1.0"] * count,
    }


def test_a_dataset_saved_to_disk(tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value

    features = Features(
        input=Image(),
        target=Image(),
        category=ClassLabel(names=["rain", "dehaze"]),
        license=Value("string"),
    )
    table = Dataset.from_dict(rows_of(5), features=features)
    DatasetDict(train=table, validation=table.select([3, 1])).save_to_disk(tmp_path / "saved")
    listing = read_source(tmp_path / "saved", Labels())
    found = described(listing)
    assert found["train-000001"] == ("train", "haze")
    assert found["validation-000000"] == ("validation", "haze")
    by_key = {pair.info.key: pair for pair in listing.pairs}
    assert by_key["validation-000000"].gt.read() == png(3)
    assert by_key["train-000004"].lq.read() == encoded(picture(4, *SIZE))
    assert by_key["train-000004"].info.source == "saved/train/4"


def test_a_folder_of_parquet_with_columns_of_any_name(tmp_path: Path) -> None:
    from datasets import Dataset, Features, Image

    data = [{"bytes": png(i), "path": None} for i in range(2)]
    table = Dataset.from_dict(
        {"before": data, "after": data}, Features(before=Image(), after=Image())
    )
    (tmp_path / "pq").mkdir()
    table.to_parquet(tmp_path / "pq/train.parquet")
    with pytest.raises(SourceError, match="image columns: before, after"):
        read_source(tmp_path / "pq", RAIN)
    listing = read_source(tmp_path / "pq", RAIN, columns=("before", "after"))
    assert [pair.lq.read() for pair in listing.pairs] == [png(0), png(1)]

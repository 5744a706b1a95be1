from __future__ import annotations

import json
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


ROWS = [
    {"lq": "in/1.jpg", "gt": "out/1.png", "category": "dehaze", "prompt": "Clear it."},
    {
        "lq": "in/2.jpg",
        "gt": "out/2.png",
        "category": "snow",
        "key": "Second One",
        "split": "val",
        "scores": {"psnr": 21.5},
        "license": "CC-BY-4.0",
        "credit": "A. Person",
        "origin": "generated",
        "source": "https://example.org/2",
        "provenance": {"editor": "an/editor", "seed": 7, "settings": {"steps": 4}},
    },
]


def write_manifest(root: Path, kind: str) -> Path:
    path = root / f"pairs.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif kind == "csv":
        import csv

        texts = [
            {k: json.dumps(v) if isinstance(v, dict) else v for k, v in row.items()} for row in ROWS
        ]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*ROWS[1], "prompt"])
            writer.writeheader()
            writer.writerows(texts)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist([dict.fromkeys(ROWS[1]) | ROWS[0], ROWS[1]]), path)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_manifests(tmp_path: Path, kind: str) -> None:
    files = {f"in/{i}.jpg": jpeg(i) for i in (1, 2)} | {f"out/{i}.png": png(i) for i in (1, 2)}
    write_files(tmp_path, files)
    listing = read_source(write_manifest(tmp_path, kind), Labels(license="CC0-1.0"))
    assert not listing.problems, causes(listing)
    by_key = {pair.info.key: pair for pair in listing.pairs}
    first, second = by_key["in-1"].info, by_key["second-one"].info
    assert (first.degradation, first.license, first.source) == ("haze", "CC0-1.0", "in/1.jpg")
    assert (second.split, second.scores, second.credit) == (
        "validation",
        {"psnr": 21.5},
        "A. Person",
    )
    assert (second.origin, second.license) == ("generated", "CC-BY-4.0")
    assert (second.provenance.editor, second.provenance.seed) == ("an/editor", 7)
    assert second.provenance.settings == '{"steps": 4}'
    assert by_key["second-one"].gt.read() == png(2)


def test_a_manifest_names_its_bad_rows_and_hides_the_machine(tmp_path: Path) -> None:
    outside = write_files(tmp_path / "private", pair_files("{}/1"))
    rows = [
        {"lq": str(outside / "LQ/1.jpg"), "gt": str(outside / "GT/1.png"), "category": "rain"},
        {"lq": "absent.png", "gt": "absent.png", "category": "rain"},
        {"lq": "https://example.org/1.png", "gt": "x", "category": "rain"},
        {"gt": "x"},
        {"lq": str(outside / "LQ/1.jpg"), "gt": str(outside / "GT/1.png"), "key": "b"},
    ]
    path = tmp_path / "data" / "pairs.jsonl"
    path.parent.mkdir()
    path.write_text("\n".join(json.dumps(row) for row in rows))
    listing = read_source(path, Labels())
    assert [pair.info.source for pair in listing.pairs] == ["1.jpg"]
    text = causes(listing)
    assert "row 2: absent.png cannot be read" in text and "row 4 has no lq" in text
    assert "a URL as its lq" in text and "No category" in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize("content", [b"{broken", b"[1]\n", b"\xff\xfe\x00"])
def test_an_unreadable_manifest(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pairs.jsonl").write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read as a manifest"):
        read_source(tmp_path / "pairs.jsonl", Labels())


@pytest.mark.parametrize(
    ("kind", "text", "cause"),
    [
        ("csv", "", "holds no row"),
        ("csv", "a.jpg,b.png\n", "holds no row"),
        ("csv", "lq;gt\na.jpg;b.png\n", r"no column lq and gt \(it has lq;gt\)"),
        ("jsonl", '{"lq": "a.jpg"}\n', "no column gt"),
        ("jsonl", '{"lq": 1, "gt": 2}\n{"lq"', "after row 1"),
        ("jsonl", "[" * 100_000, "cannot be read as a manifest"),
    ],
)
def test_a_manifest_that_cannot_be_meant(tmp_path: Path, kind: str, text: str, cause: str) -> None:
    (tmp_path / f"pairs.{kind}").write_text(text)
    with pytest.raises(SourceError, match=cause):
        read_source(tmp_path / f"pairs.{kind}", RAIN)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ({"provenance": {"seed": 2**63}}, "more than 64 bits"),
        ({"provenance": {"seed": float("inf")}}, "provenance that cannot be read"),
        ({"provenance": {"editor": 5}}, "editor is no text"),
        ({"scores": {"psnr": 10**400}}, "scores that cannot be read"),
        ({"prompt": "\ud800"}, "half a character"),
        ({"split": "all"}, "split 'all', which cannot name one"),
        ({"lq": [1]}, "no path as its lq, but list"),
    ],
)
def test_a_row_that_no_reader_could_give_back(
    tmp_path: Path, said: dict[str, object], cause: str
) -> None:
    write_files(tmp_path, pair_files("{}/1"))
    rows = [{"lq": "LQ/1.jpg", "gt": "GT/1.png"}, {"lq": "LQ/1.jpg", "gt": "GT/1.png", **said}]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    listing = read_source(tmp_path / "pairs.jsonl", RAIN)
    assert cause in causes(listing) and len(listing.problems) == len(listing.pairs) == 1


def test_a_row_with_more_cells_than_the_header(tmp_path: Path) -> None:
    write_files(tmp_path, pair_files("{}/1"))
    (tmp_path / "pairs.csv").write_text("lq,gt,credit\nLQ/1.jpg,GT/1.png,Doe, Jane\n")
    assert "row 1 has more cells" in causes(read_source(tmp_path / "pairs.csv", RAIN))


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

"""The main job, from photographs on a disk to pixels out of every reader, through a real Hub.

The sample's photographs, enlarged to 1024 px, stand in for a user's; to run the same on other
photographs and more of them::

    GGT_TEST_PHOTOS=photos/ GGT_TEST_PAIRS=200 pytest tests/test_round_trip.py
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ggt_hf import build_dataset, load_dataset, push_dataset, sample, validate
from ggt_hf.records import DEGRADATIONS
from tests.hub_server.loopback import Hub

SIDE = 1024
PAIRS = int(os.environ.get("GGT_TEST_PAIRS", "12"))
PHOTOS = Path(os.environ.get("GGT_TEST_PHOTOS", sample.ROOT / "pairs"))
REPO = "ggt/ggt-100k"

Digests = dict[str, tuple[str, str]]
"""`source` of a pair -> the hashes of both sides' pixels."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paired folders as users have them: CATEGORY/LQ and CATEGORY/GT, JPEG and PNG."""
    root = tmp_path_factory.mktemp("photographs")
    photographs = sorted(p for p in PHOTOS.rglob("*.jpg") if "lq" not in p.parts)
    rng = np.random.default_rng(0)
    for index in range(PAIRS):
        category = DEGRADATIONS[index % len(DEGRADATIONS)]
        for side, image in zip(("LQ", "GT"), _pair(photographs, index, rng), strict=True):
            place = root / "train" / category / side
            place.mkdir(parents=True, exist_ok=True)
            if index % 4 == 3:
                image.save(place / f"IMG {index:04d}.png", compress_level=1)
            else:
                image.save(place / f"IMG {index:04d}.jpg", quality=95)
    return root


def _pair(
    photographs: list[Path], index: int, rng: np.random.Generator
) -> tuple[Image.Image, Image.Image]:
    with Image.open(photographs[index % len(photographs)]) as photograph:
        rgb = photograph.convert("RGB")
    scale = (SIDE + 64) / min(rgb.size)
    rgb = rgb.resize((round(rgb.width * scale), round(rgb.height * scale)))
    x, y = (int(rng.integers(0, room - SIDE + 1)) for room in rgb.size)
    gt = rgb.crop((x, y, x + SIDE, y + SIDE))
    return gt.point(lambda value: value // 3), gt


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Path:
    out = folder.parent / "ggt-100k"
    info = build_dataset(folder, out, license="CC0-1.0", origin="synthetic", quiet=True)
    assert info.num_pairs == PAIRS
    return out


@pytest.fixture(scope="module")
def truth(folder: Path) -> Digests:
    """What each picture decodes to, from the files that the user had."""
    return {
        str(lq.relative_to(folder).as_posix()): tuple(
            _digest(Image.open(path)) for path in (lq, Path(str(lq).replace("/LQ/", "/GT/")))
        )
        for lq in sorted(folder.rglob("LQ/*"))
    }


def _digest(image: Image.Image) -> str:
    return hashlib.sha256(np.asarray(image.convert("RGB")).tobytes()).hexdigest()


def loaded(rows: Any) -> Digests:
    return {row["json"]["source"]: (_digest(row["lq"]), _digest(row["gt"])) for row in rows}


def of_category(truth: Digests, category: str) -> Digests:
    return {source: both for source, both in truth.items() if f"/{category}/" in source}


def by_webdataset(hub: Hub) -> Iterator[dict[str, Any]]:
    """Every pair, by plain webdataset over plain HTTP, decoded by hand."""
    import webdataset

    files = hub.api().list_repo_files(REPO, repo_type="dataset")
    base = f"{hub.endpoint}/datasets/{REPO}/resolve/main"
    urls = [f"pipe:curl -fsL {base}/{name}" for name in files if name.endswith(".tar")]
    for row in webdataset.WebDataset(urls, shardshuffle=False):
        pictures = {side: Image.open(io.BytesIO(row[side])) for side in ("lq", "gt")}
        yield {"json": json.loads(row["json"]), **pictures}


def test_every_reader_gives_every_pixel_back(
    hub: Hub, hub_mode: str, dataset: Path, truth: Digests
) -> None:
    import datasets

    report = validate(dataset)
    assert report.ok, report.findings
    push_dataset(dataset, REPO, private=False, quiet=True)
    rain = datasets.load_dataset(REPO, "rain", split="train", streaming=True)
    assert loaded(rain) == of_category(truth, "rain")
    assert loaded(datasets.load_dataset(REPO, split="train")) == truth
    assert loaded(by_webdataset(hub)) == truth
    assert validate(REPO).ok


def test_the_bare_name_finds_a_linked_repository(
    hub: Hub, dataset: Path, truth: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from ggt_hf.cli.app import app

    push_dataset(dataset, REPO, quiet=True)
    monkeypatch.chdir(tmp_path)
    linked = CliRunner().invoke(app, ["link", "--to", REPO])
    assert linked.exit_code == 0, linked.output
    snow = load_dataset("ggt-100k", "snow", split="train", streaming=True)
    assert loaded(snow) == of_category(truth, "snow")

"""Seek indexes that do not fit their pictures are found, with shard, key and the next step."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ggt_hf import build_dataset, validate
from ggt_hf.data.format.manifest import PairRow
from ggt_hf.data.regions.cell_list import list_cells, without_cell_list
from ggt_hf.data.validation.holding import hold
from ggt_hf.data.validation.report import Finding
from ggt_hf.data.validation.shard import ShardTask, examine
from tests.data.building.sources_making import write_files
from tests.data.validation.tampering import SHARD, failed, manifest, rehash, replace_bytes
from tests.making import encoded, picture

pytestmark = pytest.mark.needs("jpegtran")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {}
    for i in range(2):
        files[f"rain/LQ/{i}.jpg"] = encoded(picture(i, 256, 96), "JPEG", subsampling=0)
        files[f"rain/GT/{i}.png"] = encoded(picture(i + 10, 256, 96))
    root = tmp_path_factory.mktemp("indexes")
    build_dataset(write_files(root / "src", files), root / "out", license="CC0-1.0", seekable=True)
    return root / "out"


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


def findings(root: Path) -> list[Finding]:
    """What the checks of the one shard say; stock readers, which know no index, are left out."""
    task = ShardTask(
        holding=hold(root, revision=None, token=None),
        path=SHARD,
        num_bytes=(root / SHARD).stat().st_size,
        listed=None,
        rows=tuple(manifest(root)),
    )
    return examine(task).ledger.findings


def test_right_indexes_pass(root: Path) -> None:
    assert findings(root) == []


def test_a_wrong_index_fails_the_validation(root: Path) -> None:
    rehash(root, lambda rows: [replace(row, lq_index=b"garbage!") for row in rows])
    assert failed(validate(root)) == {"pixels"}


@pytest.mark.parametrize("side", ["lq", "gt"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda index: b"garbage!",
        lambda index: b"",
        lambda index: index[4:] + index[:4],
        lambda index: index[:-1],
        lambda index: (np.frombuffer(index, "<u4") + 1).astype("<u4").tobytes(),
    ],
    ids=["garbage", "empty", "turned round", "cut", "longer rows"],
)
def test_a_wrong_index_is_found(root: Path, side: str, spoil: Callable[[bytes], bytes]) -> None:
    def edit(rows: list[PairRow]) -> list[PairRow]:
        index = getattr(rows[1], f"{side}_index")
        return [rows[0], replace(rows[1], **{f"{side}_index": spoil(index)})]

    key = manifest(root).row(1).key
    rehash(root, edit)
    (finding,) = findings(root)
    assert (finding.check, finding.where, finding.subject) == ("pixels", SHARD, f"{key}.{side}")
    assert "does not say where its parts lie" in finding.cause
    assert "ggt build --seekable" in finding.hint


def test_an_index_of_a_picture_without_parts_is_found(root: Path) -> None:
    whole = encoded(picture(1, 256, 96))

    shutil.rmtree(root)
    source = {"rain/LQ/1.png": whole, "rain/GT/1.png": whole}
    build_dataset(write_files(root.parent / "src", source), root, license="CC0-1.0")
    rehash(root, lambda rows: [replace(row, lq_index=b"\1\0\0\0") for row in rows])
    (finding,) = findings(root)
    assert "no part of it decodes alone" in finding.cause


def test_a_list_of_cells_that_names_other_markers_is_found(root: Path) -> None:
    def shift(shard: bytes) -> bytes:
        at = shard.index(b"ggt cells\0") + 10
        return shard[:at] + bytes([shard[at] ^ 1]) + shard[at + 1 :]

    replace_bytes(root, shift)
    causes = [finding.cause for finding in findings(root)]
    assert sum("list of restart cells" in cause for cause in causes) == 1


def test_what_is_compared_is_not_the_file_with_itself(root: Path) -> None:
    row = manifest(root).row(0)
    data = (root / SHARD).read_bytes()[row.lq.offset : row.lq.offset + row.lq.num_bytes]
    assert list_cells(data) == list_cells(without_cell_list(data)) != b""

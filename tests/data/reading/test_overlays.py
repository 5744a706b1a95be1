from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ggt_hf import load_dataset, open_pairs, read_overlay
from ggt_hf.data.reading.overlays import Overlay
from ggt_hf.data.reading.reader import open_dataset
from ggt_hf.errors import FormatError, ImageError, IntegrityError, ReadError
from ggt_hf.images import decode
from ggt_hf.records import Pair
from tests.data.loading.loaded import assert_pairs, assert_picture
from tests.making import encoded, make_dataset, make_pair, picture

PAIRS = [make_pair(i) for i in range(8)]
MENDED = encoded(picture(99))
ZEROS = "0" * 64


def key(index: int) -> str:
    return PAIRS[index].info.key


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("made") / "ggt-100k", PAIRS, pairs_a_shard=3)


@pytest.fixture
def fields(root: Path, tmp_path: Path) -> dict[str, Any]:
    """An overlay that uses everything, and its picture beside it."""
    (tmp_path / "mended").mkdir()
    (tmp_path / "mended/2.png").write_bytes(MENDED)
    replacement = {"path": "mended/2.png", "sha256": hashlib.sha256(MENDED).hexdigest()}
    return {
        "of": open_dataset(root).info.root_hash,
        "drop": {key(0): "blank", key(5): "blank too"},
        "replace": {key(2): {"gt": replacement, "reason": "cut off"}},
        "relabel": {
            key(2): {"category": "snow", "reason": "it is snow"},
            key(7): {"category": "haze", "reason": "no rain in it"},
        },
    }


def written(fields: dict[str, Any], folder: Path) -> Path:
    path = folder / "overlay.yaml"
    path.write_text(yaml.safe_dump(fields))
    return path


def corrected() -> list[Pair]:
    """What must be left of `PAIRS`."""
    pairs = dict(enumerate(PAIRS))
    del pairs[0], pairs[5]
    info = replace(pairs[2].info, degradation="snow")
    pairs[2] = replace(pairs[2], gt=MENDED, info=info)
    pairs[7] = replace(pairs[7], info=replace(pairs[7].info, degradation="haze"))
    return list(pairs.values())


@pytest.mark.parametrize("streaming", [False, True])
def test_corrections_apply_in_place_and_in_order(
    root: Path, tmp_path: Path, fields: dict[str, Any], streaming: bool
) -> None:
    overlay = written(fields, tmp_path)
    loaded = load_dataset(root, split="train", streaming=streaming, overlay=overlay)
    assert_pairs(loaded, corrected())
    # A relabelled pair stays in the configuration that its bytes lie in.
    rain = load_dataset(root, "rain", split="train", streaming=streaming, overlay=overlay)
    assert_pairs(rain, corrected())


@pytest.mark.parametrize("streaming", [False, True])
def test_a_view_shows_the_corrections(
    root: Path, tmp_path: Path, fields: dict[str, Any], streaming: bool
) -> None:
    loaded = load_dataset(
        root,
        split="train",
        streaming=streaming,
        columns="diffusers",
        overlay=read_overlay(written(fields, tmp_path)),
    )
    for row, pair in zip(loaded, corrected(), strict=True):
        assert_picture(row["cond_image"], pair.lq)
        assert_picture(row["image"], pair.gt)
        assert row["caption"] == pair.info.prompt


def test_a_slice_is_corrected_where_it_holds_the_pairs(
    root: Path, tmp_path: Path, fields: dict[str, Any]
) -> None:
    overlay = written(fields, tmp_path)
    loaded = load_dataset(root, split="train[1:4]", overlay=overlay)
    assert_pairs(loaded, corrected()[:3])


def test_the_manifest_is_corrected_alike(
    root: Path, tmp_path: Path, fields: dict[str, Any]
) -> None:
    overlay = read_overlay(written(fields, tmp_path))
    rows = list(overlay.apply(open_dataset(root).manifest))
    assert [(row.key, row.category) for row in rows] == [
        (pair.info.key, pair.info.degradation) for pair in corrected()
    ]
    by_key = {row.key: row for row in rows}
    mended = by_key[key(2)]
    assert mended.gt.sha256 == hashlib.sha256(MENDED).hexdigest()
    assert mended.gt.num_bytes == len(MENDED)
    replacement = overlay.replacement(key(2), "gt")
    assert replacement is not None
    assert replacement.read() == MENDED
    assert overlay.replacement(key(2), "lq") is None
    assert overlay.reasons[key(2)] == "cut off; it is snow"


def test_an_overlay_that_does_nothing_changes_nothing(root: Path, tmp_path: Path) -> None:
    (tmp_path / "overlay.yaml").write_text(f"of: {open_dataset(root).info.root_hash}\ndrop:\n")
    loaded = load_dataset(root, split="train", overlay=tmp_path / "overlay.yaml")
    assert_pairs(loaded, PAIRS)


def test_all_pairs_may_be_dropped(root: Path) -> None:
    root_hash = open_dataset(root).info.root_hash
    overlay = Overlay(name="all", of=root_hash, dropped=frozenset(p.info.key for p in PAIRS))
    for columns in ("pairs", "diffusers"):
        assert len(load_dataset(root, split="train", overlay=overlay, columns=columns)) == 0
        options: dict[str, Any] = {"columns": columns, "streaming": True}
        assert list(load_dataset(root, split="train", overlay=overlay, **options)) == []


def test_a_foreign_root_hash_is_refused(root: Path, tmp_path: Path, fields: dict[str, Any]) -> None:
    overlay = written(fields | {"of": ZEROS}, tmp_path)
    with pytest.raises(FormatError, match="was made for the dataset with the root hash 0000"):
        load_dataset(root, overlay=overlay)


def test_unknown_keys_are_named(root: Path, tmp_path: Path, fields: dict[str, Any]) -> None:
    fields["drop"] = {f"no-{i}": "why" for i in range(5)}
    with pytest.raises(FormatError, match="no-0, no-1, no-2 and 2 more"):
        load_dataset(root, overlay=written(fields, tmp_path))


@pytest.mark.parametrize("path", ["../x.png", "/etc/hostname", "mended/../../x", "link/x", "a\\b"])
def test_a_path_that_leads_out_is_refused(
    tmp_path: Path, fields: dict[str, Any], path: str
) -> None:
    (tmp_path / "link").symlink_to("/etc")
    fields["replace"][key(2)]["gt"]["path"] = path
    with pytest.raises(FormatError, match="no overlay"):
        read_overlay(written(fields, tmp_path))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "no mapping"),
        ("- a\n- b", "no mapping"),
        ("of: !!python/object/apply:os.system [ls]", "SHA-256"),
        (f"of: {ZEROS[:-1]}", "SHA-256"),
        (f"of: {ZEROS}\ndrops: {{}}", "drops"),
        (f"of: {ZEROS}\ndrop: [a, b]", "no mapping"),
        (f"of: {ZEROS}\ndrop: {{../a: why}}", "no key"),
        (f"of: {ZEROS}\ndrop: {{a: }}", "without a reason"),
        (f"of: {ZEROS}\ndrop: {{a: b, a: c}}", "given twice"),
        (f"of: {ZEROS}\nrelabel: {{a: {{category: fog, reason: b}}}}", "fog"),
        (f"of: {ZEROS}\nreplace: {{a: {{reason: b}}}}", "neither"),
        (f"of: {ZEROS}\nreplace: {{a: {{json: {{}}, reason: b}}}}", "json"),
        (f"of: {ZEROS}\ndrop: {{a: b}}\nrelabel: {{a: {{category: haze, reason: c}}}}", "at once"),
        ("of: [" * 5000, "no YAML"),
        ("a: &a [x]\nb: {*a : c}", "no "),
        ("\0", "no YAML"),
    ],
)
def test_what_is_no_overlay_is_refused_with_its_cause(
    tmp_path: Path, text: str, cause: str
) -> None:
    (tmp_path / "overlay.yaml").write_text(text)
    with pytest.raises(FormatError, match=cause):
        read_overlay(tmp_path / "overlay.yaml")


def test_keys_that_yaml_would_read_as_numbers_stay_keys(tmp_path: Path) -> None:
    (tmp_path / "o.yaml").write_text(f"of: {ZEROS}\ndrop: {{0017: a, on: b, 2026-11-01: c}}")
    assert read_overlay(tmp_path / "o.yaml").dropped == {"0017", "on", "2026-11-01"}


def test_bad_replacements_are_refused(root: Path, tmp_path: Path, fields: dict[str, Any]) -> None:
    def replaced_by(data: bytes | None, digest: str | None = None) -> Path:
        entry = {"path": "new.png", "sha256": digest or hashlib.sha256(data or b"").hexdigest()}
        (tmp_path / "new.png").unlink(missing_ok=True)
        if data is not None:
            (tmp_path / "new.png").write_bytes(data)
        return written(fields | {"replace": {key(2): {"gt": entry, "reason": "new"}}}, tmp_path)

    with pytest.raises(ReadError, match=r"new\.png"):
        load_dataset(root, overlay=replaced_by(None))
    with pytest.raises(IntegrityError, match="SHA-256"):
        load_dataset(root, overlay=replaced_by(MENDED, ZEROS))
    with pytest.raises(ImageError, match=r"new\.png"):
        load_dataset(root, overlay=replaced_by(b"no picture"))
    with pytest.raises(FormatError, match="48 x 32 pixels and a GT of 10 x 10"):
        load_dataset(root, overlay=replaced_by(encoded(picture(1, 10, 10))))


def test_a_missing_overlay_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"nothing\.yaml"):
        load_dataset(root, overlay=tmp_path / "nothing.yaml")


@pytest.mark.parametrize("verify", [False, True])
def test_a_stream_reads_the_corrected_dataset(
    root: Path, fields: dict[str, Any], tmp_path: Path, verify: bool
) -> None:
    overlay = read_overlay(written(fields, tmp_path))
    pairs = open_pairs(root, overlay=overlay, verify=verify)
    samples = {sample.key: sample for sample in (pairs.sample(0, i) for i in range(len(pairs)))}
    assert samples.keys() == {pair.info.key for pair in corrected()}
    for pair in corrected():
        assert np.array_equal(samples[pair.info.key].lq, decode(pair.lq, "lq"))
        assert np.array_equal(samples[pair.info.key].gt, decode(pair.gt, "gt"))
    haze = open_pairs(root, overlay=overlay, categories=["haze"])
    assert [haze.sample(0, i).key for i in range(len(haze))] == [key(7)]
    assert haze.fingerprint != open_pairs(root, categories=["rain"]).fingerprint


def test_a_stream_refuses_an_overlay_of_another_dataset_and_a_changed_picture(
    root: Path, fields: dict[str, Any], tmp_path: Path
) -> None:
    overlay = read_overlay(written(fields, tmp_path))
    with pytest.raises(FormatError, match="made for the dataset"):
        open_pairs(root, overlay=replace(overlay, of=ZEROS))
    pairs = open_pairs(root, overlay=overlay, shuffle=None)
    (tmp_path / "mended/2.png").write_bytes(encoded(picture(98)))
    with pytest.raises(IntegrityError, match=r"mended/2\.png"):
        [pairs.sample(0, i) for i in range(len(pairs))]

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from ggt_hf.data.format import card_text
from ggt_hf.data.format.attribution import Attribution, read_attributions
from ggt_hf.data.format.card import render_dataset_card
from ggt_hf.data.format.manifest import DatasetInfo, Manifest
from ggt_hf.data.format.schema import features
from ggt_hf.records import Origin, Pair, Provenance
from tests.making import make_dataset, make_pair

KINDS = ("rain", "low_light")


def changed(pair: Pair, **fields: object) -> Pair:
    return replace(pair, info=replace(pair.info, **fields))


def card_of(root: Path, pairs: Iterable[Pair], **options: object) -> str:
    make_dataset(root, pairs)
    info = DatasetInfo.from_json((root / "meta/info.json").read_bytes())
    manifest = Manifest.from_parquet((root / "meta/manifest.parquet").read_bytes())
    known = read_attributions(root, manifest)
    return render_dataset_card(info, manifest, attributions=known, **options)


@pytest.fixture
def pairs() -> list[Pair]:
    return [make_pair(i, kind, split) for i in range(5) for kind in KINDS for split in ("train",)]


def test_huggingface_hub_parses_the_card_without_a_warning(
    tmp_path: Path, pairs: list[Pair]
) -> None:
    from huggingface_hub import DatasetCard

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        card = DatasetCard(card_of(tmp_path, pairs, repo_id="ns/ggt-100k"))
    assert card.data.license == "cc0-1.0"
    assert card.data.pretty_name == "ggt-100k"
    assert card.data.task_categories == ["image-to-image"]
    assert card.data.size_categories == ["n<1K"]
    assert {"image-restoration", "webdataset", "ggt", "ggt-format-v1"} <= set(card.data.tags)
    assert card.text.lstrip().startswith("# ggt-100k")


def test_datasets_reads_configs_splits_and_features_from_the_card(
    tmp_path: Path, pairs: list[Pair]
) -> None:
    import datasets

    card = card_of(tmp_path, [*pairs, make_pair(1, "rain", "test")])
    (tmp_path / "README.md").write_text(card)
    assert datasets.get_dataset_config_names(str(tmp_path)) == ["default", "low_light", "rain"]
    assert datasets.get_dataset_split_names(str(tmp_path), "rain") == ["train", "test"]
    streamed = datasets.load_dataset(str(tmp_path), "rain", split="train", streaming=True)
    assert streamed.features == features()
    assert [pair["json"]["prompt"] for pair in streamed] == [
        f"Restore picture {i}." for i in range(5)
    ]


def test_the_same_dataset_gives_the_same_card(tmp_path: Path, pairs: list[Pair]) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert card_of(tmp_path / "a", pairs) == card_of(tmp_path / "b", reversed(pairs))


def test_the_card_counts_and_measures(tmp_path: Path) -> None:
    sizes = [(48, 32), (48, 32), (64, 40)]
    card = card_of(tmp_path, [make_pair(i, "snow", size=size) for i, size in enumerate(sizes)])
    assert "3 synthetic pairs of a low-quality picture (`lq`)" in card
    assert "| `snow` | 3 |" in card
    assert "Width 48 to 64 (median 48) px; height 32 to 40 (median 32) px." in card
    assert "`lq` 3 JPEG; `gt` 3 PNG" in card


def test_synthetic_is_called_synthetic_and_generated_is_distrusted(tmp_path: Path) -> None:
    made = changed(
        make_pair(1), origin="generated", provenance=Provenance(editor="m/x", editor_revision="9")
    )
    card = card_of(tmp_path, [make_pair(0), made])
    assert "low-quality side is a simulation" in card
    assert "a model drew it" in card
    assert "m/x@9 | 1 |" in card
    assert "- synthetic\n" in card


def test_several_licences_become_other_and_are_listed(tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    named = changed(make_pair(1), license="CC-BY-4.0", credit="A | B\n<b>C</b>")
    card = card_of(tmp_path, [make_pair(0), make_pair(2), named])
    head = DatasetCard(card).data
    assert (head.license, head.license_name) == ("other", "several-licenses")
    assert head.license_details == "CC0-1.0 (2 of 3 pairs); CC-BY-4.0 (1 of 3 pairs)"
    assert r"| CC-BY-4.0 | A \| B \<b\>C\</b\> | 1 |" in card


@pytest.mark.parametrize(
    ("license", "hub"),
    [
        ("CC-BY-NC-ND-4.0", "cc-by-nc-nd-4.0"),
        ("ODbL-1.0", "odbl"),
        ("GPL-3.0-only", "gpl-3.0"),
        ("unknown", "unknown"),
        ("Getty Open Content (public domain)", "other"),
    ],
)
def test_a_licence_is_named_as_the_hub_names_it(tmp_path: Path, license: str, hub: str) -> None:
    from huggingface_hub import DatasetCard

    card = card_of(tmp_path, [changed(make_pair(0), license=license)])
    assert DatasetCard(card).data.license == hub


def test_no_derivatives_terms_are_spelled_out(tmp_path: Path, pairs: list[Pair]) -> None:
    bound = [changed(pair, license="CC-BY-NC-ND-4.0", origin="captured") for pair in pairs]
    (tmp_path / "bound").mkdir()
    (tmp_path / "free").mkdir()
    card = card_of(tmp_path / "bound", bound)
    assert "Share a selection as a list of keys, not as pictures." in card
    assert "for non-commercial use only" in card
    assert "no-derivatives" not in card_of(tmp_path / "free", pairs)


def test_many_credits_are_cut_and_counted(tmp_path: Path) -> None:
    pairs = [changed(make_pair(i), credit=f"Person {i:03d}") for i in range(45)]
    card = card_of(tmp_path, pairs)
    assert "Person 039 | 1 |" in card
    assert "| ... | 5 more, each in its pair's `json.credit` | 5 |" in card


def test_every_origin_has_its_meaning_in_the_card() -> None:
    assert set(card_text._ORIGINS) == set(get_args(Origin))


def test_attributions_are_read_from_the_records(tmp_path: Path, pairs: list[Pair]) -> None:
    lossy = Provenance(settings='{"pixels": "lossy"}')
    pairs = [
        *pairs,
        changed(make_pair(7, "snow"), license="CC-BY-ND-4.0", credit="X", provenance=lossy),
    ]
    root = make_dataset(tmp_path, pairs)
    counts = read_attributions(
        root, Manifest.from_parquet((root / "meta/manifest.parquet").read_bytes())
    )
    assert counts == {
        Attribution(license="CC0-1.0", origin="synthetic", pixels="unknown"): 10,
        Attribution(license="CC-BY-ND-4.0", origin="synthetic", credit="X", pixels="lossy"): 1,
    }


@pytest.mark.parametrize("which", [0, 1])
def test_the_examples_of_a_folder_run(tmp_path: Path, pairs: list[Pair], which: int) -> None:
    card = card_of(tmp_path, pairs)
    (tmp_path / "README.md").write_text(card)
    code = re.findall(r"```python\n(.*?)```", card, re.DOTALL)[which]
    code = code.replace("path/to/dataset", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
    )
    assert "(48, 32) (48, 32)" in done.stdout, done.stderr

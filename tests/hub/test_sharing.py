from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ggt_hf.data.format.attribution import pixel_change
from ggt_hf.data.format.licenses import forbids_derivatives
from ggt_hf.errors import UsageError
from ggt_hf.hub.push import push_dataset
from ggt_hf.records import Pair, Provenance
from tests.hub.datasets_here import REPO, dataset_at
from tests.hub_server.loopback import Hub
from tests.making import make_pair


def bound(settings: str | None, *, origin: str = "generated", license: str = "") -> Pair:
    pair = make_pair(0)
    info = replace(
        pair.info,
        license=license or "CC-BY-NC-ND-4.0",
        origin=origin,
        provenance=Provenance(settings=settings),
    )
    return replace(pair, info=info)


@pytest.mark.parametrize(
    ("settings", "origin", "change"),
    [
        (None, "generated", "unchanged"),
        (None, "captured", "unchanged"),
        (None, "synthetic", "unknown"),
        ('{"steps": 4}', "generated", "unchanged"),
        ('{"pixels": "unchanged"}', "synthetic", "unchanged"),
        ('{"pixels": "lossless"}', "generated", "lossless"),
        ('{"pixels": "lossy"}', "generated", "lossy"),
        ('{"pixels": "a bit"}', "generated", "unknown"),
        ("steps=4", "generated", "unknown"),
        ("[]", "generated", "unchanged"),
    ],
)
def test_what_a_record_says_of_its_pixels(settings: str | None, origin: str, change: str) -> None:
    assert pixel_change(bound(settings, origin=origin).info) == change


@pytest.mark.parametrize(
    ("license", "forbidden"),
    [
        ("CC-BY-NC-ND-4.0", True),
        ("CC BY-ND 3.0", True),
        ("cc-by-nd-4.0", True),
        ("NoDerivatives", True),
        ("CC-BY-4.0", False),
        ("Found and free", False),
        ("Getty Open Content (public domain)", False),
    ],
)
def test_which_licences_forbid_derivatives(license: str, forbidden: bool) -> None:
    assert forbids_derivatives(license) is forbidden


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("settings", ['{"pixels": "lossy"}', "steps=4"])
def test_changed_pixels_of_a_no_derivatives_set_are_refused(
    hub: Hub, tmp_path: Path, settings: str, private: bool
) -> None:
    root = dataset_at(tmp_path / "nd", [bound(settings)])
    with pytest.raises(
        UsageError, match=r"CC-BY-NC-ND-4\.0: sharing changed pixels .* in 1 of 1 pairs"
    ) as error:
        push_dataset(root, REPO, private=private)
    assert "--acknowledge-derivatives" in error.value.hint
    assert len(hub.log) == 0


def test_whoever_holds_the_rights_says_so(hub: Hub, tmp_path: Path) -> None:
    root = dataset_at(tmp_path / "nd", [bound('{"pixels": "lossy"}')])
    report = push_dataset(root, REPO, acknowledge_derivatives=True)
    assert any("as you acknowledged" in remark for remark in report.plan.remarks)


def test_unchanged_pixels_are_pushed_and_public_ones_with_the_terms_repeated(
    hub: Hub, tmp_path: Path
) -> None:
    root = dataset_at(tmp_path / "nd", [bound(None)])
    assert push_dataset(root, REPO).commit
    remarks = " ".join(push_dataset(root, "ggt/open", private=False).plan.remarks)
    assert "unchanged and attributed" in remarks
    assert "Non-commercial" in remarks
    assert "nobody named" in remarks


def test_an_unknown_licence_is_told(hub: Hub, tmp_path: Path) -> None:
    root = dataset_at(tmp_path / "nd", [bound(None, license="unknown")])
    remarks = push_dataset(root, REPO, dry_run=True).plan.remarks
    assert "No licence is known of 1 of 1 pairs." in remarks

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from ggt_hf.cli.app import app
from tests.halting import killed_after
from tests.making import encoded, picture
from tests.restoration.restorers import tiny_pipeline


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tiny_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    (root / "deep").mkdir(parents=True)
    (root / "a.jpg").write_bytes(encoded(picture(0, 61, 47), "JPEG"))
    (root / "deep" / "b.png").write_bytes(encoded(picture(1, 40, 90)))
    return root


def restore(model: Path, *words: object) -> Result:
    command = ["restore", *map(str, words), "--model", str(model), "--device", "cpu"]
    return CliRunner().invoke(app, command)


def test_a_folder_is_restored_with_its_tree(model: Path, photos: Path, tmp_path: Path) -> None:
    done = restore(model, photos, tmp_path / "out")
    assert (done.exit_code, done.stdout) == (0, "2 restored, 0 there already, 0 failed\n")
    with Image.open(tmp_path / "out/deep/b.png") as made:
        wanted = tiny_pipeline()(picture(1, 40, 90)).images[0]
        assert np.array_equal(np.asarray(made), np.asarray(wanted))
    with Image.open(tmp_path / "out/a.jpg") as made:
        assert (made.size, made.format) == ((61, 47), "JPEG")


def test_what_is_done_is_left_alone(model: Path, photos: Path, tmp_path: Path) -> None:
    restore(model, photos, tmp_path / "out")
    before = (tmp_path / "out/a.jpg").stat().st_mtime_ns
    again = restore(model, photos, tmp_path / "out")
    assert again.stdout == "0 restored, 2 there already, 0 failed\n"
    assert (tmp_path / "out/a.jpg").stat().st_mtime_ns == before
    other = restore(model, photos, tmp_path / "out", "--strength", "0.5")
    assert other.stdout == "2 restored, 0 there already, 0 failed\n"


def test_a_bad_file_is_reported_and_the_others_go_on(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "broken.jpg").write_bytes(encoded(picture(0, 200, 200), "JPEG")[:-900])
    (photos / "small.png").write_bytes(encoded(picture(0, 15, 40)))
    (photos / "scan.tif").write_bytes(encoded(picture(0), "TIFF"))
    Image.fromarray(np.ones((20, 20), dtype=np.uint16)).save(photos / "deep16.png")
    done = restore(model, photos, tmp_path / "out", "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [Path(p).name for p in report["restored"]] == ["a.jpg", "b.png"]
    assert [Path(f["source"]).name for f in report["failed"]] == [
        "broken.jpg", "deep16.png", "scan.tif", "small.png",
    ]  # fmt: skip
    causes = [failure["cause"] for failure in report["failed"]]
    for cause, words in zip(
        causes, ("cannot be decoded", "more than 8 bits", "it is TIFF", "at least 16"), strict=True
    ):
        assert words in cause
    assert done.stderr.count("error: ") == done.stderr.count("next: ") == 4
    left = sorted(p.name for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert left == [".ggt-restore.jsonl", "a.jpg", "b.png"]


def test_transparency_is_not_lost_in_a_jpeg(model: Path, tmp_path: Path) -> None:
    Image.fromarray(picture(0)).convert("RGBA").save(tmp_path / "a.png")
    refused = restore(model, tmp_path / "a.png", tmp_path / "out", "--format", "jpeg")
    assert refused.exit_code == 1
    assert "transparency" in refused.stderr
    assert restore(model, tmp_path / "a.png", tmp_path / "out").exit_code == 0


def test_a_dry_run_says_what_would_be_done_and_loads_nothing(photos: Path, tmp_path: Path) -> None:
    command = ["restore", str(photos), str(tmp_path / "out"), "--model", "ORG/NAME", "--dry-run"]
    done = CliRunner().invoke(app, [*command, "--json"])
    files = json.loads(done.stdout)["files"]
    assert [(Path(f["target"]).name, f["action"]) for f in files] == [
        ("a.jpg", "restore"),
        ("b.png", "restore"),
    ]
    assert not (tmp_path / "out").exists()
    assert "restore  " in CliRunner().invoke(app, command).stdout


def test_somebody_else_s_file_stays(model: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.jpg").write_bytes(b"precious")
    done = restore(model, photos, tmp_path / "out")
    assert done.exit_code == 1
    assert "--overwrite" in done.stderr
    assert (tmp_path / "out/a.jpg").read_bytes() == b"precious"
    assert restore(model, photos, tmp_path / "out", "--overwrite").exit_code == 0


def test_the_page_shows_every_result(model: Path, photos: Path, tmp_path: Path) -> None:
    restore(model, photos / "a.jpg", tmp_path / "out")
    restore(
        model, photos / "a.jpg", photos / "deep", tmp_path / "out", "--page", tmp_path / "p.html"
    )
    html = (tmp_path / "p.html").read_text()
    assert html.count("data:image/jpeg;base64,") == 4
    assert "a.jpg" in html
    assert "b.png" in html


def test_out_must_be_given(photos: Path) -> None:
    done = CliRunner().invoke(app, ["restore", str(photos), "--model", "ORG/NAME"])
    assert "no place for the results" in str(done.exception)


def test_killed_it_goes_on_and_ends_with_the_same_files(model: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(16):
        (photos / f"{number:02}.png").write_bytes(encoded(picture(number, 64, 64)))
    out, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    restore(model, photos, undisturbed)
    written = "ggt_hf.restoration.photograph:write_photograph"
    killed_after(written, 3, "restore", photos, out, "--model", model, "--device", "cpu")
    made = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert 3 <= len(made) < 16
    assert restore(model, photos, out).exit_code == 0
    for path in undisturbed.glob("*.png"):
        assert (out / path.name).read_bytes() == path.read_bytes()
    assert {name: (out / name).stat().st_mtime_ns for name in made} == made
    assert not list(out.glob(".*.partial"))


def test_without_a_model_the_embedded_one_restores(photos: Path, tmp_path: Path) -> None:
    command = ["restore", str(photos / "a.jpg"), str(tmp_path / "a.png"), "--device", "cpu"]
    done = CliRunner().invoke(app, [*command, "--page", str(tmp_path / "page.html")])
    assert (done.exit_code, done.stdout) == (0, "1 restored, 0 there already, 0 failed\n")
    with Image.open(tmp_path / "a.png") as made:
        assert made.size == (61, 47)
    assert "restored by embedded" in (tmp_path / "page.html").read_text(encoding="utf-8")

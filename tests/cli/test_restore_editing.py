"""``ggt restore`` with an instruction-editing model, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")

from ggt_hf.cli.app import app
from ggt_hf.errors import UsageError
from tests.making import encoded, picture
from tests.restoration.editing import restorer, saved_lora, seeded
from tests.restoration.restorers import tiny_pipeline


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    restorer("flux2_klein").save_pretrained(folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    (root / "deep").mkdir(parents=True)
    (root / "a.jpg").write_bytes(encoded(picture(0, 61, 47), "JPEG"))
    (root / "deep" / "b.png").write_bytes(encoded(picture(1, 40, 90)))
    return root


@pytest.fixture(autouse=True)
def observations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GGT_CACHE", str(tmp_path / "cache"))


def restore(model: Path, *words: object) -> Result:
    command = ["restore", *map(str, words), "--model", str(model), "--device", "cpu", "--json"]
    return CliRunner().invoke(app, command)


def pixels(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_folder_is_restored_and_every_result_depends_on_its_file_alone(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = restore(model, photos, out, "--seed", "3")
    assert done.exit_code == 0, done.output
    assert {file["prompt"] for file in json.loads(done.stdout)["files"]} == {"Remove the rain."}
    wanted = restorer("flux2_klein")(picture(1, 40, 90), generator=seeded(3)).images[0]
    assert np.array_equal(pixels(out / "deep/b.png"), np.asarray(wanted))
    assert pixels(out / "a.jpg").shape == (47, 61, 3)
    again = json.loads(restore(model, photos, out, "--seed", "3").stdout)
    assert (len(again["restored"]), len(again["skipped"])) == (0, 2)
    other = json.loads(restore(model, photos, out, "--seed", "4").stdout)
    assert len(other["restored"]) == 2


def test_what_is_asked_can_be_given_fixed_observed_or_read(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    asked = {}
    written = tmp_path / "prompts.jsonl"
    CliRunner().invoke(app, ["prompt", str(photos), "--model", "rules", "--out", str(written)])
    for way, words in {
        "given": ("--prompt", "Mend it."),
        "fixed": ("--category", "snow"),
        "observed": ("--prompter", "rules"),
        "read": ("--prompter", written),
    }.items():
        done = restore(model, photos, tmp_path / way, *words)
        assert done.exit_code == 0, done.output
        asked[way] = [file["prompt"] for file in json.loads(done.stdout)["files"]]
    assert asked["given"] == ["Mend it."] * 2
    assert all("falling snowflakes" in prompt for prompt in asked["fixed"])
    assert asked["observed"] == asked["read"]
    assert len(set(asked["observed"])) == 2


def test_a_lora_steps_and_settings_change_the_result(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    saved_lora("flux2_klein", tmp_path / "lora")
    results = []
    for number, words in enumerate(
        [(), ("--lora", tmp_path / "lora"), ("--steps", "3"), ("--tile", "64")]
    ):
        done = restore(model, photos / "deep" / "b.png", tmp_path / f"{number}.png", *words)
        assert done.exit_code == 0, done.output
        results.append(pixels(tmp_path / f"{number}.png").tobytes())
    assert len(set(results)) == 4


def test_the_page_says_what_was_asked_also_of_what_was_there(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    restore(model, photos, tmp_path / "out", "--prompt", "Mend <it>.")
    restore(
        model, photos, tmp_path / "out", "--prompt", "Mend <it>.", "--page", tmp_path / "p.html"
    )
    html = (tmp_path / "p.html").read_text()
    assert html.count("Asked for: Mend &lt;it&gt;.") == 2


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--prompt", "a", "--category", "rain"), "prompt and category both say"),
        (("--category", "fog"), "no category 'fog'"),
        (("--dtype", "int8"), "no dtype 'int8'"),
        (("--offload", "disk"), "no offload 'disk'"),
        (("--offload", "model"), "Offloading frees the memory"),
        (("--set", "steps"), "no NAME=VALUE"),
        (("--set", "stepps=3"), "Flux2KleinPipeline takes no stepps"),
        (("--prompter", "nothing.jsonl"), "no file nothing.jsonl"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    model: Path, photos: Path, tmp_path: Path, words: tuple[str, ...], problem: str
) -> None:
    done = restore(model, photos, tmp_path / "out", *words)
    assert isinstance(done.exception, UsageError)
    assert problem in done.exception.message
    assert not (tmp_path / "out").exists()


def test_a_photograph_without_a_prompt_in_the_file_is_reported(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    written = tmp_path / "prompts.jsonl"
    CliRunner().invoke(
        app, ["prompt", str(photos / "a.jpg"), "--model", "rules", "--out", str(written)]
    )
    done = restore(model, photos, tmp_path / "out", "--prompter", written)
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert [Path(path).name for path in report["restored"]] == ["a.jpg"]
    assert "holds no prompt for" in report["failed"][0]["cause"]


def test_a_restorer_that_is_not_asked_anything_says_so(photos: Path, tmp_path: Path) -> None:
    tiny_pipeline().save_pretrained(tmp_path / "model")
    done = restore(tmp_path / "model", photos, tmp_path / "out", "--prompt", "Mend it.")
    assert isinstance(done.exception, UsageError)
    assert "takes no instruction" in done.exception.message


def test_nobody_watches_so_no_bars_are_drawn(model: Path, photos: Path, tmp_path: Path) -> None:
    done = restore(model, photos, tmp_path / "out")
    assert (done.exit_code, done.stderr) == (0, "")

"""Trained, pushed, loaded back: the same weights, the same pictures, and a card that says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from ggt_hf.errors import UsageError
from ggt_hf.hub.push import push_model
from ggt_hf.restoration.loading import load_restorer
from ggt_hf.training.record import RunRecord
from ggt_hf.training.train import train
from tests.hub_server.loopback import Hub, Mode
from tests.making import encoded, make_dataset, make_pair, picture
from tests.training.runs import recipe_of

REPO = "ggt/restorer"
NAFNET = {"width": 8, "middle_blk_num": 1, "enc_blk_nums": [1], "dec_blk_nums": [1]}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the one-step restorer, trained on pairs and simulated pairs, 1:1."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("run")
    recipe = recipe_of(root, steps=3, description="A restorer of a test.")
    train(recipe, root / "out", device="cpu", quiet=True)
    return root / "out"


@pytest.fixture(scope="module")
def regression_run(
    tmp_path_factory: pytest.TempPathFactory, stand_in_torchvision: None
) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("run")
    model = {"kind": "regression", "architecture": "NAFNet", "parameters": NAFNET}
    train(recipe_of(root, model=model, steps=3), root / "out", device="cpu", quiet=True)
    yield root / "out"


@pytest.mark.parametrize("kind", ["run", "regression_run"])
def test_what_comes_back_restores_the_same_pixels(
    hub: Hub, hub_mode: Mode, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run: Path = request.getfixturevalue(kind)
    report = push_model(run, REPO, quiet=True)
    assert report.num_proven == len(report.plan.files)
    assert hub.api().model_info(REPO).private
    back = load_restorer(REPO, device="cpu").restorer.state_dict()
    here = load_restorer(run / "model", device="cpu").restorer.state_dict()
    assert back.keys() == here.keys()
    for name, weights in here.items():
        assert torch.equal(weights, back[name]), name
    (tmp_path / "photo.png").write_bytes(encoded(picture(5, 77, 53)))
    restored = [restored_by(model, tmp_path) for model in (str(run / "model"), REPO)]
    assert np.array_equal(*restored)
    assert restored[0].shape == (53, 77, 3)


def restored_by(model: str, folder: Path) -> np.ndarray:
    """What `ggt restore` makes of the photograph in `folder`."""
    out = folder / f"by-{model.replace('/', '-')}.png"
    words = ["restore", str(folder / "photo.png"), str(out), "--model", model, "--device", "cpu"]
    done = CliRunner().invoke(app, [*words, "--quiet"])
    assert done.exit_code == 0, done.output
    return np.asarray(Image.open(out))


def test_the_card_tells_how_it_came_to_be(hub: Hub, run: Path) -> None:
    push_model(run, REPO, quiet=True)
    card = fetched(hub, "README.md").decode()
    head = yaml.safe_load(card.split("---")[1])
    record = RunRecord.read(run)
    root_hash = record.data[0]["root_hash"]
    assert head["library_name"] == "diffusers"
    assert head["pipeline_tag"] == "image-to-image"
    (result,) = head["model-index"][0]["results"]
    assert {metric["type"] for metric in result["metrics"]} == {"psnr", "ssim"}
    for words in (
        "A restorer of a test.",
        f"`{root_hash}`",
        "Mixed 1:1",
        "It takes no prompt.",
        "3 steps of 4 crops of 48 px: 12 pairs seen",
        "On 2 crops of 48 px from split test of pairs (synthetic)",
        "CC0-1.0: 8 pictures or pairs",
        "no licence is recorded",
        "ggt restore photo.jpg restored.png --model ggt/restorer",
        "![00-test-rain-0100](gallery/00-test-rain-0100.png)",
        "simulator (version 1) over 3 photographs",
    ):
        assert words in card, words


def fetched(hub: Hub, path: str, repo: str = REPO) -> bytes:
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(repo, path)).read_bytes()


def test_no_path_of_this_machine_leaves_it(hub: Hub, run: Path) -> None:
    push_model(run, REPO, quiet=True)
    for name in ("README.md", "run.json", "recipe.yaml"):
        assert str(run.parent).encode() not in fetched(hub, name), name
    assert json.loads(fetched(hub, "run.json"))["recipe"]["data"]["sources"][0]["pairs"] == "pairs"


def test_a_dry_run_shows_the_plan_and_sends_nothing(hub: Hub, run: Path) -> None:
    done = CliRunner().invoke(app, ["push", "model", str(run), REPO, "--dry-run"])
    assert done.exit_code == 0, done.output
    assert f"-> model {REPO}" in done.stdout
    assert "to be created, private" in done.stdout
    assert "files of weights and pictures" in done.stdout
    assert "not legal advice" in done.stdout
    assert done.stdout.endswith("Nothing was sent.\n")
    assert not hub.log.select(method="POST")


def test_nothing_is_sent_without_a_yes(hub: Hub, run: Path) -> None:
    done = CliRunner().invoke(app, ["push", "model", str(run), REPO])
    assert isinstance(done.exception, UsageError)
    assert not hub.log.select(method="POST")


def test_again_it_changes_nothing_and_a_pull_request_leaves_main_alone(
    hub: Hub, run: Path, regression_run: Path
) -> None:
    first = push_model(run, REPO, quiet=True)
    again = push_model(run, REPO, quiet=True)
    assert again.plan.is_done
    assert again.commit == first.commit
    proposed = push_model(regression_run, REPO, create_pr=True, quiet=True)
    assert proposed.pull_request == "refs/pr/1"
    assert hub.api().model_info(REPO).sha == first.commit
    # Another kind of model takes the place of the first, whose weights would only confuse.
    assert "restorer/diffusion_pytorch_model.safetensors" in proposed.plan.deletes


def test_an_unfinished_run_is_refused(hub: Hub, run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no run\.json"):
        push_model(tmp_path, REPO)
    record = RunRecord.read(run)
    record.finished, record.steps = False, 2
    record.write(tmp_path)
    with pytest.raises(UsageError, match="2 of 3 steps"):
        push_model(tmp_path, REPO)


@pytest.mark.parametrize("name", ["optimizer.pt", "restorer/weights.bin", "code.py"])
def test_nothing_but_safetensors_is_shared(hub: Hub, run: Path, name: str, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "model" / name).write_bytes(b"x")
    with pytest.raises(UsageError, match="no safetensors"):
        push_model(copy, REPO)
    assert not hub.log.select(method="POST")


def test_weights_of_data_without_derivatives_are_not_published_by_mistake(
    hub: Hub, tmp_path: Path
) -> None:
    from dataclasses import replace

    pairs = [make_pair(i, size=(96, 96)) for i in range(4)]
    bound = [replace(p, info=replace(p.info, license="CC-BY-NC-ND-4.0")) for p in pairs]
    (tmp_path / "pairs").mkdir()
    (tmp_path / "photographs").mkdir()
    make_dataset(tmp_path / "pairs", bound)
    data = {"sources": [{"pairs": str(tmp_path / "pairs")}], "crop": 48, "batch_size": 2}
    recipe = recipe_of(tmp_path, data=data, validation=None, steps=1)
    train(recipe, tmp_path / "run", device="cpu", quiet=True)
    with pytest.raises(UsageError, match=r"CC-BY-NC-ND-4\.0") as caught:
        push_model(tmp_path / "run", REPO, private=False, quiet=True)
    assert "--acknowledge-derivatives" in caught.value.hint
    report = push_model(tmp_path / "run", REPO, quiet=True)
    assert report.plan.private
    assert any("non-commercial" in remark for remark in report.plan.remarks)
    assert b"allow no derivatives" in fetched(hub, "README.md")

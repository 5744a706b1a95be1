"""Claims of a model: written, parsed by the Hub's own code, and caught when they are not true."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from huggingface_hub._eval_results import parse_eval_result_entries
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

from ggt_hf.cli.app import app
from ggt_hf.errors import FormatError, UsageError
from ggt_hf.evaluation import work
from ggt_hf.evaluation.benchmark import run_benchmark
from ggt_hf.evaluation.claims import CLAIMS_PATH
from ggt_hf.evaluation.restorers import Input
from ggt_hf.evaluation.run import Settings
from ggt_hf.evaluation.task import task_of
from ggt_hf.hub import verify
from ggt_hf.hub.results import write_results
from ggt_hf.hub.verify import disagreements, verify_model
from ggt_hf.restoration.methods import Model
from tests.evaluation.folders import make_pairs
from tests.hub_server.loopback import Hub
from tests.restoration.restorers import tiny_pipeline

REPO = "ggt/restorer"
WEIGHTS = "restorer/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder with claims, the run, and the pairs they were measured on."""
    root = tmp_path_factory.mktemp("made")
    pairs = make_pairs(root / "pairs", 4)
    tiny_pipeline().save_pretrained(root / "model")
    (root / "model/README.md").write_text("---\nlicense: mit\n---\n# A model\nIts own words.\n")
    model = Model(name="mine", place=str(root / "model"), device="cpu")
    settings = Settings(metrics=("psnr", "ssim_y"), quiet=True, num_workers=1, device="cpu")
    tasks = [task_of(f"ggt-test={pairs}")]
    run_benchmark([Input(), model], tasks, root / "run", settings)
    write_results(root / "run", "mine", root / "model")
    return root


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "model", tmp_path / "model"))


def findings(folder: Path, made: Path):
    model = Model(name="m", place=str(folder), device="cpu")
    return verify_model(model, where={"ggt-test": str(made / "pairs")}, sample=2)


def edit_claims(folder: Path, change: Callable[[dict], None]) -> None:
    path = folder / CLAIMS_PATH
    said = json.loads(path.read_text())
    change(said["claims"][0])
    path.write_text(json.dumps(said))


def test_the_hubs_own_parsers_read_what_was_written(made):
    card = ModelCard.load(made / "model/README.md")
    found = {one.metric_type: one for one in card.data.eval_results}
    claimed = json.loads((made / "model" / CLAIMS_PATH).read_text())["claims"][0]["means"]
    assert found["psnr"].metric_value == round(claimed["psnr"]["mean"], 4)
    assert found["psnr"].dataset_type == "VCLab-PolyU/GGT-100K"
    assert found["ssim_y"].metric_args["pictures"] == 4
    assert card.data.license == "mit" and "Its own words." in card.text
    entries = parse_eval_result_entries(
        yaml.safe_load((made / "model/.eval_results/ggt-ggt-test.yaml").read_text())
    )
    assert {entry.task_id: entry.value for entry in entries} == {
        name: round(mean["mean"], 4) for name, mean in claimed.items()
    }


def test_no_path_of_this_machine_is_in_what_is_published(made):
    for path in (made / "model").rglob("*"):
        if path.is_file() and path.suffix in (".json", ".md", ".yaml"):
            text = path.read_text()
            assert str(made) not in text.replace(str(made / "model"), ""), path


def test_an_honest_model_agrees_in_everything(made):
    found = findings(made / "model", made)
    assert [one.what for one in found] == [
        "card", "leaderboard", "means", "weights", "metrics", "decoder", "pictures",
    ]  # fmt: skip
    assert disagreements(found) == []
    assert "2 of them to the last bit" in found[-1].says


def caught(folder: Path, made: Path) -> dict[str, str]:
    return {one.what: one.says for one in disagreements(findings(folder, made))}


def test_changed_weights_are_caught_by_hash_and_by_pictures(made, copy):
    weights = load_file(copy / WEIGHTS)
    torch.manual_seed(1)
    save_file(
        {name: value + 0.05 * torch.randn_like(value) for name, value in weights.items()},
        copy / WEIGHTS,
        metadata={"format": "pt"},
    )
    found = caught(copy, made)
    assert set(found) == {"weights", "pictures"}
    assert WEIGHTS in found["weights"] and "PSNR of" in found["pictures"]


def test_a_changed_number_in_the_card_is_caught(made, copy):
    card = ModelCard.load(copy / "README.md")
    card.data.eval_results[0].metric_value += 0.5
    card.save(copy / "README.md")
    found = caught(copy, made)
    assert set(found) == {"card"} and "the card says PSNR" in found["card"]


def test_a_changed_leaderboard_entry_is_caught(made, copy):
    path = copy / ".eval_results/ggt-ggt-test.yaml"
    said = yaml.safe_load(path.read_text())
    said[1]["value"] = 0.99
    path.write_text(yaml.safe_dump(said))
    assert set(caught(copy, made)) == {"leaderboard"}
    path.unlink()
    assert "says None" in caught(copy, made)["leaderboard"]


def test_a_claim_that_does_not_follow_from_its_pictures_is_caught(made, copy):
    edit_claims(copy, lambda claim: claim["means"]["psnr"].update(mean=40.0))
    assert {"means", "card", "leaderboard"} == set(caught(copy, made))


def test_pictures_that_do_not_come_out_again_are_caught(made, copy):
    def better(claim):
        for picture in claim["pictures"].values():
            picture["scores"]["psnr"] += 1
        claim["means"]["psnr"]["mean"] += 1

    edit_claims(copy, better)
    found = caught(copy, made)
    assert set(found) == {"card", "leaderboard", "pictures"}
    assert found["pictures"].startswith("PSNR of ")


def test_scores_by_another_version_of_a_metric_are_caught(made, copy):
    def older(claim):
        claim["fingerprint"]["metrics"]["psnr"]["code"] = "pyiqa 0.1.10, torch 2.0"

    edit_claims(copy, older)
    assert caught(copy, made) == {
        "metrics": "PSNR was scored by pyiqa 0.1.10, torch 2.0, here by ggt_hf.metrics 1"
    }


def test_another_decoder_is_caught_by_name_and_by_pictures(made, monkeypatch):
    real = work.decode

    def other(data, name):
        return np.clip(real(data, name).astype(int) + 2, 0, 255).astype(np.uint8)[:, ::-1].copy()

    monkeypatch.setattr(work, "decode", other)
    monkeypatch.setattr(verify, "decoder", lambda: "another decoder 1.0")
    found = caught(made / "model", made)
    assert "here by another decoder 1.0" in found["decoder"] and "PSNR" in found["pictures"]


def test_missing_pictures_are_named(made, copy, tmp_path):
    fewer = Path(shutil.copytree(made / "pairs", tmp_path / "fewer"))
    for side in ("LQ", "GT"):
        (fewer / "rain" / side / "p0.png").unlink()
    model = Model(name="m", place=str(copy), device="cpu")
    found = disagreements(verify_model(model, where={"ggt-test": str(fewer)}))
    assert [one.what for one in found] == ["pictures"] and "rain-p0" in found[0].says
    with pytest.raises(UsageError, match="Nobody says where the pictures of ggt-test are"):
        verify_model(model)


def test_a_model_without_claims_says_so(tmp_path):
    tiny_pipeline().save_pretrained(tmp_path / "model")
    with pytest.raises(FormatError, match="claims nothing"):
        verify_model(Model(name="m", place=str(tmp_path / "model"), device="cpu"))


def ggt(*words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words)])


def test_a_pushed_model_is_verified_from_the_hub(hub: Hub, made, tmp_path):
    tiny_pipeline().save_pretrained(tmp_path / "model")
    hub.api().create_repo(REPO, private=True)
    hub.api().upload_folder(repo_id=REPO, folder_path=tmp_path / "model")
    done = ggt("card", "results", made / "run", "mine", REPO)
    assert done.exit_code == 0, done.output
    words = ["verify", REPO, "--task", f"ggt-test={made / 'pairs'}", "--device", "cpu"]
    done = ggt(*words)
    assert done.exit_code == 0, done.output + str(done.exception)
    assert done.stdout.count("agrees ") == 7 and f"{REPO} is what it claims." in done.stderr
    readme = hub.api().hf_hub_download(REPO, "README.md")
    changed = Path(readme).read_text().replace("value: ", "value: 1", 1)
    hub.api().upload_file(path_or_fileobj=changed.encode(), path_in_repo="README.md", repo_id=REPO)
    done = ggt(*words, "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert [one["what"] for one in said["findings"] if not one["agrees"]] == ["card"]

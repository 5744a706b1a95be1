"""From a name to an instruction-editing restorer: folders, the Hub, LoRAs, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")

from ggt_hf.errors import ModelError, ReadError, UsageError  # noqa: E402
from ggt_hf.restoration.editing import EditingOptions  # noqa: E402
from ggt_hf.restoration.loading import load_restorer  # noqa: E402
from tests.hub_server.accounts import BOB  # noqa: E402
from tests.hub_server.loopback import Hub, Mode  # noqa: E402
from tests.making import picture  # noqa: E402
from tests.restoration.editing import restorer, saved_lora, seeded  # noqa: E402
from tests.restoration.restorers import tiny_pipeline  # noqa: E402
from tests.synthesis import tiny  # noqa: E402

BASE, LORA = "ggt/base", "ggt/lora"


def restored(made: Any) -> Any:
    made.set_progress_bar_config(disable=True)
    call = {**tiny.CALLS["flux2_klein"], "num_inference_steps": 2}
    images = made(picture(3, 70, 50), "Remove rain.", generator=seeded(1), **call).images
    return np.asarray(images[0])


def test_an_editing_model_and_its_lora_go_to_the_hub_and_back(
    hub: Hub, hub_mode: Mode, tmp_path: Path
) -> None:
    made = restorer("flux2_klein")
    wanted = restored(made)
    made.push_to_hub(BASE, private=True)
    assert np.array_equal(restored(load_restorer(BASE, device="cpu")), wanted)
    saved_lora("flux2_klein", tmp_path)
    (tmp_path / "README.md").write_text(
        f"---\nbase_model: {BASE}\ninstance_prompt: Mend this.\n---\n# A LoRA\n"
    )
    hub.api().create_repo(LORA, private=True)
    hub.api().upload_folder(repo_id=LORA, folder_path=tmp_path)
    options = EditingOptions(lora=LORA)
    with_lora = restored(load_restorer(BASE, device="cpu", editing=options))
    assert not np.array_equal(with_lora, wanted)
    alone = load_restorer(LORA, device="cpu")
    assert alone.prompt == "Mend this."
    assert np.array_equal(restored(alone), with_lora)


def test_a_base_model_as_others_save_it_is_recognised(tmp_path: Path) -> None:
    base = tiny.build("z_image")
    base.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "model_index.json").read_text())["_class_name"] == (
        "ZImagePipeline"
    )
    made = load_restorer(tmp_path, device="cpu")
    assert type(made).__name__ == "ZImageRestorationPipeline"
    assert made.prompt.startswith("Restore this photograph")
    assert made.dtype == torch.float32
    half = load_restorer(tmp_path, device="cpu", editing=EditingOptions(dtype="bfloat16"))
    assert half.transformer.dtype == torch.bfloat16


def test_a_lora_of_another_family_is_refused(tmp_path: Path) -> None:
    restorer("flux2_klein").save_pretrained(tmp_path / "base")
    lora = saved_lora("instruct_pix2pix", tmp_path / "lora")
    for place in (lora, lora / "pytorch_lora_weights.safetensors"):
        with pytest.raises(ModelError, match="Flux2KleinPipeline"):
            load_restorer(tmp_path / "base", device="cpu", editing=EditingOptions(lora=str(place)))
    with pytest.raises(ModelError, match="cannot be used as a LoRA"):
        load_restorer(tmp_path / "base", device="cpu", editing=EditingOptions(lora="no/such"))


def test_a_lora_that_names_no_base_is_refused(tmp_path: Path) -> None:
    saved_lora("flux2_klein", tmp_path)
    with pytest.raises(ReadError, match="no card that names its base_model"):
        load_restorer(tmp_path)
    (tmp_path / "README.md").write_text("---\nbase_model: nobody/nothing\n---\n")
    with pytest.raises(ReadError, match="nobody/nothing cannot be fetched"):
        load_restorer(tmp_path)


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ({"_class_name": "StableDiffusionPipeline"}, "of which no restorer is made"),
        ({"_class_name": "../../evil"}, "of which no restorer is made"),
        ([], "cannot be read"),
        ({"_class_name": ["pipeline", "Evil"]}, "holds no restorer"),
        ({"_class_name": "Flux2KleinPipeline"}, "holds no restorer"),
    ],
)
def test_what_is_no_editing_model_is_named(index: Any, words: str, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    (tmp_path / "pipeline.py").write_text("raise SystemExit('code of the repository ran')")
    with pytest.raises(ReadError, match=words):
        load_restorer(tmp_path, device="cpu")


def test_other_restorers_take_no_lora(tmp_path: Path) -> None:
    tiny_pipeline().save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="not known as an instruction-editing model"):
        load_restorer(tmp_path, device="cpu", editing=EditingOptions(lora="a/b"))


def test_offloading_needs_an_accelerator(tmp_path: Path) -> None:
    restorer("flux2_klein").save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="Offloading frees the memory"):
        load_restorer(tmp_path, device="cpu", editing=EditingOptions(offload="model"))
    for offload in ("none", "model", "sequential"):
        with pytest.raises(UsageError, match="'cuda:77' cannot be used here"):
            load_restorer(
                tmp_path, device="cuda:77", editing=EditingOptions(dtype="float32", offload=offload)
            )


def test_a_gated_model_says_what_to_do(hub: Hub) -> None:
    hub.api().create_repo(BASE)
    hub.api().update_repo_settings(BASE, gated="manual")
    with pytest.raises(ReadError, match="accepted its terms") as caught:
        load_restorer(BASE, token=BOB, editing=EditingOptions(lora="a/b"))
    assert "hf auth login" in caught.value.hint
